/** Each kind of damage that a look at the pages must find, planted in an undamaged log. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PageFile } from '../../src/store/lmdb-file.ts';
import { findSalvageRoot } from '../../src/store/salvage-root.ts';

/** Bytes. */
export const page = 4096;

function roots(directory: string): ReadonlyMap<string, number> {
  const file = PageFile.open(directory);
  assert.ok(file);
  const { tables } = findSalvageRoot(file);
  file.close();
  return new Map([...tables].map(([name, { root }]) => [name, root ?? 0]));
}

/** Where things lie in the undamaged log. */
export interface Layout {
  readonly newestMeta: number;
  readonly olderMeta: number;
  /** The page with the list of tables, and where in it the header of `log` begins. */
  readonly list: number;
  readonly logHeader: number;
  /** The root of `log`, a branch; its first two leaves. */
  readonly branch: number;
  readonly leaf: number;
  readonly second: number;
  /** A leaf with a value in overflow pages: the offset of its node, and the first of the pages. */
  readonly bigNode: number;
  readonly overflow: number;
  /** The leaf of the free tree. */
  readonly free: number;
}

export function layoutOf(directory: string): Layout {
  const bytes = readFileSync(join(directory, 'data.mdb'));
  const transaction = (meta: number) => Number(bytes.readBigUInt64LE(meta + 152));
  const [newestMeta, olderMeta] = transaction(page) > transaction(0) ? [page, 0] : [0, page];
  const root = (tree: number) => Number(bytes.readBigUInt64LE(newestMeta + tree + 40)) * page;
  const list = root(96);
  const branch = (roots(directory).get('log') ?? 0) * page;
  const node = (of: number, index: number) => of + 24 + bytes.readUInt16LE(of + 24 + index * 2);
  const child = (index: number) => bytes.readUIntLE(node(branch, index), 6) * page;
  let found = { bigNode: 0, overflow: 0 };
  for (let index = 0; index < bytes.readUInt16LE(branch + 20) / 2; index++)
    for (let at = 0; at < bytes.readUInt16LE(child(index) + 20) / 2; at++) {
      const bigNode = node(child(index), at);
      if (bytes.readUInt16LE(bigNode + 4) === 1)
        found = { bigNode, overflow: Number(bytes.readBigUInt64LE(bigNode + 16)) * page };
    }
  const logHeader = bytes.indexOf(Buffer.from('log\0'), list) + 4;
  const [leaf, second] = [child(0), child(1)];
  return { newestMeta, olderMeta, list, logHeader, branch, leaf, second, ...found, free: root(48) };
}

/** A way to damage the log, and words that the problems must have. */
export type Damage = readonly [name: string, words: RegExp, alter: (bytes: Buffer, at: Layout) => unknown];

function swap16(bytes: Buffer, a: number, b: number): void {
  const [first, second] = [bytes.readUInt16LE(a), bytes.readUInt16LE(b)];
  bytes.writeUInt16LE(second, a);
  bytes.writeUInt16LE(first, b);
}

function nodeOf(bytes: Buffer, of: number, index: number): number {
  return of + 24 + bytes.readUInt16LE(of + 24 + index * 2);
}

/** Where in the list of free pages one of them stands by itself. */
function freeEntry(bytes: Buffer, free: number): number {
  for (let index = 0; index < bytes.readUInt16LE(free + 20) / 2; index++) {
    const list = nodeOf(bytes, free, index) + 16;
    const word = (at: number) => bytes.readBigInt64LE(list + at * 8);
    for (let at = 1; at <= Number(word(0)); at++)
      if (word(at) > 0n && (at === 1 || word(at - 1) >= 0n)) return list + at * 8;
  }
  throw new Error('no page is free by itself');
}

