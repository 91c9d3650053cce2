/**
 * Puts a backup in the place of what the data directory holds, all or nothing under SIGKILL at any instant:
 *
 * 1. The backup is copied to `.restoring/new`, each file compared with the manifest. A damaged backup ends it here.
 * 2. restore.json is written: from here on it goes forward.
 * 3. What is there moves to `.restoring/safety`, the copy into its place, and what was moved aside becomes a backup.
 */
import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { homePaths } from '../home/home-paths.ts';
import { OwnerLock } from '../home/owner-lock.ts';
import { dataFileName } from '../store/data-file.ts';
import { journalName, restoringName } from './backup-content.ts';
import { backupName, freeName } from './backup-place.ts';
import { copyTree, settleTree } from './copy-tree.ts';
import { needRoom, realHome, syncDirectory, withFileErrors } from './file-error.ts';
import { listBackups } from './list-backups.ts';
import { type BackupManifest, filesName, readManifest } from './manifest.ts';
import { clearStaging, rollForward, startTime } from './replace-home.ts';
import { assertReplaceable } from './replaceable.ts';
import {
  isName,
  type RestoreJournal,
  type RestoreReason,
  readJournal,
  workPlaces,
  writeJournal,
} from './restore-journal.ts';
import { ifThere } from './tree.ts';

/** `copy`: copying the backup beside what is there; `keep`: hashing what was there, for its own manifest. */
export interface RestoreProgress {
  readonly step: 'copy' | 'keep';
  /** Bytes. */
  readonly done: number;
  readonly total: number;
}

export interface RestoreOptions {
  readonly home: string;
  /** Exactly as `listBackups` names it. */
  readonly name: string;
  /**
   * `restore`: what only this machine has (logs/, when the backup has none) stays. `rollback`: afterwards everything outside
   * backups/ equals the manifest: contents, modes, times, links, and nothing else.
   */
  readonly reason: RestoreReason;
  /**
   * The caller's lock on the data directory; the caller closes it, after a rollback by `removeOwnerLock`. Left out: taken here, let go at
   * the end, and after a rollback removed too.
   */
  readonly owner?: OwnerLock;
  /**
   * Makes sure that the log in the second directory gives no fence again that the one in the first has reserved. For `restore` only; supplied
   * by who can do it in another process. @default the fences of the backup count
   */
  readonly carryFence?: (from: string, to: string) => Promise<void>;
  readonly onProgress?: (progress: RestoreProgress) => void;
}

export interface RestoreOutcome {
  readonly name: string;
  readonly reason: RestoreReason;
  /** The backup that now holds what was there before. */
  readonly safety: string;
  readonly files: number;
  readonly bytes: number;
  /** True: this call finished a restore of the same backup that had been interrupted. */
  readonly resumed: boolean;
  /** A restore of another backup had been interrupted, and was finished first: one sentence. */
  readonly finished?: string;
}

/** An interrupted restore that was found, and is done now. */
export interface InterruptedRestore {
  readonly source: string;
  readonly reason: RestoreReason;
  readonly safety: string;
  /** One sentence for the log. */
  readonly text: string;
}

/**
 * @throws INVALID_ARGUMENT for a name that is a path, NOT_FOUND for one that is not listed (`details.backups`), VERIFY_FAILED for an
 * incomplete or damaged backup, DAEMON_RUNNING with the pid, STORE_UNAVAILABLE without room, HOME_UNUSABLE for what could not be moved;
 * nothing has changed then.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreOutcome> {
  return withFileErrors(options.home, async () => {
    if (!isName(options.name)) throw noPath(options.name);
    const home = await realHome(options.home);
    if (options.owner !== undefined) return restore(home, options);
    const owner = await takeOwnerLock(home);
    let outcome: RestoreOutcome;
    try {
      outcome = await restore(home, options);
    } catch (error) {
      await owner.close();
      throw error;
    }
    await (options.reason === 'rollback' ? removeOwnerLock(home, owner) : owner.close());
    return outcome;
  });
}

/**
 * To be called with the owner lock held, before anything else looks into the data directory. Undefined: there is nothing to finish.
 * @throws STORE_DAMAGED when restore.json cannot be read, STORE_UNAVAILABLE on a full disk; called again it goes on.
 */
export async function finishInterruptedRestore(
  home: string,
  onProgress: (progress: RestoreProgress) => void = () => {},
): Promise<InterruptedRestore | undefined> {
  return withFileErrors(home, async () => {
    const root = await realHome(home);
    const journal = await readJournal(root);
    if (journal === undefined) {
      await clearStaging(root);
      return undefined;
    }
    const safety = await finish(root, journal, onProgress);
    const { source, reason } = journal;
    const text = `a ${reason} of backup ${source} had been interrupted and was finished; what was there before is backup ${safety}`;
    return { source, reason, safety, text };
  });
}

