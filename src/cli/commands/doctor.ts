import { CollabError } from '../../base/errors.ts';
import { type Checkup, examine, mend, type RunningDaemon } from '../../doctor/doctor.ts';
import type { Finding } from '../../doctor/finding.ts';
import type { ClientReport } from '../../setup/set-up.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import type { CommandData } from '../command-data.ts';
import type { DaemonLink } from '../daemon-link.ts';
import { withProgress } from '../progress.ts';
import { printable, type Screen } from '../screen.ts';
import { clientReports } from './setup.ts';

/** Verifying walks everything there is. */
const longestVerifyMs = 3_600_000;

export const doctor: CommandRun<'doctor'> = async ({ fix }, context) => {
  let label = 'looking at the data directory';
  const options = {
    home: context.home,
    script: process.argv[1] ?? '',
    clients: () => clientsIfServed(context),
    daemon: running(context.daemon),
    onStep: (what: string) => {
      label = what;
    },
  };
  const work = (async () => {
    const first = await examine(options);
    if (!fix) return { checkup: first, fixed: undefined };
    const fixed = await mend(first.findings, options);
    // What was mended shows by another look, not by the mending having been tried.
    return { checkup: fixed.length === 0 ? first : await examine(options), fixed };
  })();
  const { checkup, fixed } = await withProgress(context.stderr, () => label, work);
  const data = { ...checkup, ...(fixed === undefined ? {} : { fixed }) };
  const text = (screen: Screen) => checkupText(checkup, fixed, screen);
  if (checkup.healthy) return { data, text };
  return complain(checkup, data, text, context);
};

/** Where hooks are to be sent only a daemon tells. */
export async function clientsIfServed(context: CommandContext): Promise<readonly ClientReport[] | undefined> {
  try {
    return await clientReports([], context);
  } catch (error) {
    if (error instanceof CollabError) return undefined;
    throw error;
  }
}

/** People see all findings as well as the failure; a script gets one document. */
async function complain(
  { findings }: Checkup,
  data: CommandData['doctor'],
  text: (screen: Screen) => string,
  { json, emit }: CommandContext,
): Promise<never> {
  if (!json) await emit(data, text);
  const wrong = findings.filter(({ state }) => state === 'bad');
  const isMendable = wrong.some((one) => one.mendable === true);
  throw new CollabError('UNHEALTHY', `not in order: ${wrong.map(({ check }) => check).join(', ')}`, {
    next: isMendable ? 'Run: agent-collab doctor --fix.' : (wrong[0]?.next ?? 'See docs/STORAGE.md.'),
    details: { ...data },
  });
}

function running(link: DaemonLink): RunningDaemon {
  return {
    status: async () => {
      try {
        return (await link.call('status', {})).data;
      } catch (error) {
        if (error instanceof CollabError && error.code === 'DAEMON_UNREACHABLE') return undefined;
        throw error;
      }
    },
    verify: async (repair) =>
      (await link.call('verify', repair ? { repair } : {}, { timeoutMs: longestVerifyMs })).data,
  };
}

const marks = { ok: ['green', 'ok'], warn: ['yellow', 'warn'], bad: ['red', 'BAD'] } as const;

function checkupText({ findings }: Checkup, fixed: readonly string[] | undefined, screen: Screen): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map((finding) => findingText(finding, width, screen));
  const done = fixed?.map((what) => `${screen.paint('green', 'fixed:')} ${printable(what)}\n`) ?? [];
  if (fixed?.length === 0) done.push('nothing to fix\n');
  return [...lines, ...done].join('');
}

function findingText({ check, state, says, next }: Finding, width: number, screen: Screen): string {
  const [style, mark] = marks[state];
  const head = `${screen.paint(style, mark.padEnd(4))}  ${check.padEnd(width)}  ${printable(says)}\n`;
  return next === undefined
    ? head
    : `${head}${' '.repeat(width + 8)}${screen.paint('cyan', 'next:')} ${printable(next)}\n`;
}
