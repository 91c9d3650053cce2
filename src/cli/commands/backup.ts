import { resolve } from 'node:path';
import { type BackupListing, listBackupsIn } from '../../backup/list-backups.ts';
import { finishInterruptedRestore, takeOwnerLock } from '../../backup/restore.ts';
import { systemClock } from '../../base/clock.ts';
import { counted } from '../../base/counted.ts';
import { formatDuration } from '../../base/duration.ts';
import { CollabError } from '../../base/errors.ts';
import { writeErr } from '../../base/log.ts';
import type { BackupView } from '../../control/results.ts';
import { homePaths } from '../../home/home-paths.ts';
import { backupInChild } from '../../offload/backup-child.ts';
import { byteProgress } from '../byte-progress.ts';
import type { CommandContext, CommandResult, CommandRun } from '../command-context.ts';
import type { CommandData } from '../command-data.ts';
import { labelled } from '../labelled.ts';
import { withProgress } from '../progress.ts';
import { printable, type Screen } from '../screen.ts';
import { showTime } from '../show-time.ts';
import { textTable } from '../text-table.ts';
import { formatBytes } from './status.ts';

/** A terabyte on a slow disk takes hours; a daemon that hangs is seen by `status`. */
const longestBackupMs = 12 * 3_600_000;
const pollMs = 1000;
/** Of what was left out, for people. */
const maxLeftOut = 5;

export const backup: CommandRun<'backup'> = async ({ to, list }, context) => {
  const target = to === undefined ? undefined : resolve(context.cwd, to);
  if (list) return listing(context.home, target);
  const startMs = systemClock.monotonicMs();
  let label = 'backing up';
  const work = make(target, context, (step) => {
    label = step;
  });
  const made = await withProgress(context.stderr, () => label, work);
  const durationMs = Math.round(systemClock.monotonicMs() - startMs);
  const data = { ...viewOf(made), durationMs };
  if (made.stores?.sound === false) {
    const { problems } = made.stores;
    throw new CollabError(
      'VERIFY_FAILED',
      `the stores are damaged, and so is their copy: ${problems[0] ?? ''}`,
      {
        next: `The copy in ${made.directory} is kept. Stop the daemon and run agent-collab verify --repair.`,
        details: { backup: data, problems },
      },
    );
  }
  return { data, text: (screen) => backupText(made, durationMs, target !== undefined, context.home, screen) };
};

/** By the daemon while one runs, since its stores are open; else here, on the files at rest. */
async function make(
  to: string | undefined,
  { daemon, home, stderr }: CommandContext,
  onStep: (label: string) => void,
): Promise<BackupView> {
  const input = to === undefined ? {} : { to };
  const poll = stderr.isTerminal ? setInterval(() => void ask(), pollMs) : undefined;
  const ask = async () => {
    // A status that fails is no news: the call that is under way tells what is the matter.
    const activity = (await daemon.call('status', {}).catch(() => undefined))?.data.activity;
    if (!activity) return;
    const { what } = activity;
    onStep(`${what === 'backup' ? 'backing up' : `waiting for the end of: ${what}`}${percentOf(activity)}`);
  };
  try {
    const served = await daemon.callIfServed('backup', input, { timeoutMs: longestBackupMs });
    if (served !== undefined) return served.data;
  } finally {
    clearInterval(poll);
  }
  const owner = await takeOwnerLock(home, 'backup');
  try {
    const interrupted = await finishInterruptedRestore(home);
    if (interrupted !== undefined) writeErr(`note: ${interrupted.text}\n`);
    return await backupInChild(
      { home, reason: 'manual', lmdb: 'copy-files', ...input },
      ({ step, unit, ...progress }) =>
        onStep(
          unit === 'bytes'
            ? byteProgress(step === 'copy' ? 'copying' : 'checking', progress)
            : `checking the stores, ${progress.done} of ${progress.total} records`,
        ),
    );
  } finally {
    await owner.close();
  }
}

function percentOf({ done, total }: { readonly done: number; readonly total: number }): string {
  return total <= 0 ? '' : ` ${Math.min(100, Math.floor((done / total) * 100))} %`;
}

function viewOf({
  name,
  directory,
  createdAt,
  files,
  bytes,
  checksum,
  stores,
  leftOut,
}: BackupView): BackupView {
  return { name, directory, createdAt, files, bytes, checksum, stores, leftOut };
}

function backupText(
  { name, directory, files, bytes, stores, leftOut }: BackupView,
  durationMs: number,
  isElsewhere: boolean,
  home: string,
  screen: Screen,
): string {
  const found =
    stores === null
      ? 'none'
      : `${counted(stores.deltas, 'delta')}, ${counted(stores.auditEvents, 'audit event')}, all as they were written`;
  const told = leftOut
    .slice(0, maxLeftOut)
    .map(({ path, why }) => `${printable(path)} (${printable(why)})`)
    .join(', ');
  const more = leftOut.length - maxLeftOut;
  const left = more > 0 ? `${told} and ${more} more: see --json` : told;
  const first = isElsewhere ? `put it into ${homePaths(home).backups}, then: ` : '';
  return labelled(
    [
      ['backup', screen.paint('green', name)],
      ['in', directory],
      [
        'copied',
        `${counted(files, 'file')}, ${formatBytes(bytes)}, in ${formatDuration(durationMs)}; each was read again and compared`,
      ],
      ['stores', found],
      ['left out', left === '' ? undefined : left],
      ['restore', `${first}agent-collab daemon stop && agent-collab restore ${name}`],
    ],
    screen,
  );
}

async function listing(home: string, to: string | undefined): Promise<CommandResult<CommandData['backup']>> {
  const directory = to ?? homePaths(home).backups;
  const backups = await listBackupsIn(directory);
  return {
    data: { directory, backups },
    text: (screen) =>
      backups.length === 0
        ? `there are no backups in ${directory}; make one: agent-collab backup\n`
        : listingText(backups, screen),
  };
}

function listingText(backups: readonly BackupListing[], screen: Screen): Promise<string> {
  const nowMs = systemClock.wallMs();
  return textTable<BackupListing>(
    [
      { head: 'NAME', cell: (one) => one.name },
      { head: 'MADE', cell: (one) => (one.state === 'complete' ? showTime(one.createdAt, nowMs) : '') },
      { head: 'WHY', cell: (one) => (one.state === 'complete' ? one.reason : '') },
      {
        head: 'SIZE',
        cell: (one) =>
          one.state === 'complete' ? `${counted(one.files, 'file')}, ${formatBytes(one.bytes)}` : '',
      },
      { head: 'STATE', cell: stateText, wraps: true },
    ],
    backups,
    screen,
  );
}

function stateText(one: BackupListing): string {
  if (one.state === 'incomplete') return `incomplete: ${one.why}`;
  return one.storesSound === false ? 'complete, of damaged stores' : 'complete';
}
