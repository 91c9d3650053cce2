/**
 * What may be on the disk when the power fails. Assumptions, all on the strict side of what file systems promise (Pillai et al.,
 * "All File Systems Are Not Created Equal", OSDI 2014, calls such states legal unless a sync rules them out):
 *
 * - A write reaches the disk some time after the call began, in blocks of 4 KiB, the page cache's unit: each block of each write for
 *   itself, in any order among blocks. Of one block the disk holds what it was after some write to it, since it is written back from the one
 *   copy in memory. Or, torn, some of its sectors (512 bytes, which disks write whole) from a newer and the rest from an older one.
 * - `fsync` and `fdatasync`, when they return, have put every write that had returned before they began on the disk, and the file's
 *   size. They promise nothing of the file's name.
 * - What a process was doing when it was killed is in memory, as the next process saw it, and on disk after the next sync.
 * - A write through O_DSYNC has put its own blocks there when it returns, and makes the file long enough for them; nothing else.
 * - A file's size may be any that it had since the last sync, or just what its blocks on disk take. What is within the size and was never
 *   written reads as zeros.
 * - A name is made, moved or removed on disk when the directory that it stands in is synced; before that each such change may be there or
 *   not, whatever the others are. A rename is whole. `names: 'with-file'` allows what ext4, XFS and btrfs do besides: the sync of a
 *   file also puts the name on disk under which it was made.
 * - The disk does what it says: a cache that loses what it was told to flush cannot be made up for by any program.
 */
import { dirname } from 'node:path';
import type { Operation } from './file-operations.ts';

export const blockBytes = 4096;
export const sectorBytes = 512;

export type NameRule = 'strict' | 'with-file';

/** The contents of a block after one write, and which write. */
export interface BlockVersion {
  readonly operation: number;
  readonly bytes: Buffer;
  /** The call has returned: a sync that begins from now on covers it. */
  returned: boolean;
}

interface SizeVersion {
  readonly operation: number;
  readonly size: number;
  returned: boolean;
}

/** A file or a directory, whatever its names. */
export class Inode {
  readonly number: number;
  readonly isDirectory: boolean;
  /** As it was first called: for people. */
  readonly label: string;
  /** In memory, which is what the running system sees. */
  cache: Buffer = Buffer.alloc(0);
  cacheSize = 0;
  durable: Buffer = Buffer.alloc(0);
  durableSize = 0;
  /** Since the last sync, oldest first. */
  readonly blocks = new Map<number, BlockVersion[]>();
  readonly sizes: SizeVersion[] = [];

  constructor(number: number, isDirectory: boolean, label: string) {
    this.number = number;
    this.isDirectory = isDirectory;
    this.label = label;
  }

  block(at: number): Buffer {
    return Buffer.from(this.cache.subarray(at * blockBytes, (at + 1) * blockBytes));
  }
}

type Written = Extract<Operation, { readonly kind: 'write' }>;

/** One change of names, all or nothing. Undefined stands for: no such name. */
export interface NameChange {
  readonly operation: number;
  readonly entries: readonly { readonly path: string; readonly inode: Inode | undefined }[];
  returned: boolean;
}

/** The order in which things happened: each operation begins, and most end. */
export interface Moment<T extends Operation = Operation> {
  readonly operation: T;
  readonly edge: 'begin' | 'end';
}

export function momentsOf<T extends Operation>(operations: readonly T[]): readonly Moment<T>[] {
  const timed = operations.flatMap((operation) => [
    { at: operation.begin, moment: { operation, edge: 'begin' as const } },
    ...(Number.isFinite(operation.end)
      ? [{ at: operation.end, moment: { operation, edge: 'end' as const } }]
      : []),
  ]);
  // Of one microsecond the beginnings come first: then fewer things are certain.
  const rank = (moment: Moment<T>) => (moment.edge === 'begin' ? 0 : 1);
  timed.sort(
    (a, b) =>
      a.at - b.at || rank(a.moment) - rank(b.moment) || a.moment.operation.number - b.moment.operation.number,
  );
  return timed.map(({ moment }) => moment);
}

export class DiskModel {
  /** Every name as the running system sees it. */
  readonly names = new Map<string, Inode>();
  readonly durableNames = new Map<string, Inode>();
  readonly pendingNames: NameChange[] = [];
  readonly #rule: NameRule;
  /** What each sync under way will have put on disk. */
  readonly #covered = new Map<number, () => void>();
  /** Whose contents each call under way changes. */
  readonly #written = new Map<number, Inode>();
  #inodes = 0;