const metaDamages: readonly Damage[] = [
  ['the magic number of a meta page', /magic/, (b, { olderMeta }) => void b.writeUInt32LE(1, olderMeta + 24)],
  ['the format of a meta page', /format/, (b, { newestMeta }) => void b.writeUInt32LE(3, newestMeta + 28)],
  ['the flags of a meta page', /not marked/, (b, { newestMeta }) => void b.writeUInt16LE(0, newestMeta + 18)],
  [
    'the page size of a meta page',
    /page size/,
    (b, { newestMeta }) => void b.writeUInt32LE(8192, newestMeta + 48),
  ],
  [
    'the flags of a tree',
    /unknown flags/,
    (b, { newestMeta }) => void b.writeUInt16LE(0x10, newestMeta + 100),
  ],
  [
    'a transaction set back, so that the other meta page looks newer',
    /its tree of/,
    (b, { newestMeta }) => void b.writeUIntLE(b.readUIntLE(newestMeta + 152, 6) - 2, newestMeta + 152, 6),
  ],
  [
    'a transaction set ahead',
    /apart/,
    (b, { newestMeta }) => void b.writeUIntLE(b.readUIntLE(newestMeta + 152, 6) + 2, newestMeta + 152, 6),
  ],
  [
    'a transaction of the other meta page',
    /of the other one/,
    (b, { newestMeta }) => void b.writeUIntLE(b.readUIntLE(newestMeta + 152, 6) + 1, newestMeta + 152, 6),
  ],
  [
    'a last page that is too low',
    /out of range/,
    (b, { newestMeta }) => void b.writeUIntLE(9, newestMeta + 144, 6),
  ],
  [
    'a last page that is too high',
    /neither used nor free/,
    (b, { newestMeta }) => void b.writeUIntLE(b.readUIntLE(newestMeta + 144, 6) + 1, newestMeta + 144, 6),
  ],
  [
    'a last page beyond all measure',
    /speaks of/,
    (b, { newestMeta }) => void b.writeUIntLE(2 ** 40, newestMeta + 144, 6),
  ],
  [
    'both meta pages',
    /wrong magic.*wrong magic/,
    (b) => void b.fill(0x5a, 24, 28).fill(0x5a, page + 24, page + 28),
  ],
  ['zeros throughout', /not marked/, (b) => Buffer.alloc(b.length)],
  ['a file that is cut in its head', /cut off/, (b) => b.subarray(0, 100)],
  ['a file that is cut in its middle', /behind the end/, (b) => b.subarray(0, 12 * page)],
];

