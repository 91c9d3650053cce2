/** Copies trees so that what arrives is known to be what was there: hashed on both sides, synced, with modes and times. */
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  rm,
  rmdir,
  symlink,
  unlink,
} from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { syncDirectory, syncHandle, withFileErrors } from './file-error.ts';
import { bytesOf, encodeName } from './path-text.ts';
import {
  type ByteProgress,
  type DirectoryEntry,
  type FileEntry,
  hashFile,
  ifThere,
  type Tree,
  type TreeEntry,
} from './tree.ts';

export interface CopyOptions {
  /**
   * `live`: the source may change meanwhile; each file is taken as it was at one instant (or what it had grown to by then), and one that
   * vanishes is left out. `sealed`: each file must have the checksum of its entry.
   */
  readonly source: 'live' | 'sealed';
  /** Passed after each file: `<failpoint>` of failpoint.ts. */
  readonly failpoint: string;
  readonly onProgress?: (progress: ByteProgress) => void;
}

export interface CopyResult {
  /** What arrived, with checksums. */
  readonly entries: readonly TreeEntry[];
  /** Paths that vanished before they were copied. */
  readonly vanished: readonly string[];
}

/** Syncs wait for the disk more than for us; beyond four nothing gets faster on one disk. */
const parallelCopies = 4;
/** A file that is rewritten without end cannot be copied; one that is rewritten now and then can. */
const maxAttempts = 20;

/**
 * Copies `tree` from `from` into `to`, an empty directory. Directories stay open to their owner until `settleTree`, which is to follow.
 * Sockets and the like are passed over.
 *
 * @throws VERIFY_FAILED when the copy differs from its source, STORE_UNAVAILABLE on a full disk or for a file that changes all
 * the time, HOME_UNUSABLE for what cannot be read.
 */
export async function copyTree(
  from: string,
  tree: Tree,
  to: string,
  options: CopyOptions,
): Promise<CopyResult> {
  const vanished: string[] = [];
  const entries: TreeEntry[] = [];
  const files: FileEntry[] = [];
  for (const entry of tree.entries) {
    if (entry.kind === 'file') files.push(entry);
    else {
      if (entry.kind === 'directory') await makeAt(to, entry.path);
      if (entry.kind === 'link') await linkAt(to, entry.path, entry.target);
      entries.push(entry);
    }
  }
  const meter = new Meter(tree.bytes, options.onProgress);
  let next = 0;
  let failed = false;
  const copyNext = async (): Promise<void> => {
    for (let entry = files[next++]; entry !== undefined && !failed; entry = files[next++]) {
      const copied = await copyEntry(from, entry, to, options, meter);
      if (copied === undefined) vanished.push(entry.path);
      else entries.push(copied);
      failpoint(options.failpoint);
    }
  };
  // All come to rest before an error leaves: nobody may still write into what the caller then removes.
  const copies = Array.from({ length: parallelCopies }, () =>
    copyNext().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  const ends = await Promise.allSettled(copies);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return { entries, vanished };
}

async function copyEntry(
  from: string,
  entry: FileEntry,
  to: string,
  { source }: CopyOptions,
  meter: Meter,
): Promise<FileEntry | undefined> {
  const [fromPath, toPath] = [bytesOf(from, entry.path), bytesOf(to, entry.path)];
  return withFileErrors(`${from}/${entry.path}`, async () => {
    if (source === 'sealed') return copySealed(fromPath, entry, toPath, meter);
    try {
      const copied = await copyLive(fromPath, entry, toPath, meter);
      if (copied !== undefined) return copied;
    } catch (error) {
      // Only what is gone from the source may be missing in the copy.
      if (!isGone(error) || (await ifThere(() => lstat(fromPath)))?.isFile() === true) throw error;
    }
    await rm(toPath, { force: true });
    return undefined;
  });
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function copySealed(from: Buffer, entry: FileEntry, to: Buffer, meter: Meter): Promise<FileEntry> {
  const found = await lstat(from).catch(() => undefined);
  if (found?.isFile() !== true) throw differs(entry.path, 'is missing');
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  meter.add(entry.size);
  const arrived = await hashFile(to, (bytes) => meter.add(bytes * 2));
  if (arrived.sha256 !== entry.sha256) throw differs(entry.path, 'differs from its checksum');
  await finishFile(to, entry);
  return entry;
}

/**
 * The kernel copies (or clones, where the file system can), then both sides are hashed. Equal: the copy is what the source was at an
 * instant, also when it has grown since. Unequal: it was rewritten in between, and all begins again.
 */
async function copyLive(
  from: Buffer,
  entry: FileEntry,
  to: Buffer,
  meter: Meter,
): Promise<FileEntry | undefined> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const before = await lstat(from, { bigint: true });
    if (!before.isFile()) return undefined;
    let added = 0;
    const add = (bytes: number) => {
      added += bytes;
      meter.add(bytes);
    };
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    add(entry.size);
    const copied = await hashFile(to, add);
    const read = await hashFile(from, add, copied.size);
    if (read.sha256 === copied.sha256) {
      const mtimeUs = Number(before.mtimeNs / 1000n);
      const taken = { ...entry, ...copied, mtimeUs, mode: Number(before.mode) & 0o7777 };
      await finishFile(to, taken);
      return taken;
    }
    meter.add(-added);
    await rm(to);
  }
  throw new CollabError(
    'STORE_UNAVAILABLE',
    `${entry.path} was rewritten ${maxAttempts} times while it was copied`,
    {
      next: 'Stop the program that writes it and run it again.',
      details: { path: entry.path },
    },
  );
}