  constructor(base: ReadonlyMap<string, Buffer | 'directory'>, rule: NameRule = 'strict') {
    this.#rule = rule;
    const root = this.#make('', true);
    for (const names of [this.names, this.durableNames]) names.set('', root);
    for (const [path, content] of base) {
      const inode = this.#make(path, content === 'directory');
      if (content !== 'directory') {
        inode.cache = padded(content, content.length);
        inode.durable = Buffer.from(inode.cache);
        inode.cacheSize = content.length;
        inode.durableSize = content.length;
      }
      for (const names of [this.names, this.durableNames]) names.set(path, inode);
    }
  }

  /** Every inode that a crash state may show. */
  inodes(): ReadonlySet<Inode> {
    const found = new Set([...this.names.values(), ...this.durableNames.values()]);
    for (const { entries } of this.pendingNames)
      for (const { inode } of entries) if (inode !== undefined) found.add(inode);
    return found;
  }

  advance({ operation, edge }: Moment): void {
    if (edge === 'begin') this.#begin(operation);
    else this.#end(operation);
  }

  /**
   * The process is gone. What it was killed in has been seen by whoever came after, so it is in memory, and a sync that begins from now on
   * covers it. A sync that it was killed in has promised nothing.
   */
  processEnded(): void {
    this.#covered.clear();
    for (const [operation, inode] of this.#written) this.#returned(inode, operation);
    this.#written.clear();
    for (const change of this.pendingNames) change.returned = true;
  }

  #begin(operation: Operation): void {
    const { kind, number } = operation;
    if (kind === 'write')
      this.#write(operation.number, this.#need(operation.path), operation.offset, operation.data);
    else if (kind === 'resize') this.#resize(number, this.#need(operation.path), operation.size);
    else if (kind === 'sync') this.#beginSync(number, this.#need(operation.path));
    else if (kind === 'create' || kind === 'mkdir') this.#create(number, operation.path, kind === 'mkdir');
    else if (kind === 'remove') this.#change(number, [{ path: operation.path, inode: undefined }]);
    else if (kind === 'link')
      this.#change(number, [{ path: operation.to, inode: this.#need(operation.from) }]);
    else if (kind === 'rename') this.#rename(number, operation.from, operation.to);
  }

