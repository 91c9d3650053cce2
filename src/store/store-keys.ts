/**
 * The keys of every table. Numbers are big-endian, so that LMDB's byte order is their order.
 *
 * ```
 * log      [u64 position]
 * source   [32 B public key][u48 seq]     each of the index's keys ends in [u48 position][u8 type]
 * time     [u64 hlc]
 * path     project 00 path 00
 * ```
 * A path text over `maxPathText` bytes keeps its first `maxPathText` bytes and ends in 00, SHA-256 of the whole text, 00. Its
 * first bytes still sort it into every subtree that it lies in, as far as the cut; what the cut lets in besides, the reader
 * sorts out by the delta's own path. The same form is taken by a text that holds a NUL, cut at the NUL.
 */
import { createHash } from 'node:crypto';

export const positionKeyBytes = 8;
/** 48 bits of position: 280 million million deltas. */
export const u48Bytes = 6;
/** The position and the type at the end of each key of the index. */
export const runTailBytes = u48Bytes + 1;
const publicKeyBytes = 32;
export const timeBytes = 8;
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

export function sourceKey(publicKey: Uint8Array, seq: number): Buffer {
  const key = Buffer.allocUnsafe(publicKeyBytes + u48Bytes);
  key.set(publicKey, 0);
  key.writeUIntBE(seq, publicKeyBytes, u48Bytes);
  return key;
}

export function seqOfSourceKey(key: Buffer): number {
  return key.readUIntBE(publicKeyBytes, u48Bytes);
}

export function timeKey(time: number): Buffer {
  const key = Buffer.allocUnsafe(timeBytes);
  writeU64(key, time, 0);
  return key;
}

export function timeOfTimeKey(key: Buffer): number {
  return readU64(key, 0);
}

/** A key of the index as it stands in a run. */
export function withTail(key: Uint8Array, position: number, type: number): Buffer {
  const whole = Buffer.allocUnsafe(key.length + runTailBytes);
  whole.set(key, 0);
  writeTail(whole, key.length, position, type);
  return whole;
}

/** Returns where the key ends. */
export function writeTail(key: Buffer, at: number, position: number, type: number): number {
  key.writeUIntBE(position, at, u48Bytes);
  key[at + u48Bytes] = type;
  return at + runTailBytes;
}

/** The text under which a path is found. */
export function pathText(project: string, path: string): Buffer {
  const text = Buffer.from(`${project}\0${path}`);
  const kept = keptBytes(text, Buffer.byteLength(project));
  if (kept === text.length) return Buffer.concat([text, nul]);
  return Buffer.concat([text.subarray(0, kept), nul, createHash('sha256').update(text).digest(), nul]);
}

let lastProject = '';
let lastProjectText = Buffer.of(0);

/** As `pathText`, at a place that has room for any. Returns where the text ends. */
export function writePathText(into: Buffer, at: number, project: string, path: string): number {
  if (project !== lastProject) {
    lastProject = project;
    lastProjectText = Buffer.from(`${project}\0`);
  }
  // Three bytes a character at most; whatever may have to be cut takes the way that cuts.
  const most = lastProjectText.length + 3 * path.length;
  if (most > maxPathText || path.includes('\0') || lastProjectText.indexOf(0) < lastProjectText.length - 1) {
    const text = pathText(project, path);
    into.set(text, at);
    return at + text.length;
  }
  into.set(lastProjectText, at);
  const end = at + lastProjectText.length;
  const pathEnd = end + into.write(path, end);
  into[pathEnd] = 0;
  return pathEnd + 1;
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
export function writeU64(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}

function readU64(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * 2 ** 32 + source.readUInt32BE(at + 4);
}
