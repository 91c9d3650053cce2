/**
 * One delta on its way to the log: what the persist lane must know without decoding the body, and the form in which it
 * crosses the shared queue.
 *
 * ```
 * 0   u8   flags: bit 0 = prev given, bit 1 = signature given
 * 1   7 B  zero
 * 8   f64  position
 * 16  f64  seq
 * 24  f64  time
 * 32  32 B public key of the source
 * 64  [32 B prev] [64 B signature] body
 * ```
 */
import assert from 'node:assert/strict';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import { nodeIdFromPublicKey, publicKeyBytes, publicKeyFromNodeId } from '../codec/node-id.ts';
import { hashBytes, signatureBytes } from './delta-frame.ts';

export interface LogRecord {
  readonly position: Position;
  readonly source: NodeId;
  readonly seq: number;
  readonly time: HlcTime;
  readonly body: Uint8Array;
  /** Absent for a delta of this node: the persist lane computes it. */
  readonly prev?: Uint8Array | undefined;
  readonly signature?: Uint8Array | undefined;
}

const headBytes = 64;
const prevFlag = 1;
const signatureFlag = 2;
const head = new Uint8Array(headBytes);
const headView = new DataView(head.buffer);
const nothing = new Uint8Array(0);

/** The parts to be pushed one behind the other. The first is shared by all calls: push before the next call. */
export function encodeLogRecord(record: LogRecord): readonly Uint8Array[] {
  head[0] = (record.prev === undefined ? 0 : prevFlag) | (record.signature === undefined ? 0 : signatureFlag);
  headView.setFloat64(8, record.position);
  headView.setFloat64(16, record.seq);
  headView.setFloat64(24, record.time);
  head.set(publicKeyFromNodeId(record.source), 32);
  return [head, record.prev ?? nothing, record.signature ?? nothing, record.body];
}

/** The parts are views on `bytes`. What is wrong here is a defect of ours: the bytes never left the process. */
export function decodeLogRecord(bytes: Uint8Array): LogRecord {
  assert(bytes.length > headBytes, 'a log record is shorter than its head');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = bytes[0] ?? 0;
  const prevEnd = headBytes + (flags & prevFlag ? hashBytes : 0);
  const signatureEnd = prevEnd + (flags & signatureFlag ? signatureBytes : 0);
  assert(bytes.length > signatureEnd, 'a log record has no body');
  return {
    position: view.getFloat64(8) as Position,
    seq: view.getFloat64(16),
    time: view.getFloat64(24) as HlcTime,
    source: nodeIdFromPublicKey(bytes.subarray(32, 32 + publicKeyBytes)),
    prev: flags & prevFlag ? bytes.subarray(headBytes, prevEnd) : undefined,
    signature: flags & signatureFlag ? bytes.subarray(prevEnd, signatureEnd) : undefined,
    body: bytes.subarray(signatureEnd),
  };
}