  #end(operation: Operation): void {
    const { kind, number } = operation;
    if (kind === 'sync') {
      this.#covered.get(number)?.();
      this.#covered.delete(number);
    } else if (kind === 'write' || kind === 'resize') {
      // Not by its name, which may be another's by now.
      const inode = this.#written.get(number);
      this.#written.delete(number);
      if (inode !== undefined) this.#returned(inode, number);
      if (inode !== undefined && kind === 'write' && operation.synced) this.#settleWrite(inode, operation);
    } else {
      for (const change of this.pendingNames) if (change.operation === number) change.returned = true;
    }
  }

  #write(operation: number, inode: Inode, offset: number, data: Buffer): void {
    this.#written.set(operation, inode);
    inode.cache = padded(inode.cache, offset + data.length);
    data.copy(inode.cache, offset);
    const last = Math.floor((offset + Math.max(data.length, 1) - 1) / blockBytes);
    for (let at = Math.floor(offset / blockBytes); at <= last; at += 1) {
      const versions = inode.blocks.get(at) ?? [];
      versions.push({ operation, bytes: inode.block(at), returned: false });
      inode.blocks.set(at, versions);
    }
    if (offset + data.length <= inode.cacheSize) return;
    inode.cacheSize = offset + data.length;
    inode.sizes.push({ operation, size: inode.cacheSize, returned: false });
  }

  #resize(operation: number, inode: Inode, size: number): void {
    if (size === inode.cacheSize) return;
    this.#written.set(operation, inode);
    inode.cache = padded(inode.cache, size);
    inode.cache.fill(0, size);
    const end = Math.max(inode.cacheSize, size);
    for (let at = Math.floor(size / blockBytes); at * blockBytes < end; at += 1) {
      const versions = inode.blocks.get(at) ?? [];
      versions.push({ operation, bytes: inode.block(at), returned: false });
      inode.blocks.set(at, versions);
    }
    inode.cacheSize = size;
    inode.sizes.push({ operation, size, returned: false });
  }

  #create(operation: number, path: string, isDirectory: boolean): void {
    if (this.names.has(path)) return;
    this.#change(operation, [{ path, inode: this.#make(path, isDirectory) }]);
  }

  #rename(operation: number, from: string, to: string): void {
    // What lies below a directory moves with it.
    const moved = [...this.names].filter(([path]) => path === from || path.startsWith(`${from}/`));
    this.#change(operation, [
      ...moved.map(([path]) => ({ path, inode: undefined })),
      ...moved.map(([path, inode]) => ({ path: to + path.slice(from.length), inode })),
    ]);
  }

  #change(operation: number, entries: NameChange['entries']): void {
    applyNames(this.names, entries);
    this.pendingNames.push({ operation, entries, returned: false });
  }

  #beginSync(operation: number, inode: Inode): void {
    const covered = [...inode.blocks].map(
      ([at, versions]) => [at, versions.findLast(({ returned }) => returned)] as const,
    );
    const size = inode.sizes.findLast(({ returned }) => returned);
    const names = this.pendingNames.filter((change) => change.returned && this.#syncsName(inode, change));
    this.#covered.set(operation, () => {
      for (const [at, version] of covered) if (version !== undefined) settleBlock(inode, at, version);
      if (size !== undefined) settleSize(inode, size);
      for (const change of names) this.#settleName(change);
    });
  }

  #syncsName(inode: Inode, { entries }: NameChange): boolean {
    const inDirectory =
      inode.isDirectory &&
      entries.some(({ path }) => path !== '' && this.names.get(parentOf(path)) === inode);
    const ofFile =
      this.#rule === 'with-file' &&
      entries.some((entry) => entry.inode === inode || this.#isAbove(entry.inode, inode));
    return inDirectory || ofFile;
  }

  /** Whether a new directory has to be on disk for the file's name to be. */
  #isAbove(directory: Inode | undefined, inode: Inode): boolean {
    if (directory?.isDirectory !== true) return false;
    const inside = [...this.names].find(([, one]) => one === inode)?.[0];
    const above = [...this.names].find(([, one]) => one === directory)?.[0];
    return inside !== undefined && above !== undefined && inside.startsWith(`${above}/`);
  }

  #settleName(change: NameChange): void {
    const at = this.pendingNames.indexOf(change);
    if (at < 0) return;
    // In order: of two changes of one name the later one counts.
    this.pendingNames.splice(at, 1);
    applyNames(this.durableNames, change.entries);
  }

  #returned(inode: Inode, operation: number): void {
    for (const versions of inode.blocks.values())
      for (const version of versions) if (version.operation === operation) version.returned = true;
    for (const size of inode.sizes) if (size.operation === operation) size.returned = true;
  }

  #settleWrite(inode: Inode, { number, offset, data }: Written): void {
    for (const [at, versions] of [...inode.blocks]) {
      const version = versions.find((one) => one.operation === number);
      if (version !== undefined) settleBlock(inode, at, version);
    }
    const size = inode.sizes.find((one) => one.operation === number);
    if (size !== undefined) settleSize(inode, size);
    // What is on disk can be read: an earlier write may have made the file longer.
    inode.durableSize = Math.max(inode.durableSize, Math.min(offset + data.length, inode.cacheSize));
  }

  #make(label: string, isDirectory: boolean): Inode {
    this.#inodes += 1;
    return new Inode(this.#inodes, isDirectory, label);
  }

  #need(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw new Error(`the trace uses ${path}, which it has not made`);
    return inode;
  }
}

/** The parent of `a` is the watched directory, ``. */
function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

export function applyNames(names: Map<string, Inode>, entries: NameChange['entries']): void {
  for (const { path, inode } of entries) {
    if (inode === undefined) names.delete(path);
    else names.set(path, inode);
  }
}

function settleBlock(inode: Inode, at: number, version: BlockVersion): void {
  const versions = inode.blocks.get(at);
  const index = versions?.indexOf(version) ?? -1;
  // A later sync was quicker.
  if (versions === undefined || index < 0) return;
  inode.durable = padded(inode.durable, at * blockBytes + version.bytes.length);
  version.bytes.copy(inode.durable, at * blockBytes);
  versions.splice(0, index + 1);
  if (versions.length === 0) inode.blocks.delete(at);
}

function settleSize(inode: Inode, version: SizeVersion): void {
  const index = inode.sizes.indexOf(version);
  if (index < 0) return;
  inode.durableSize = version.size;
  inode.sizes.splice(0, index + 1);
}

/** At least `size` bytes and whole blocks; grows by doubling, so that a file that grows bit by bit is copied seldom. */
function padded(bytes: Buffer, size: number): Buffer {
  if (bytes.length >= size && bytes.length % blockBytes === 0) return bytes;
  const wanted = Math.max(size, bytes.length >= size ? 0 : bytes.length * 2);
  const grown = Buffer.alloc(Math.ceil(wanted / blockBytes) * blockBytes);
  bytes.copy(grown);
  return grown;
}