async function restore(home: string, options: RestoreOptions): Promise<RestoreOutcome> {
  const { name, reason, onProgress = () => {} } = options;
  const found = await finishInterruptedRestore(home, onProgress);
  const manifest = await findBackup(home, name);
  const about = { name, reason, files: countFiles(manifest), bytes: manifest.tree.bytes };
  if (found?.source === name && found.reason === reason)
    return { ...about, safety: found.safety, resumed: true };
  const keep = keptNames(reason, manifest);
  await stage(home, manifest, keep, options);
  failpoint('restore.staged');
  const { wallMs, iso } = startTime();
  const taken = new Set(await readdir(homePaths(home).backups));
  const safetyName = backupName(reason === 'restore' ? 'before-restore' : 'before-rollback', wallMs);
  const journal: RestoreJournal = {
    format: 1,
    source: name,
    reason,
    safety: freeName(taken, safetyName),
    keep,
    startedAt: iso,
    phase: 'out',
  };
  await writeJournal(home, journal);
  failpoint('restore.journaled');
  const safety = await finish(home, journal, onProgress);
  return { ...about, safety, resumed: false, ...(found === undefined ? {} : { finished: found.text }) };
}

function finish(
  home: string,
  journal: RestoreJournal,
  onProgress: (progress: RestoreProgress) => void,
): Promise<string> {
  return rollForward(home, journal, (progress) => onProgress({ step: 'keep', ...progress }));
}

/** A link, wherever it leads, is no backup. */
async function findBackup(home: string, name: string): Promise<BackupManifest> {
  const { backups } = homePaths(home);
  const directory = join(backups, name);
  const names = (await ifThere(() => readdir(backups))) ?? [];
  if (names.includes(name) && (await lstat(directory)).isDirectory()) return readManifest(directory);
  const listed = (await listBackups(home)).filter((one) => one.state === 'complete').map((one) => one.name);
  throw new CollabError('NOT_FOUND', `there is no backup named ${JSON.stringify(name)}`, {
    next:
      listed.length === 0
        ? 'There are none; make one: agent-collab backup.'
        : `There are: ${listed.join(', ')}.`,
    details: { backups: listed },
  });
}

async function stage(
  home: string,
  manifest: BackupManifest,
  keep: readonly string[],
  { name, reason, carryFence, onProgress = () => {} }: RestoreOptions,
): Promise<void> {
  const { backups } = homePaths(home);
  const { tree } = manifest;
  const there = await assertReplaceable(home, new Set(keep));
  await needRoom(home, tree.bytes, tree.entries.length, 'a copy of the backup');
  if ((await stat(backups)).dev !== (await stat(home)).dev)
    await needRoom(backups, there.bytes, there.entries, 'what is there now');
  const { root, incoming } = workPlaces(home);
  try {
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    await copyTree(join(backups, name, filesName), tree, incoming, {
      source: 'sealed',
      failpoint: 'restore.staging',
      onProgress: (progress) => onProgress({ step: 'copy', ...progress }),
    });
    const [from, to] = [homePaths(home).deltaStore, homePaths(incoming).deltaStore];
    if (reason === 'restore' && (await isStore(from)) && (await isStore(to))) await carryFence?.(from, to);
    // On disk, and still open to their owner: a directory that changes its parent is written to.
    const open = tree.entries.map((entry) =>
      entry.kind === 'directory' ? { ...entry, mode: entry.mode | 0o700 } : entry,
    );
    await settleTree(incoming, { entries: open });
    await syncDirectory(root);
  } catch (error) {
    await clearStaging(home).catch(() => {}); // the first failure is the one to tell
    throw error;
  }
}

async function isStore(directory: string): Promise<boolean> {
  return (await ifThere(() => stat(join(directory, dataFileName)))) !== undefined;
}

function keptNames(reason: RestoreReason, { tree }: BackupManifest): readonly string[] {
  const always = ['backups', 'daemon.lock', journalName, restoringName];
  const hasLogs = tree.entries.some((entry) => entry.path === 'logs');
  return reason === 'restore' && !hasLogs ? [...always, 'logs'] : always;
}

function countFiles({ tree }: BackupManifest): number {
  return tree.entries.filter((entry) => entry.kind === 'file').length;
}

function noPath(name: string): CollabError {
  return new CollabError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no name of a backup`, {
    next: 'Name one that agent-collab backup --list shows; a path is never taken.',
  });
}

/** @throws DAEMON_RUNNING naming who has it, HOME_UNUSABLE when there is no data directory. */
export async function takeOwnerLock(
  home: string,
  purpose: 'backup' | 'restore' | 'doctor' = 'restore',
): Promise<OwnerLock> {
  await realHome(home);
  // A backup leaves what a dead daemon left: the next start tells of it.
  const remains = purpose === 'backup' ? 'keep' : 'remove';
  const owner = await OwnerLock.tryAcquire(homePaths(home), remains, purpose);
  if (owner instanceof OwnerLock) return owner;
  throw new CollabError('DAEMON_RUNNING', `process ${owner.pid ?? 'unknown'} serves ${home} or works on it`, {
    next: 'If it is the daemon, stop it first: agent-collab daemon stop. A backup or a restore has to end by itself.',
    details: { pid: owner.pid ?? null, home },
  });
}

/**
 * Lets go of the lock and leaves no daemon.lock behind. Removed while it is held: whoever opened the old file meanwhile finds, once it
 * has that one's lock, another file or none at the path and begins anew (owner-lock.ts).
 */
export async function removeOwnerLock(home: string, owner: OwnerLock): Promise<void> {
  try {
    await rm(homePaths(home).daemonLock, { force: true });
  } finally {
    await owner.close();
  }
}
