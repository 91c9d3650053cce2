import { chmod, lstat, mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { temporaryFilePid } from './atomic-file.ts';
import { type HomePaths, homePaths } from './home-paths.ts';
import { probeWrite } from './probe-write.ts';
import { syncDirectory } from './sync-directory.ts';

export interface PreparedHome {
  readonly paths: HomePaths;
  /** Entries that others could read or write until now. */
  readonly tightened: readonly string[];
  /** Leftovers of crashed writers. */
  readonly removed: readonly string[];
  /** Sentences for the log. */
  readonly warnings: readonly string[];
}

/** Whatever its pid says, a temporary file of this age has no writer: a write takes milliseconds and pids are reused. */
const abandonedAfterMs = 10 * 60_000;
const forOthers = 0o077;

/**
 * Makes the data directory ready to be written: creates it 0700, tightens it and the files directly in it, tries
 * that it takes a file, and clears away what crashed writers left. The stores' directories are made by their owners
 * or by `createStoreDirectories`.
 *
 * @throws HOME_UNUSABLE with what is the matter and what to do about it.
 */
export async function prepareHome(directory: string, clock: Clock = systemClock): Promise<PreparedHome> {
  const paths = homePaths(directory);
  await createDirectory(paths.root);
  await assertOwnDirectory(paths.root);
  const names = await listDirectory(paths.root);
  const tightened: string[] = [];
  const warnings: string[] = [];
  // The root may be reached through a link, which is followed for it alone.
  const root = await realpath(paths.root);
  for (const name of ['.', ...names]) {
    const result = await tighten(join(root, name));
    if (result === 'tightened') tightened.push(name);
    if (result === 'still-open')
      warnings.push(`${join(paths.root, name)} stays open to other users: its file system keeps no modes.`);
  }
  await assertWritable(paths.root);
  const removed = await removeLeftovers(paths.root, names, clock);
  return Object.freeze({ paths, tightened, removed, warnings });
}

/** The directories below the data directory, 0700. Not part of `prepareHome`: a command that only looks makes none. */
export async function createStoreDirectories(paths: HomePaths): Promise<void> {
  const { deltaStore, indexStore, auditStore, metrics, vectors, backups, logs } = paths;
  const directories = [deltaStore, indexStore, auditStore, metrics, vectors, backups, logs];
  for (const path of directories) await makeDirectory(path);
  for (const parent of new Set(directories.map((path) => dirname(path)))) await syncNames(parent);
}

/** With every name on the way to it on disk: else power loss could take what is synced in it. */
async function createDirectory(path: string): Promise<void> {
  const first = (await makeDirectory(path)) ?? path;
  for (let at = path; ; at = dirname(at)) {
    await syncNames(dirname(at));
    if (at === first || at === dirname(at)) return;
  }
}

/** Resolves with the first directory that had to be made. */
async function makeDirectory(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Whoever made the names: a process may have been killed in between. */
async function syncNames(path: string): Promise<void> {
  try {
    await syncDirectory(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** @throws HOME_UNUSABLE when it is not there or belongs to another user. */
export async function assertOwnDirectory(root: string): Promise<void> {
  const entry = await stat(root).catch((error: unknown) => {
    throw unusable(root, error);
  });
  const uid = process.getuid?.();
  if (uid !== undefined && entry.uid !== uid) {
    // For root too: files that root makes in a user's directory lock that user out of it.
    throw new CollabError(
      'HOME_UNUSABLE',
      `${root} belongs to user ${entry.uid}, this process runs as ${uid}`,
      {
        next: 'Run agent-collab as its owner, or set AGENT_COLLAB_HOME to a directory of your own.',
        details: { path: root, owner: entry.uid, user: uid },
      },
    );
  }
}

async function listDirectory(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    throw unusable(root, error);
  }
}

/** Only takes rights away, and only from files and directories themselves, never from what a link leads to. */
async function tighten(path: string): Promise<'fine' | 'tightened' | 'still-open'> {
  const mode = await modesForOthers(path);
  if (mode === undefined) return 'fine';
  await chmod(path, mode & 0o700).catch(() => {});
  return (await modesForOthers(path)) === undefined ? 'tightened' : 'still-open';
}

/** The mode of a file or directory that others may read or write, else undefined. Links are somebody's own business. */
export async function modesForOthers(path: string): Promise<number | undefined> {
  // Windows shows modes that it does not have.
  if (process.platform === 'win32') return undefined;
  const entry = await lstat(path).catch(() => undefined);
  const counts = entry !== undefined && (entry.isFile() || entry.isDirectory());
  return counts && (entry.mode & forOthers) !== 0 ? entry.mode : undefined;
}

/** Modes do not tell: root ignores them, a file system may be read-only or full. So a file is written. */
async function assertWritable(root: string): Promise<void> {
  try {
    await probeWrite(root);
  } catch (error) {
    throw unusable(root, error);
  }
}

/** Temporary files of `writeFileAtomic` whose writers are gone. */
export async function removeLeftovers(
  root: string,
  names: readonly string[],
  clock: Clock = systemClock,
): Promise<string[]> {
  const removed: string[] = [];
  for (const name of names) {
    const pid = temporaryFilePid(name);
    if (pid === undefined) continue;
    const entry = await lstat(join(root, name)).catch(() => undefined);
    if (!entry?.isFile()) continue;
    const isAbandoned = clock.wallMs() - entry.mtimeMs > abandonedAfterMs;
    if (processLives(pid) && !isAbandoned) continue;
    await rm(join(root, name), { force: true });
    removed.push(name);
  }
  return removed;
}

/** Signal 0 is only checked, not sent. EPERM: it lives and is another user's. */
export function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const reasons: Readonly<Record<string, readonly [what: string, next: string]>> = {
  EEXIST: ['is not a directory', 'Move the file away, or set AGENT_COLLAB_HOME to another directory.'],
  ENOTDIR: ['lies below a file', 'Set AGENT_COLLAB_HOME to a directory that can be made.'],
  ENOENT: ['cannot be made (a link on the way leads nowhere)', 'Repair the link, or set AGENT_COLLAB_HOME.'],
  EACCES: [
    'may not be read and written',
    'Give yourself the rights (chmod u+rwx), or set AGENT_COLLAB_HOME.',
  ],
  EPERM: ['may not be read and written', 'Give yourself the rights (chmod u+rwx), or set AGENT_COLLAB_HOME.'],
  EROFS: [
    'is on a read-only file system',
    'Mount it writable, or set AGENT_COLLAB_HOME to another directory.',
  ],
  ENOSPC: ['is on a full disk', 'Free some space, or set AGENT_COLLAB_HOME to another disk.'],
  EDQUOT: ['is over its disk quota', 'Free some space, or set AGENT_COLLAB_HOME to another disk.'],
};

/** Any failure of the file system on the data directory as HOME_UNUSABLE. */
export function unusable(path: string, error: unknown): CollabError {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  const [what, next] = reasons[errno] ?? [
    'cannot be used',
    `Look into ${dirname(path)}, or set AGENT_COLLAB_HOME to another directory.`,
  ];
  return new CollabError('HOME_UNUSABLE', `the data directory ${path} ${what} (${errno})`, {
    next,
    details: { path, errno },
    cause: error,
  });
}
