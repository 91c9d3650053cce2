/** What a directory holds, entry by entry, with checksums: the common language of backup, restore, migration and rollback. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, stat } from 'node:fs/promises';
import { bytesOf, decodeName } from './path-text.ts';

interface EntryBase {
  /** Relative to the root of the tree, POSIX, as the directory has it (path-text.ts for names that are no UTF-8). */
  readonly path: string;
}

export interface FileEntry extends EntryBase {
  readonly kind: 'file';
  /** Permission bits with set-id and sticky: 0o644. */
  readonly mode: number;
  /** Microseconds since 1970: what Node can set again. */
  readonly mtimeUs: number;
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

export interface DirectoryEntry extends EntryBase {
  readonly kind: 'directory';
  readonly mode: number;
  readonly mtimeUs: number;
}

/** A symbolic link, never followed. */
export interface LinkEntry extends EntryBase {
  readonly kind: 'link';
  readonly mtimeUs: number;
  readonly target: string;
}

/** Listed so that it is known, never copied: opening one may block or talk to another process. */
export interface OtherEntry extends EntryBase {
  readonly kind: 'other';
  readonly what: 'socket' | 'fifo' | 'device';
}

export type TreeEntry = FileEntry | DirectoryEntry | LinkEntry | OtherEntry;

export interface Tree {
  /** Permission bits of the root itself. */
  readonly mode: number;
  /** Sorted by path (UTF-16 code units), so a directory stands before what is in it. The root is not among them. */
  readonly entries: readonly TreeEntry[];
  /** Of all files. */
  readonly bytes: number;
}

/** Bytes read or written of those that there are. `total` is an estimate while files change. */
export interface ByteProgress {
  readonly done: number;
  readonly total: number;
}

export interface ListOptions {
  /** True for an entry that is left out, with everything below it. Gets the relative path. @default nothing is left out */
  readonly skip?: (path: string) => boolean;
  readonly onProgress?: (progress: ByteProgress) => void;
}

const permissionBits = 0o7777;
const hashChunkBytes = 1024 * 1024;
/** Less than this is not worth a smaller buffer. */
const leastChunkBytes = 16 * 1024;

/**
 * Everything below `root`, hashed in a stream. An entry that vanishes on the way is left out: it is in no later state either.
 *
 * @throws NodeJS.ErrnoException when `root` or something below it cannot be read.
 */
export async function listTree(root: string, options: ListOptions = {}): Promise<Tree> {
  const scanned = await scanTree(root, options.skip);
  let done = 0;
  const entries: TreeEntry[] = [];
  for (const entry of scanned.entries) {
    if (entry.kind !== 'file') {
      entries.push(entry);
      continue;
    }
    const hashed = await ifThere(() =>
      hashFile(bytesOf(root, entry.path), (bytes) => {
        done += bytes;
        options.onProgress?.({ done, total: Math.max(done, scanned.bytes) });
      }),
    );
    if (hashed !== undefined) entries.push({ ...entry, ...hashed });
  }
  return treeOf(scanned.mode, entries);
}

/**
 * The same without contents: `sha256` is empty. Reads no file.
 * @param follow true for a link to a directory that is taken for the directory itself.
 */
export async function scanTree(
  root: string,
  skip: (path: string) => boolean = () => false,
  follow: (path: string) => boolean = () => false,
): Promise<Tree> {
  const top = await lstat(bytesOf(root, ''));
  const entries: TreeEntry[] = [];
  const walk = async (directory: string): Promise<void> => {
    const names = await ifThere(() => readdir(bytesOf(root, directory), { encoding: 'buffer' }));
    for (const name of names ?? []) {
      const path = directory === '' ? decodeName(name) : `${directory}/${decodeName(name)}`;
      if (skip(path)) continue;
      const entry = await ifThere(() => entryAt(root, path, follow(path)));
      if (entry === undefined) continue;
      entries.push(entry);
      if (entry.kind === 'directory') await walk(path);
    }
  };
  await walk('');
  return treeOf(top.mode & permissionBits, entries);
}

export function treeOf(mode: number, entries: readonly TreeEntry[]): Tree {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const bytes = sorted.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);
  return { mode, entries: sorted, bytes };
}

