/**
 * A run as gossip tells it, with those whom its author has told itself: whoever hears it from its author passes it on to the others only.
 * Where every member is connected to every other, that is to nobody.
 *
 * ```
 * 0   u16    count of members, 0 … maxToldMembers
 * 2   count × 4 B, the first of each one's public key
 *            the run (run.ts)
 * ```
 * Nothing vouches for the names. What they are wrong about comes by catch-up: an author who names whom it has not told keeps its own deltas
 * back until then, and one that tells each something else is found out by the heads in announcements. From anybody but the author they are not
 * looked at, and they do not make another message of the same run.
 */
import type { NodeId } from '../base/ids.ts';
import { publicKeyFromNodeId } from '../codec/node-id.ts';
import { maxToldMembers } from './limits.ts';
import { decodeRun, encodeRun, type Run } from './run.ts';

/** What a message of gossip begins with that is a run. */
export const runTag = 1;

const countBytes = 2;
const nameBytes = 4;

export interface ToldRun {
  readonly run: Run;
  readonly told: ToldMembers;
}

/** @param told more than `maxToldMembers` are left out: they hear it twice. */
export function encodeToldRun(run: Run, told: readonly NodeId[]): Buffer {
  const named = told.slice(0, maxToldMembers);
  const count = Buffer.alloc(countBytes);
  count.writeUInt16LE(named.length);
  return Buffer.concat([count, ...named.map(nameOf), encodeRun(run)]);
}

/** Undefined for anything that `encodeToldRun` could not have written. The parts are views. */
export function decodeToldRun(input: Uint8Array): ToldRun | undefined {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length < countBytes) return undefined;
  const count = bytes.readUInt16LE(0);
  const end = countBytes + count * nameBytes;
  if (count > maxToldMembers || end > bytes.length) return undefined;
  const run = decodeRun(bytes.subarray(end));
  return run === undefined ? undefined : { run, told: new ToldMembers(bytes.subarray(countBytes, end)) };
}

/** What tells a message of gossip from others: of a run, what its author vouches for. */
export function messageIdentity(data: Uint8Array): readonly Uint8Array[] {
  if (data[0] !== runTag || data.length < 1 + countBytes) return [data];
  const count = new DataView(data.buffer, data.byteOffset + 1, countBytes).getUint16(0, true);
  return [data.subarray(0, 1), data.subarray(1 + countBytes + count * nameBytes)];
}

export class ToldMembers {
  readonly #names: ReadonlySet<number>;

  constructor(names: Buffer) {
    const found = new Set<number>();
    for (let at = 0; at < names.length; at += nameBytes) found.add(names.readUInt32LE(at));
    this.#names = found;
  }

  has(node: NodeId): boolean {
    return this.#names.has(nameOf(node).readUInt32LE(0));
  }
}

function nameOf(node: NodeId): Buffer {
  return Buffer.from(publicKeyFromNodeId(node).subarray(0, nameBytes));
}
