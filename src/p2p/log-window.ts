/** The giving end: what of the log another node lacks, in runs, a window at a time. */
import type { NodeId } from '../base/ids.ts';
import { deltaHash } from '../delta/delta-frame.ts';
import type { ChainHead } from '../delta/foreign-delta.ts';
import { seqOf, type VersionVector } from '../delta/version-vector.ts';
import type { DeltaReader, StoredRecord } from '../store/delta-reader.ts';
import { maxRunBytes, maxRunDeltas, windowBytes, windowDeltas } from './limits.ts';
import type { Run } from './run.ts';

/** What stands before this is kept nowhere here: `head` is the newest delta of the source that is gone. */
export interface Floor {
  readonly source: NodeId;
  readonly head: ChainHead;
}

export interface LogWindow {
  /** One or more of each source, in the order of its seqs; those of different sources in no order. */
  readonly runs: readonly Run[];
  /** Before the runs. */
  readonly floors: readonly Floor[];
  /** What the other node has once it has taken the window. */
  readonly vector: VersionVector;
  readonly isLast: boolean;
}

export interface WindowLimits {
  readonly deltas: number;
  readonly bytes: number;
}

/** Signs a hash in the name of this node, whose own deltas can so be cut anywhere. */
export type SignOwn = { readonly own: NodeId; sign(hash: Uint8Array): Uint8Array };

/** Reads in log order, which is causal: nothing in a window builds on what only a later one brings. */
export function readWindow(
  reader: DeltaReader,
  vector: VersionVector,
  signer: SignOwn,
  limits: WindowLimits = { deltas: windowDeltas, bytes: windowBytes },
): LogWindow {
  const after: Record<NodeId, number> = { ...vector };
  const floors: Floor[] = [];
  reader.log.environment.refresh();
  for (const [name, { seq, floorSeq, floorHash }] of reader.log.sources()) {
    const source = name as NodeId;
    if (seqOf(after, source) >= floorSeq) continue;
    after[source] = floorSeq;
    // With nothing behind it, nobody could tell whether it is true.
    if (seq > floorSeq) floors.push({ source, head: { seq: floorSeq, hash: floorHash } });
  }
  const lines = new Map<NodeId, StoredRecord[]>();
  let count = 0;
  let bytes = 0;
  let isLast = true;
  for (const record of reader.recordsSince(after)) {
    if (count >= limits.deltas || bytes >= limits.bytes) {
      isLast = false;
      break;
    }
    const { source, seq, prev } = record;
    // Seqs that this log lost, or never had.
    if (seq > seqOf(after, source) + 1) floors.push({ source, head: { seq: seq - 1, hash: prev } });
    after[source] = seq;
    const line = lines.get(source);
    if (line === undefined) lines.set(source, [record]);
    else line.push(record);
    count += 1;
    bytes += record.body.length;
  }
  const runs = [...lines.values()].flatMap((line) => cutRuns(line, signer));
  return { runs, floors, vector: after, isLast };
}

/** What a run says of a delta. */
export type RunRecord = Pick<StoredRecord, 'source' | 'seq' | 'prev' | 'body' | 'signature'>;

/**
 * Records of one source, oldest first, as runs: each as long as may be, and ending in a signature; what no signature covers yet comes last,
 * unsigned. A signature in the middle of a run is left out: one takes 160 µs to verify, and the last says as much.
 */
export function cutRuns(records: readonly RunRecord[], signer: SignOwn): readonly Run[] {
  const runs: Run[] = [];
  for (let from = 0; from < records.length; ) {
    const end = endOfRun(records, from, signer);
    const part = records.slice(from, end);
    const [first] = part;
    const last = part.at(-1);
    if (first === undefined || last === undefined) break;
    const { source, seq: firstSeq, prev } = first;
    const signature =
      last.signature ?? (source === signer.own ? signer.sign(deltaHash(last.prev, last.body)) : undefined);
    runs.push({ source, firstSeq, prev, bodies: part.map(({ body }) => body), signature });
    from = end;
  }
  return runs;
}

/** One past the last record of the run that begins at `from`. */
function endOfRun(records: readonly RunRecord[], from: number, signer: SignOwn): number {
  let bytes = 0;
  let signedEnd = 0;
  let end = from;
  for (; end < records.length && end - from < maxRunDeltas; end += 1) {
    const record = records[end];
    if (record === undefined) break;
    const isBroken = end > from && record.seq !== (records[end - 1]?.seq ?? 0) + 1;
    if (isBroken || (end > from && bytes + record.body.length > maxRunBytes)) break;
    bytes += record.body.length;
    if (record.signature !== undefined || record.source === signer.own) signedEnd = end + 1;
  }
  return signedEnd > from ? signedEnd : end;
}
