/**
 * A run: deltas of one source that follow each other, and the source's signature on the hash of the last, which vouches for all of them
 * through the chain. It is what gossip tells and what catch-up sends.
 *
 * ```
 * 0   u8   1, the version
 * 1   u8   flags: bit 0 = a signature is given
 * 2   u16  count of deltas, 1 … maxRunDeltas
 * 4   f64  seq of the first
 * 12  32 B public key of the source
 * 44  32 B prev of the first
 * 76  [64 B signature] then, for each delta, u32 length and body
 * ```
 * A fixed layout instead of CBOR: it is checked without building anything, and the bodies are views.
 */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { maxDeltaBytes, maxPayloadDepth } from '../base/limits.ts';
import { nodeIdFromPublicKey, publicKeyBytes, publicKeyFromNodeId } from '../codec/node-id.ts';
import { decodeDeltaBody } from '../delta/delta-body.ts';
import { deltaHash, hashBytes, signatureBytes } from '../delta/delta-frame.ts';
import type { ForeignDelta } from '../delta/foreign-delta.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { maxRunBytes, maxRunDeltas } from './limits.ts';

const version = 1;
const signedFlag = 1;
const headBytes = 76;

export interface Run {
  readonly source: NodeId;
  readonly firstSeq: number;
  readonly prev: Uint8Array;
  readonly bodies: readonly Uint8Array[];
  readonly signature: Uint8Array | undefined;
}

/** A delta of a run, and what it must not be stored before. */
export interface RunDelta extends ForeignDelta {
  readonly deps: VersionVector;
}

export function encodeRun(run: Run): Buffer {
  const bodyBytes = run.bodies.reduce((sum, body) => sum + 4 + body.length, 0);
  const bytes = Buffer.alloc(headBytes + (run.signature === undefined ? 0 : signatureBytes) + bodyBytes);
  bytes[0] = version;
  bytes[1] = run.signature === undefined ? 0 : signedFlag;
  bytes.writeUInt16LE(run.bodies.length, 2);
  bytes.writeDoubleLE(run.firstSeq, 4);
  bytes.set(publicKeyFromNodeId(run.source), 12);
  bytes.set(run.prev, 12 + publicKeyBytes);
  let at = headBytes;
  if (run.signature !== undefined) {
    bytes.set(run.signature, at);
    at += signatureBytes;
  }
  for (const body of run.bodies) {
    at = bytes.writeUInt32LE(body.length, at);
    bytes.set(body, at);
    at += body.length;
  }
  return bytes;
}

/** Undefined for anything that `encodeRun` could not have written. The parts are views. */
export function decodeRun(input: Uint8Array): Run | undefined {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length <= headBytes || bytes.length > headBytes + signatureBytes + maxRunBytes + 4 * maxRunDeltas)
    return undefined;
  if (bytes[0] !== version || ((bytes[1] ?? 0) & ~signedFlag) !== 0) return undefined;
  const count = bytes.readUInt16LE(2);
  const firstSeq = bytes.readDoubleLE(4);
  if (count < 1 || count > maxRunDeltas || !Number.isSafeInteger(firstSeq) || firstSeq < 1) return undefined;
  let at = headBytes;
  let signature: Uint8Array | undefined;
  if (bytes[1] === signedFlag) {
    signature = bytes.subarray(at, at + signatureBytes);
    at += signatureBytes;
  }
  const bodies: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readUInt32LE(at);
    at += 4;
    if (length < 1 || length > maxDeltaBytes || at + length > bytes.length) return undefined;
    bodies.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at !== bytes.length) return undefined;
  return {
    source: nodeIdFromPublicKey(bytes.subarray(12, 12 + publicKeyBytes)),
    firstSeq,
    prev: bytes.subarray(12 + publicKeyBytes, 12 + publicKeyBytes + hashBytes),
    bodies,
    signature,
  };
}

/**
 * The deltas of a run with their hashes, once every body says what the run says of it. The signature is not looked at.
 * Undefined when one does not: a body that does not decode, of another source or seq, nested too deeply, or of a kind that no log holds.
 */
export function openRun(run: Run): readonly RunDelta[] | undefined {
  const deltas: RunDelta[] = [];
  let prev = run.prev;
  for (const [index, body] of run.bodies.entries()) {
    const delta = decodeBody(body);
    const seq = run.firstSeq + index;
    if (delta === undefined || delta.source !== run.source || delta.seq !== seq) return undefined;
    if (delta.type === 'agent_status' || isNestedTooDeeply(delta.payload)) return undefined;
    const hash = deltaHash(prev, body);
    const isLast = index === run.bodies.length - 1;
    const { source, time, deps } = delta;
    deltas.push({
      source,
      seq,
      time: time as HlcTime,
      body,
      prev,
      hash,
      deps,
      ...(isLast && run.signature !== undefined ? { signature: run.signature } : {}),
    });
    prev = hash;
  }
  return deltas;
}

function decodeBody(body: Uint8Array) {
  try {
    return decodeDeltaBody(body);
  } catch {
    // Whatever it is, it is no delta; nesting that exhausts the decoder's stack ends here too.
    return undefined;
  }
}

/** Goes no deeper than it may, so that no payload is too much for the stack. */
function isNestedTooDeeply(value: unknown, depth = 0): boolean {
  if (depth > maxPayloadDepth) return true;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  for (const key in value)
    if (isNestedTooDeeply((value as Readonly<Record<string, unknown>>)[key], depth + 1)) return true;
  return false;
}