/**
 * One SHA-256 over paths, kinds, modes, contents and link targets: equal trees, equal checksum. Times are left out, and so are
 * sockets and the like, which no copy has.
 */
export function treeChecksum(tree: Pick<Tree, 'entries'>): string {
  const hash = createHash('sha256');
  for (const entry of tree.entries) {
    if (entry.kind === 'other') continue;
    // JSON: no name, whatever it holds, can look like two.
    hash.update(`${JSON.stringify(identity(entry))}\n`);
  }
  return hash.digest('hex');
}

function identity(entry: Exclude<TreeEntry, OtherEntry>): readonly unknown[] {
  switch (entry.kind) {
    case 'file':
      return ['file', entry.path, entry.mode, entry.size, entry.sha256];
    case 'directory':
      return ['directory', entry.path, entry.mode];
    case 'link':
      return ['link', entry.path, entry.target];
  }
}

async function entryAt(root: string, path: string, follows: boolean): Promise<TreeEntry> {
  const at = bytesOf(root, path);
  const own = await lstat(at, { bigint: true });
  const target =
    follows && own.isSymbolicLink() ? await ifThere(() => stat(at, { bigint: true })) : undefined;
  const stats = target?.isDirectory() === true ? target : own;
  const mtimeUs = Number(stats.mtimeNs / 1000n);
  const mode = Number(stats.mode) & permissionBits;
  if (stats.isFile()) return { kind: 'file', path, mode, mtimeUs, size: Number(stats.size), sha256: '' };
  if (stats.isDirectory()) return { kind: 'directory', path, mode, mtimeUs };
  if (stats.isSymbolicLink()) {
    const target = decodeName(await readlink(at, { encoding: 'buffer' }));
    return { kind: 'link', path, mtimeUs, target };
  }
  return { kind: 'other', path, what: stats.isFIFO() ? 'fifo' : stats.isSocket() ? 'socket' : 'device' };
}

/** Of a regular file; a link in its place is not followed, a fifo in its place does not block. */
export async function hashFile(
  path: Buffer,
  onBytes: (bytes: number) => void = () => {},
  /** Only the first so many bytes. */
  limit = Number.POSITIVE_INFINITY,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const { file, bytes } = await openForReading(path);
  try {
    const hash = createHash('sha256');
    // A hundred thousand small files would otherwise throw away as many megabytes. One byte more shows the end in one read.
    const chunk = Buffer.allocUnsafe(Math.min(hashChunkBytes, Math.max(leastChunkBytes, bytes + 1)));
    for (let size = 0; ; ) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, limit - size), size);
      if (bytesRead === 0) return { size, sha256: hash.digest('hex') };
      hash.update(chunk.subarray(0, bytesRead));
      size += bytesRead;
      onBytes(bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** A link, or a socket, where there was a file a moment ago. */
const noFile: ReadonlySet<string> = new Set(['ELOOP', 'EMLINK', 'ENXIO']);

/** @throws NodeJS.ErrnoException, ENOENT too when what is there now is no regular file any more. */
async function openForReading(path: Buffer): Promise<{ readonly file: FileHandle; readonly bytes: number }> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw noFile.has(error.code ?? '') ? replaced(path) : error;
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw replaced(path);
    return { file, bytes: stats.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function replaced(path: Buffer): Error {
  const about = { code: 'ENOENT', path: decodeName(path) };
  return Object.assign(new Error('replaced by something that is no file'), about);
}

/** Undefined when it is gone: a directory in use changes while it is walked. */
export async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOTDIR: a directory on the way to it is a file by now.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
