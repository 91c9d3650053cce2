/** Makes a bundle for a report out of whatever can be had. */
import { homedir, hostname } from 'node:os';
import { basename, resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { maxQueryLimit } from '../../base/limits.ts';
import { HomeSecrets } from '../../daemon/home-secrets.ts';
import { examine } from '../../doctor/doctor.ts';
import { type HomePaths, homePaths } from '../../home/home-paths.ts';
import { logFiles } from '../../home/log-file.ts';
import { type BundlePart, type Manifest, makeBundle } from '../../support/bundle.ts';
import { createNameHider } from '../../support/hide-names.ts';
import { describeMachine, describeSettingsFile, listFiles } from '../../support/home-parts.ts';
import { readLogPart } from '../../support/log-part.ts';
import { bundlePlace, writeBundle } from '../../support/write-bundle.ts';
import { userName } from '../agent-identity.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { labelled } from '../labelled.ts';
import { withProgress } from '../progress.ts';
import { printable, type Screen } from '../screen.ts';
import { clientsIfServed } from './doctor.ts';
import { formatBytes } from './status.ts';

/** A daemon that answers later than this does not answer, which is what the bundle should say. */
const answerLimitMs = 5000;
/** Reading every record of a large store takes minutes; a report can do without. */
const verifyLimitMs = 600_000;
const auditMs = 7 * 86_400_000;
const auditPages = 20;

export const support: CommandRun<'support'> = async ({ to }, context) => {
  const createdAt = new Date(systemClock.wallMs());
  const stamp = createdAt.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name = `agent-collab-support-${stamp}`;
  const path = await bundlePlace(resolve(context.cwd, to ?? `${name}.zip`), `${name}.zip`);
  const paths = homePaths(context.home);
  const secrets = new HomeSecrets(paths);
  let label = 'collecting';
  const onStep = (what: string) => {
    label = what;
  };
  const hideNames = createNameHider({ home: homedir(), user: userName(), host: hostname() });
  const work = makeBundle(partsOf(context, paths, onStep), {
    name: basename(path).replace(/\.zip$/i, '') || name,
    createdAt,
    secrets: () => secrets.current(),
    hideNames,
    onStep,
  });
  const { bytes, manifest } = await withProgress(context.stderr, () => label, work);
  await writeBundle(path, bytes);
  const { files, missing } = manifest;
  return {
    data: { file: path, bytes: bytes.length, files, missing, redacted: totalOf(manifest) },
    text: (screen) => bundleText(path, bytes.length, manifest, screen),
  };
};

function partsOf(
  context: CommandContext,
  paths: HomePaths,
  onStep: (what: string) => void,
): readonly BundlePart[] {
  const { daemon, cwd } = context;
  const status = async () => (await daemon.call('status', { cwd }, { timeoutMs: answerLimitMs })).data;
  const logs = [...logFiles(paths.daemonLog), paths.daemonStderr].map(
    (path): BundlePart => ({
      path: `logs/${basename(path)}`,
      about: path === paths.daemonStderr ? 'what a crash said past the log' : 'the log of the daemon',
      make: (redaction) => readLogPart(path, redaction),
    }),
  );
  return [
    { path: 'machine.json', about: 'versions, system, memory, disk', make: () => describeMachine(paths) },
    { path: 'config.json', about: 'the settings that are set', make: () => describeSettingsFile(paths) },
    { path: 'status.json', about: 'what agent-collab status says', make: status },
    {
      path: 'doctor.json',
      about: 'what agent-collab doctor finds',
      make: () =>
        examine({
          home: context.home,
          script: process.argv[1] ?? '',
          clients: () => clientsIfServed(context),
          onStep,
          daemon: {
            // Whatever is the matter with it: the doctor says what is left of it.
            status: () => status().catch(() => undefined),
            verify: async () => (await daemon.call('verify', {}, { timeoutMs: verifyLimitMs })).data,
          },
        }),
    },
    { path: 'audit.json', about: 'how often what was done with locks', make: () => countAudit(context) },
    {
      path: 'files.json',
      about: 'the files of the data directory: names, sizes, modes',
      make: (_, miss) => listFiles(paths, miss),
    },
    ...logs,
  ];
}

/** Counts by action: of the events nothing else. */
async function countAudit({ daemon }: CommandContext): Promise<unknown> {
  const fromMs = systemClock.wallMs() - auditMs;
  const counts: Record<string, number> = {};
  let cursor: number | undefined;
  for (let page = 0; page < auditPages; page += 1) {
    const input = { fromMs, limit: maxQueryLimit, ...(cursor === undefined ? {} : { cursor }) };
    const { data } = await daemon.call('audit', input, { timeoutMs: answerLimitMs });
    for (const { action } of data.events) counts[action] = (counts[action] ?? 0) + 1;
    cursor = data.cursor;
    if (cursor === undefined) break;
  }
  return { from: new Date(fromMs).toISOString(), counts, isComplete: cursor === undefined };
}

function totalOf({ files }: Manifest): Readonly<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const { redacted } of files)
    for (const [kind, count] of Object.entries(redacted)) total[kind] = (total[kind] ?? 0) + count;
  return total;
}

function bundleText(path: string, bytes: number, manifest: Manifest, screen: Screen): string {
  const { files, missing, leftOut, stays } = manifest;
  const listed = files.map((file) => [file.path, `${file.about} (${formatBytes(file.bytes)})`] as const);
  const total = Object.entries(totalOf(manifest)).map(([kind, count]) => `${count} × ${kind}`);
  return [
    `${screen.paint('bold', printable(path))}  ${formatBytes(bytes)}\n`,
    labelled([...listed, ['manifest.json', 'what is in each file, and what was left out of it']], screen),
    ...missing.map(
      (one) => `${screen.paint('yellow', 'not to be had:')} ${one.path}: ${printable(one.why)}\n`,
    ),
    `left out${total.length === 0 ? '' : ` (${total.join(', ')})`}:\n`,
    ...leftOut.map((what) => `  ${what}\n`),
    'still in it:\n',
    ...stays.map((what) => `  ${what}\n`),
    `${screen.paint('cyan', 'next:')} look at it before you send it: no program knows everything that you want to keep to yourself\n`,
  ].join('');
}
