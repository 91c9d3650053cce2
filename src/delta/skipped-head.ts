/** The head behind which a source goes on, on its way to the persist lane: `[32 B public key][f64 seq][32 B hash]`. */
import assert from 'node:assert/strict';
import type { NodeId } from '../base/ids.ts';
import { nodeIdFromPublicKey, publicKeyBytes, publicKeyFromNodeId } from '../codec/node-id.ts';
import { hashBytes } from './delta-frame.ts';
import type { ChainHead } from './foreign-delta.ts';

const hashAt = publicKeyBytes + 8;

export function encodeSkippedHead(source: NodeId, head: ChainHead): Uint8Array {
  const bytes = new Uint8Array(hashAt + hashBytes);
  bytes.set(publicKeyFromNodeId(source), 0);
  new DataView(bytes.buffer).setFloat64(publicKeyBytes, head.seq);
  bytes.set(head.hash, hashAt);
  return bytes;
}

/** What is wrong here is a defect of ours: the bytes never left the process. */
export function decodeSkippedHead(bytes: Uint8Array): { readonly source: NodeId; readonly head: ChainHead } {
  assert(bytes.length === hashAt + hashBytes, 'a skipped head has a length of its own');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seq = view.getFloat64(publicKeyBytes);
  const hash = Uint8Array.from(bytes.subarray(hashAt));
  return { source: nodeIdFromPublicKey(bytes.subarray(0, publicKeyBytes)), head: { seq, hash } };
}
