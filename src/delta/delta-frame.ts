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
import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import { maxDeltaBytes } from '../base/limits.ts';
import { checksum } from '../codec/checksum.ts';

const frameVersion = 1;
const signedFlag = 1;
const headerBytes = 8;
export const hashBytes = 32;
export const signatureBytes = 64;
const bodyAt = headerBytes + hashBytes;
export const maxFrameBytes = bodyAt + maxDeltaBytes + signatureBytes;

/** `prev` of the first delta of a source. */
export const genesisHash: Uint8Array = new Uint8Array(hashBytes);

export interface DeltaFrame {
  readonly prev: Uint8Array;
  readonly body: Uint8Array;
  readonly hash: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

/** The hash that the source's next delta carries as `prev`. */
export function deltaHash(prev: Uint8Array, body: Uint8Array): Uint8Array {
  return createHash('sha256').update(prev).update(body).digest();
}

export function signHash(hash: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sign(null, hash, privateKey);
}

export function verifyHash(hash: Uint8Array, signature: Uint8Array, publicKey: KeyObject): boolean {
  return verify(null, hash, publicKey, signature);
}

export function encodeDeltaFrame(
  position: number,
  prev: Uint8Array,
  body: Uint8Array,
  signature?: Uint8Array,
): Buffer {
  const frame = Buffer.allocUnsafe(bodyAt + body.length + (signature === undefined ? 0 : signatureBytes));
  frame[4] = frameVersion;
  frame[5] = signature === undefined ? 0 : signedFlag;
  frame[6] = 0;
  frame[7] = 0;
  frame.set(prev, headerBytes);
  frame.set(body, bodyAt);
  if (signature !== undefined) frame.set(signature, bodyAt + body.length);
  frame.writeUInt32LE(checksum(position, frame.subarray(4)), 0);
  return frame;
}

/**
 * The parts are views on `frame`. The hash is computed anew on each access: most readers do not want it.
 * @throws STORE_DAMAGED when the checksum, the version or the length is wrong.
 */
export function decodeDeltaFrame(position: number, frame: Uint8Array): DeltaFrame {
  if (frame.length <= bodyAt || frame.length > maxFrameBytes)
    throw damaged(position, `has ${frame.length} bytes`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== checksum(position, frame.subarray(4)))
    throw damaged(position, 'fails its checksum');
  if (frame[4] !== frameVersion) throw damaged(position, `has the unknown version ${frame[4]}`);
  const signed = ((frame[5] ?? 0) & signedFlag) !== 0;
  const bodyEnd = frame.length - (signed ? signatureBytes : 0);
  if (bodyEnd <= bodyAt) throw damaged(position, 'has no body');
  const prev = frame.subarray(headerBytes, bodyAt);
  const body = frame.subarray(bodyAt, bodyEnd);
  return {
    prev,
    body,
    get hash() {
      return deltaHash(prev, body);
    },
    signature: signed ? frame.subarray(bodyEnd) : undefined,
  };
}

function damaged(position: number, what: string): CollabError {
  return new CollabError('STORE_DAMAGED', `the delta at position ${position} ${what}`, {
    details: { position },
  });
}
