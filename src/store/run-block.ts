/**
 * A block of a sorted run: keys in ascending order, each told by what it does not share with the one before it, as in the tables
 * of LevelDB (Ghemawat & Dean, 2011).
 *
 * ```
 * [u32 checksum]  then for each key  [varint shared bytes][varint other bytes][the other bytes]
 * ```
 * The checksum is seeded with the key under which the block is stored: an intact block in the wrong place is found too.
 */
import assert from 'node:assert/strict';
import { CollabError } from '../base/errors.ts';
import { checksum } from '../codec/checksum.ts';

/** With the head of LMDB's page it fills one page to the brim: a byte more would take a second one. */
const maxBlockBytes = 4080;
/** Longer than any key that is ever put in; short enough for the key of the block itself (LMDB takes 1978 bytes). */
export const maxRunKeyBytes = 640;
const checksumBytes = 4;
/** Two lengths, each of two bytes at most: both are below 2^14. */
const maxLengthsBytes = 4;

/** A key that lies at the beginning of a larger piece of memory, and is overwritten by the next one. */
export interface KeyView {
  readonly key: Buffer;
  readonly length: number;
}

export interface Block {
  /** The first key: the block is stored under it. */
  readonly first: Buffer;
  /** `sealBlock` writes the checksum. */
  readonly bytes: Buffer;
}

/** Fills one block after another. */
export class BlockWriter {
  readonly #bytes = Buffer.allocUnsafeSlow(maxBlockBytes);
  readonly #last = Buffer.allocUnsafeSlow(maxRunKeyBytes);
  #lastLength = 0;
  #length = checksumBytes;
  #first: Buffer | undefined;

  /** The key is `length` bytes of `memory`. False when the block is full: `take` it, then add the key again. */
  tryAdd(memory: Uint8Array, start: number, length: number): boolean {
    assert(length > 0 && length <= maxRunKeyBytes, 'a key of a run has a length that fits');
    const last = this.#last;
    const most = Math.min(length, this.#lastLength);
    let shared = 0;
    while (shared < most && memory[start + shared] === last[shared]) shared++;
    if (this.#length + maxLengthsBytes + length - shared > maxBlockBytes) return false;
    if (this.#first === undefined) {
      this.#first = Buffer.from(memory.subarray(start, start + length));
    } else {
      const isBehind =
        shared < most ? (memory[start + shared] ?? 0) > (last[shared] ?? 0) : length > this.#lastLength;
      assert(isBehind, 'keys of a run ascend');
    }
    const bytes = this.#bytes;
    let at = putLength(bytes, this.#length, shared);
    at = putLength(bytes, at, length - shared);
    for (let index = shared; index < length; index++) {
      const byte = memory[start + index] ?? 0;
      bytes[at++] = byte;
      last[index] = byte;
    }
    this.#length = at;
    this.#lastLength = length;
    return true;
  }

  /** What has been added since the last `take`, in memory of its own; undefined when that is nothing. */
  take(): Block | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#first = undefined;
    this.#length = checksumBytes;
    this.#lastLength = 0;
    return { first, bytes };
  }
}

/** @param storedKey under which the block will lie. */
export function sealBlock(storedKey: Uint8Array, bytes: Buffer): Buffer {
  bytes.writeUInt32LE(blockChecksum(storedKey, bytes), 0);
  return bytes;
}

export function isSealed(storedKey: Uint8Array, bytes: Uint8Array): boolean {
  if (bytes.length <= checksumBytes) return false;
  const told = new DataView(bytes.buffer, bytes.byteOffset, checksumBytes).getUint32(0, true);
  return told === blockChecksum(storedKey, bytes);
}

function blockChecksum(storedKey: Uint8Array, bytes: Uint8Array): number {
  return checksum(checksum(0, storedKey), bytes.subarray(checksumBytes));
}

/** Reads the keys of one block after another, in ascending order. */
export class BlockReader implements KeyView {
  readonly key = Buffer.allocUnsafeSlow(maxRunKeyBytes);
  length = 0;
  #storedKey: Uint8Array = Buffer.alloc(0);
  #bytes: Uint8Array = Buffer.alloc(0);
  #at = 0;

  /** @throws STORE_DAMAGED */
  load(storedKey: Uint8Array, bytes: Uint8Array): void {
    if (!isSealed(storedKey, bytes)) throw damagedBlock(storedKey, 'fails its checksum');
    this.#storedKey = storedKey;
    this.#bytes = bytes;
    this.#at = checksumBytes;
    this.length = 0;
  }

  /**
   * False at the end of the block.
   * @throws STORE_DAMAGED
   */
  next(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (at >= bytes.length) return false;
    // Below 128 they take one byte.
    let shared = bytes[at++] ?? 0;
    if (shared > 127) shared = (shared & 127) | ((bytes[at++] ?? 0) << 7);
    let rest = bytes[at++] ?? 0;
    if (rest > 127) rest = (rest & 127) | ((bytes[at++] ?? 0) << 7);
    const length = shared + rest;
    if (shared > this.length || length > maxRunKeyBytes || at + rest > bytes.length)
      throw damagedBlock(this.#storedKey, 'has a key that is not whole');
    const key = this.key;
    for (let index = shared; index < length; index++) key[index] = bytes[at++] ?? 0;
    this.length = length;
    this.#at = at;
    return true;
  }
}

/** As `Buffer.compare`, for keys in larger pieces of memory; a native call costs more than these few steps. */
export function compareKeys(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): number {
  const most = Math.min(aLength, bLength);
  for (let at = 0; at < most; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

function putLength(bytes: Buffer, at: number, length: number): number {
  if (length < 128) {
    bytes[at] = length;
    return at + 1;
  }
  bytes[at] = (length & 127) | 128;
  bytes[at + 1] = length >> 7;
  return at + 2;
}

function damagedBlock(storedKey: Uint8Array, what: string): CollabError {
  const block = Buffer.from(storedKey).toString('hex');
  return new CollabError('STORE_DAMAGED', `a block of the index ${what}`, {
    next: 'Run agent-collab verify --repair.',
    details: { block },
  });
}
