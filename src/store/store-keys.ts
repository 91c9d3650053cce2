/**
 * The keys of every table. Numbers are big-endian, so that LMDB's byte order is their order.
 *
 * ```
 * log      [u64 position]
 * source   [u32 source number][u48 seq]            value [u48 position]
 * time     [u64 hlc][u48 position]                 value [u8 type]
 * paths    project 00 path 00                      value [u32 path number]
 * path     [u32 path number][u48 position]         value [u8 type]
 * ```
 * A path text over `maxPathText` bytes keeps its first `maxPathText` bytes and ends in 00, SHA-256 of the whole text, 00. Its
 * first bytes still sort it into every subtree that it lies in, as far as the cut; what the cut lets in besides, the reader
 * sorts out by the delta's own path. The same form is taken by a text that holds a NUL, cut at the NUL.
 */
import { createHash } from 'node:crypto';

export const positionKeyBytes = 8;
/** Of a source key and of a path key alike. */
export const numberedKeyBytes = 10;
export const timeKeyBytes = 14;
/** 48 bits of position: 280 million million deltas. */
export const u48Bytes = 6;
/**
 * Longest path text that is a key as it is. Under half of what LMDB allows (1978 bytes) so that a page holds several
 * keys; longer paths are rare, and then cost one hash.
 */
const maxPathText = 480;

/** Each of these takes memory for its result. @default memory of its own */
export function positionKey(position: number, into = Buffer.allocUnsafe(positionKeyBytes)): Buffer {
  writeU64(into, position, 0);
  return into;
}

export function positionOfKey(key: Buffer): number {
  return readU64(key, 0);
}

export function sourceKey(sourceNumber: number, seq: number, into?: Buffer): Buffer {
  return numberedKey(sourceNumber, seq, into);
}

export function pathKey(pathNumber: number, position: number, into?: Buffer): Buffer {
  return numberedKey(pathNumber, position, into);
}

function numberedKey(
  number: number,
  ordinal: number,
  key: Buffer = Buffer.allocUnsafe(numberedKeyBytes),
): Buffer {
  key.writeUInt32BE(number, 0);
  key.writeUIntBE(ordinal, 4, u48Bytes);
  return key;
}

export function seqOfSourceKey(key: Buffer): number {
  return key.readUIntBE(4, u48Bytes);
}

export function positionValue(position: number, value: Buffer = Buffer.allocUnsafe(u48Bytes)): Buffer {
  value.writeUIntBE(position, 0, u48Bytes);
  return value;
}

export function positionOfValue(value: Buffer): number {
  return value.length === u48Bytes ? value.readUIntBE(0, u48Bytes) : Number.NaN;
}

export function timeKey(
  time: number,
  position: number,
  key: Buffer = Buffer.allocUnsafe(timeKeyBytes),
): Buffer {
  writeU64(key, time, 0);
  key.writeUIntBE(position, 8, u48Bytes);
  return key;
}

export function timeOfTimeKey(key: Buffer): number {
  return readU64(key, 0);
}

/** The position at the end of a time or path key. */
export function positionAtEnd(key: Buffer): number {
  return key.readUIntBE(key.length - u48Bytes, u48Bytes);
}

/** The text under which a path is numbered. */
export function pathText(project: string, path: string): Buffer {
  const text = Buffer.from(`${project}\0${path}`);
  const kept = keptBytes(text, Buffer.byteLength(project));
  if (kept === text.length) return Buffer.concat([text, nul]);
  return Buffer.concat([text.subarray(0, kept), nul, createHash('sha256').update(text).digest(), nul]);
}

/**
 * Bytes that begin the text of every path strictly below `path`; other texts may begin with them as well.
 * `.` is the root: everything in the project is below it.
 */
export function subtreeStart(project: string, path: string): Buffer {
  const text = Buffer.from(path === '.' ? `${project}\0` : `${project}\0${path}/`);
  return text.subarray(0, keptBytes(text, Buffer.byteLength(project)));
}

/** True when `path` is `root` or lies below it. */
export function liesIn(path: string, root: string): boolean {
  return root === '.' || path === root || path.startsWith(`${root}/`);
}

/** The least key above every key that begins with `prefix`. */
export function afterPrefix(prefix: Uint8Array): Buffer {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end--;
  const after = Buffer.from(prefix.subarray(0, end));
  if (end > 0) after[end - 1] = (prefix[end - 1] ?? 0) + 1;
  return end === 0 ? Buffer.alloc(16, 0xff) : after;
}

const nul = Buffer.of(0);

/** How many bytes of the text a key keeps: all, or up to the limit or to a NUL that is not the one after the project. */
function keptBytes(text: Buffer, projectBytes: number): number {
  const inProject = text.subarray(0, projectBytes).indexOf(0);
  const inPath = text.indexOf(0, projectBytes + 1);
  const first = inProject >= 0 ? inProject : inPath >= 0 ? inPath : text.length;
  return Math.min(first, maxPathText);
}

/** Numbers are safe integers: 53 bits. */
function writeU64(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}

function readU64(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * 2 ** 32 + source.readUInt32BE(at + 4);
}