/** Mode, time, and on the disk. A read-only handle will do for all three, whatever the mode. */
async function finishFile(path: Buffer, { mode, mtimeUs }: FileEntry): Promise<void> {
  await chmod(path, 0o600);
  const file = await open(path, 'r');
  try {
    const seconds = secondsOf(mtimeUs);
    await file.utimes(seconds, seconds);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Node takes seconds in a double and cuts them to a whole microsecond: half a microsecond more is cut to the right one. */
function secondsOf(mtimeUs: number): number {
  return (mtimeUs + 0.5) / 1e6;
}

async function makeAt(root: string, path: string): Promise<void> {
  await withFileErrors(`${root}/${path}`, () => mkdir(bytesOf(root, path), { mode: 0o700 }));
}

async function linkAt(root: string, path: string, target: string): Promise<void> {
  await withFileErrors(`${root}/${path}`, () => symlink(encodeName(target), bytesOf(root, path)));
}

/**
 * Gives directories and links their modes and times and syncs the names, deepest first: whatever is done in a directory changes its
 * time. Idempotent. What is not there is passed over.
 */
export async function settleTree(root: string, tree: Pick<Tree, 'entries'>): Promise<void> {
  const directories = tree.entries.filter((entry) => entry.kind === 'directory');
  // From the top: one that was settled before may keep its owner out.
  for (const { path } of directories) await ifThere(() => chmod(bytesOf(root, path), 0o700));
  for (const entry of tree.entries) {
    if (entry.kind !== 'link') continue;
    const seconds = secondsOf(entry.mtimeUs);
    await ifThere(() => lutimes(bytesOf(root, entry.path), seconds, seconds));
  }
  for (const entry of directories.toReversed()) await ifThere(() => settleDirectory(root, entry));
  await syncDirectory(bytesOf(root, ''));
}

/** Through a handle, so that its mode may keep us out, and the sync is the last that is done to it. */
async function settleDirectory(root: string, { path, mode, mtimeUs }: DirectoryEntry): Promise<void> {
  const seconds = secondsOf(mtimeUs);
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const directory = await open(bytesOf(root, path), flags);
  try {
    await directory.utimes(seconds, seconds);
    await directory.chmod(mode);
    await syncHandle(directory);
  } finally {
    await directory.close();
  }
}

/** Removes a tree, read-only directories too. Nothing there is fine. */
export async function removeTree(root: string): Promise<void> {
  await ifThere(() => removeAt(encodeName(root)));
}

async function removeAt(path: Buffer): Promise<void> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) return unlink(path);
  if ((stats.mode & 0o700) !== 0o700) await chmod(path, 0o700);
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    await removeAt(Buffer.concat([path, Buffer.of(0x2f), name]));
  }
  await rmdir(path);
}

function differs(path: string, what: string): CollabError {
  return new CollabError('VERIFY_FAILED', `the backup is damaged: ${path} ${what}`, {
    next: 'Use another one: agent-collab backup --list shows them.',
    details: { path },
  });
}

/** Each byte is copied, and hashed on both sides: three thirds of the way. */
class Meter {
  readonly #total: number;
  readonly #tell: ((progress: ByteProgress) => void) | undefined;
  #thirds = 0;

  constructor(total: number, tell: ((progress: ByteProgress) => void) | undefined) {
    this.#total = total;
    this.#tell = tell;
  }

  add(bytes: number): void {
    this.#thirds += bytes;
    const done = Math.floor(this.#thirds / 3);
    this.#tell?.({ done, total: Math.max(done, this.#total) });
  }
}