const treeDamages: readonly Damage[] = [
  ['the number of a page', /says that it is page/, (b, { leaf }) => void b.writeUInt32LE(7, leaf)],
  ['the flags of a page', /has the flags/, (b, { leaf }) => void b.writeUInt16LE(1, leaf + 18)],
  [
    'a page of a later transaction',
    /is of transaction/,
    (b, { leaf }) => void b.writeUInt32LE(2 ** 30, leaf + 8),
  ],
  ['the bounds of a page', /impossible bounds/, (b, { leaf }) => void b.writeUInt16LE(4099, leaf + 20)],
  [
    'a node that is gone from the list',
    /leave a gap/,
    (b, { leaf }) => void b.writeUInt16LE(b.readUInt16LE(leaf + 20) - 2, leaf + 20),
  ],
  ['the place of a node', /has a node at/, (b, { leaf }) => void b.writeUInt16LE(4090, leaf + 24)],
  [
    'the place of a node, on another one',
    /out of order|overlap/,
    (b, { leaf }) => void b.writeUInt16LE(b.readUInt16LE(leaf + 26), leaf + 24),
  ],
  ['two nodes out of order', /out of order/, (b, { leaf }) => swap16(b, leaf + 24, leaf + 26)],
  [
    'the size of a value',
    /of \d+ bytes at|overlap/,
    (b, { leaf }) => void b.writeUInt16LE(60_000, nodeOf(b, leaf, 0)),
  ],
  ['the flags of a node', /with the flags/, (b, { leaf }) => void b.writeUInt16LE(4, nodeOf(b, leaf, 1) + 4)],
  [
    'the size of a key',
    /of \d+ bytes at|overlap/,
    (b, { leaf }) => void b.writeUInt16LE(9, nodeOf(b, leaf, 1) + 6),
  ],
  ['an empty key', /empty key/, (b, { leaf }) => void b.writeUInt16LE(0, nodeOf(b, leaf, 1) + 6)],
  [
    'a key below its page',
    /page before it/,
    (b, { second }) => void b.fill(0, nodeOf(b, second, 0) + 8, nodeOf(b, second, 0) + 16),
  ],
  [
    'a key above its page',
    /out of order|page behind it/,
    (b, { leaf }) => void b.writeUInt8(9, nodeOf(b, leaf, b.readUInt16LE(leaf + 20) / 2 - 1) + 12),
  ],
  [
    'a branch that leads to one leaf twice',
    /claimed twice/,
    (b, { branch }) => void b.copy(b, nodeOf(b, branch, 2), nodeOf(b, branch, 1), nodeOf(b, branch, 1) + 6),
  ],
  [
    'a branch that leads nowhere',
    /out of range/,
    (b, { branch }) => void b.writeUIntLE(2 ** 40, nodeOf(b, branch, 1), 6),
  ],
  ['a branch with keys out of order', /out of order/, (b, { branch }) => swap16(b, branch + 26, branch + 28)],
  [
    'a branch with a node too few',
    /leave a gap/,
    (b, { branch }) => void b.writeUInt16LE(b.readUInt16LE(branch + 20) - 2, branch + 20),
  ],
  [
    'the number of entries of a table',
    /entries, its header says/,
    (b, { logHeader }) => void b.writeUInt32LE(1, logHeader + 32),
  ],
  ['the depth of a table', /depth|flags/, (b, { logHeader }) => void b.writeUInt16LE(40, logHeader + 6)],
  ['the flags of a table', /has the flags/, (b, { logHeader }) => void b.writeUInt16LE(4, logHeader + 4)],
  [
    'the number of leaves of a table',
    /leaf pages, its header/,
    (b, { logHeader }) => void b.writeUInt32LE(3, logHeader + 16),
  ],
  [
    'an empty table that counts entries',
    /no root page/,
    (b, { logHeader }) => void b.fill(0xff, logHeader + 40, logHeader + 48),
  ],
  [
    'the root of a table',
    /claimed|flags|says that|range/,
    (b, { logHeader, free }) => void b.writeUIntLE(free / page, logHeader + 40, 6),
  ],
];

const otherDamages: readonly Damage[] = [
  [
    'the number of pages of a value',
    /in \d+ pages/,
    (b, { bigNode }) => void b.writeUInt32LE(1, bigNode + 32),
  ],
  ['the place of a value', /out of range/, (b, { bigNode }) => void b.writeUIntLE(2 ** 40, bigNode + 16, 6)],
  [
    'the transaction of a value',
    /transaction/,
    (b, { bigNode }) => void b.writeUInt32LE(2 ** 30, bigNode + 24),
  ],
  [
    'the number of the page of a value',
    /head is wrong/,
    (b, { overflow }) => void b.writeUInt32LE(7, overflow),
  ],
  [
    'the flags of the page of a value',
    /head is wrong/,
    (b, { overflow }) => void b.writeUInt16LE(2, overflow + 18),
  ],
  [
    'the size of the pages of a value',
    /head is wrong/,
    (b, { overflow }) => void b.writeUInt32LE(9, overflow + 20),
  ],
  [
    'a page in use on the list of free ones',
    /claimed already/,
    (b, { free, leaf }) => void b.writeUIntLE(leaf / page, nodeOf(b, free, 0) + 24, 6),
  ],
  [
    'a free page that is on no list',
    /neither used nor free/,
    (b, { free }) => void b.writeBigInt64LE(0n, freeEntry(b, free)),
  ],
  [
    'a list longer than it is',
    /counts/,
    (b, { free }) => void b.writeUIntLE(5000, nodeOf(b, free, 0) + 16, 6),
  ],
  [
    'a list of a later transaction',
    /impossible transaction/,
    (b, { free }) => void b.writeUIntLE(2 ** 40, nodeOf(b, free, b.readUInt16LE(free + 20) / 2 - 1) + 8, 6),
  ],
];

export const pageDamages: readonly Damage[] = [...metaDamages, ...treeDamages, ...otherDamages];
