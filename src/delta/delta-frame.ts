/**
 * The frame of a delta: what a log stores under a position.
 *
 * ```
 * 0   u32  checksum of bytes 4…, seeded with the position
 * 4   u8   frame version
 * 5   u8   flags: bit 0 = a signature stands at the end
 * 6   u16  zero
 * 8   32 B prev: hash of the source's previous delta, zeros for its first
 * 40  body (delta-body.ts)
 *     64 B Ed25519 signature of the hash, when flagged
 * ```
 * hash = SHA-256 over prev and body, which lie side by side, so that a chain (Haber & Stornetta, 1991) needs no copy. One
 * signature on the newest hash of a run vouches for every delta before it.
 */
import assert from 'node:assert/strict';
import { hash, type KeyObject, sign, verify } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import { maxDeltaBytes } from '../base/limits.ts';
import { checksum } from '../codec/checksum.ts';

const frameVersion = 1;
const signedFlag = 1;
const checksumBytes = 4;
const headerBytes = 8;
export const hashBytes = 32;
export const signatureBytes = 64;
const bodyAt = headerBytes + hashBytes;
export const maxFrameBytes = bodyAt + maxDeltaBytes + signatureBytes;

/** `prev` of the first delta of a source. */
export const genesisHash: Uint8Array = new Uint8Array(hashBytes);

/** The parts are views on the frame, made when asked for: most readers want the body alone, and a view costs as much as a checksum. */
export class DeltaFrame {
  readonly #bytes: Uint8Array;
  readonly #bodyEnd: number;

  constructor(bytes: Uint8Array, bodyEnd: number) {
    this.#bytes = bytes;
    this.#bodyEnd = bodyEnd;
  }

  get prev(): Uint8Array {
    return this.#bytes.subarray(headerBytes, bodyAt);
  }

  get body(): Uint8Array {
    return this.#bytes.subarray(bodyAt, this.#bodyEnd);
  }

  /** Computed anew on each access. prev and body lie side by side, so that it takes one call and no copy. */
  get hash(): Uint8Array {
    return sha256(this.#bytes.subarray(headerBytes, this.#bodyEnd));
  }

  get signature(): Uint8Array | undefined {
    return this.#bodyEnd === this.#bytes.length ? undefined : this.#bytes.subarray(this.#bodyEnd);
  }
}

/** The hash that the source's next delta carries as `prev`. */
export function deltaHash(prev: Uint8Array, body: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([prev, body]));
}

/** By way of a string of 32 characters: as a buffer, Node makes an external allocation of each hash, which takes thrice as long. */
function sha256(bytes: Uint8Array): Uint8Array {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}

export function signHash(hash: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sign(null, hash, privateKey);
}

export function verifyHash(hash: Uint8Array, signature: Uint8Array, publicKey: KeyObject): boolean {
  return verify(null, hash, publicKey, signature);
}

/** @param into memory for the frame, of at least `maxFrameBytes`; the result is a view on it. @default memory of its own */
export function encodeDeltaFrame(
  position: number,
  prev: Uint8Array,
  body: Uint8Array,
  signature?: Uint8Array,
  into?: Buffer,
): Buffer {
  assert(prev.length === hashBytes && (signature === undefined || signature.length === signatureBytes));
  const length = bodyAt + body.length + (signature === undefined ? 0 : signatureBytes);
  const frame = into === undefined ? Buffer.allocUnsafe(length) : into.subarray(0, length);
  frame[4] = frameVersion;
  frame[5] = signature === undefined ? 0 : signedFlag;
  frame[6] = 0;
  frame[7] = 0;
  frame.set(prev, headerBytes);
  frame.set(body, bodyAt);
  if (signature !== undefined) frame.set(signature, bodyAt + body.length);
  frame.writeUInt32LE(checksum(position, frame.subarray(checksumBytes)), 0);
  return frame;
}

/** @throws STORE_DAMAGED when the checksum, the version, a flag or the length is wrong. */
export function decodeDeltaFrame(position: number, frame: Uint8Array): DeltaFrame {
  if (frame.length <= bodyAt || frame.length > maxFrameBytes)
    throw damaged(position, `has ${frame.length} bytes`);
  if (readChecksum(frame) !== checksum(position, frame.subarray(checksumBytes)))
    throw damaged(position, 'fails its checksum');
  if (frame[4] !== frameVersion) throw damaged(position, `has the unknown version ${frame[4]}`);
  const flags = frame[5] ?? 0;
  if ((flags & ~signedFlag) !== 0) throw damaged(position, `has the unknown flags ${flags}`);
  const bodyEnd = frame.length - (flags === signedFlag ? signatureBytes : 0);
  if (bodyEnd <= bodyAt) throw damaged(position, 'has no body');
  return new DeltaFrame(frame, bodyEnd);
}

function readChecksum(frame: Uint8Array): number {
  return ((frame[0] ?? 0) | ((frame[1] ?? 0) << 8) | ((frame[2] ?? 0) << 16) | ((frame[3] ?? 0) << 24)) >>> 0;
}

function damaged(position: number, what: string): CollabError {
  return new CollabError('STORE_DAMAGED', `the delta at position ${position} ${what}`, {
    next: 'Run agent-collab verify --repair.',
    details: { position },
  });
}
