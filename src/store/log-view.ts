/**
 * Reading the delta log: `delta/`, an environment of two tables.
 *
 * ```
 * log    [u64 position]  a delta frame (delta-frame.ts), or a marker that it is lost (lost-marker.ts)
 * meta   schema          1
 *        node            id of the node that owns the log
 *        head            newest position ever given; positions are never reused
 *        floor           oldest position kept; what lies below is gone for every reader from the moment this is written
 *        trimmed         oldest position that is physically there: compaction removes [trimmed, floor) bit by bit
 *        fence           no fence up to this number is ever given again (reserved in blocks)
 *        clock           newest HLC time in the log
 *        auditNewest     time of the newest audit event at the last start: a trail that ends before was put in its place
 *        lost/<node>     seqs of a source that a repair could not get back (lost-marker.ts)
 *        source/<node>   newest and newest dropped delta of a source: { seq, hash, floorSeq, floorHash }
 * ```
 * Head, floor and the heads of sources are written in the transaction that writes or drops the deltas they speak of.
 */
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import type { Delta, StoredDelta } from '../delta/delta.ts';
import { decodeDeltaBody } from '../delta/delta-body.ts';
import { type DeltaFrame, decodeDeltaFrame, genesisHash, hashBytes } from '../delta/delta-frame.ts';
import { type DeltaHead, readDeltaHead } from '../delta/delta-head.ts';
import type { Environment } from './environment.ts';
import { isLostMarker, isSeqRanges, type SeqRange } from './lost-marker.ts';
import { isBytes, isCount, MetaTable } from './meta-table.ts';
import { boundless, type ScanBudget } from './scan-budget.ts';
import { positionKey, positionKeyBytes, positionOfKey } from './store-keys.ts';
import type { Table } from './table.ts';

export const deltaSchema = 1;
export const sourcePrefix = 'source/';
export const lostPrefix = 'lost/';

/** Where a source stands in the log. */
export interface SourceHead {
  /** Newest delta in the log, and its hash: the `prev` of the next one. */
  readonly seq: number;
  readonly hash: Uint8Array;
  /** Newest delta that compaction dropped, 0 and zeros when none was. */
  readonly floorSeq: number;
  readonly floorHash: Uint8Array;
}

const newSourceHead: SourceHead = { seq: 0, hash: genesisHash, floorSeq: 0, floorHash: genesisHash };

/** Everything that the main thread must know of a log to go on with it. */
export interface LogState {
  readonly node: NodeId;
  readonly head: Position;
  readonly floor: Position;
  readonly trimmed: Position;
  readonly fence: number;
  readonly clock: HlcTime;
  readonly sources: ReadonlyMap<NodeId, SourceHead>;
}

export interface LogEntry {
  readonly position: Position;
  readonly value: Buffer;
}

export class LogView {
  readonly environment: Environment;
  readonly log: Table;
  readonly meta: MetaTable;
  readonly #key = Buffer.allocUnsafeSlow(positionKeyBytes);

  constructor(environment: Environment) {
    this.environment = environment;
    this.log = environment.table('log');
    this.meta = new MetaTable(environment.table('meta'));
  }

  head(): Position {
    return (this.meta.get('head', isCount) ?? 0) as Position;
  }

  floor(): Position {
    return (this.meta.get('floor', isCount) ?? 1) as Position;
  }

  trimmed(): Position {
    return (this.meta.get('trimmed', isCount) ?? 1) as Position;
  }

  source(node: NodeId): SourceHead {
    return this.meta.get(sourcePrefix + node, isSourceHead) ?? newSourceHead;
  }

  sources(): Generator<readonly [string, SourceHead]> {
    return this.meta.entries(sourcePrefix, isSourceHead);
  }

  /** In ascending order. */
  lostSeqs(node: NodeId): readonly SeqRange[] {
    return this.meta.get(lostPrefix + node, isSeqRanges) ?? [];
  }

  state(): LogState {
    return {
      node: this.meta.need('node', isText) as NodeId,
      head: this.head(),
      floor: this.floor(),
      trimmed: this.trimmed(),
      fence: this.meta.get('fence', isCount) ?? 0,
      clock: (this.meta.get('clock', isCount) ?? 0) as HlcTime,
      sources: new Map(this.sources()) as Map<NodeId, SourceHead>,
    };
  }

  frame(position: number): Buffer | undefined {
    return this.log.get(positionKey(position));
  }

  /** The checksum of the frame at a position, 0 when there is none: it tells whether two logs agree there. */
  stamp(position: number): number {
    const frame = this.frame(position);
    return frame === undefined || frame.length < 4 ? 0 : frame.readUInt32LE(0);
  }

  /**
   * Frames of `from` … `to`, both inclusive, in ascending or descending order, without what is known to be lost.
   * @throws STORE_DAMAGED when one is missing: a log without holes is what everything else rests on.
   */
  *frames(from: number, to: number, order: 'up' | 'down' = 'up'): Generator<LogEntry> {
    if (from > to) return;
    const step = order === 'up' ? 1 : -1;
    let expected = order === 'up' ? from : to;
    const range = { from: positionKey(from), to: positionKey(to + 1), reverse: order === 'down' };
    for (const { key, value } of this.log.entries(range)) {
      const position = positionOfKey(key);
      if (position !== expected) throw missingPosition(expected);
      expected += step;
      if (isLostMarker(position, value)) continue;
      yield { position: position as Position, value };
    }
    if (expected !== (order === 'up' ? to + 1 : from - 1)) throw missingPosition(expected);
  }

  /**
   * As `frames` upwards, for who is done with each before it asks for the next: all share one piece of memory, which costs a third.
   */
  *frameViews(
    from: number,
    to: number,
  ): Generator<{ readonly position: Position; readonly view: Uint8Array }> {
    for (let position = from; position <= to; position++) {
      const view = this.log.view(positionKey(position, this.#key));
      if (view === undefined) throw missingPosition(position);
      if (!isLostMarker(position, view)) yield { position: position as Position, view };
    }
  }

  /** @throws STORE_DAMAGED when the frame is missing or does not decode. */
  delta(position: number, budget: ScanBudget = boundless): StoredDelta {
    // Decoding copies whatever it keeps, so the frame itself needs no copy.
    const frame = this.log.view(positionKey(position, this.#key));
    if (frame === undefined) throw missingPosition(position);
    budget.record(frame.length);
    return decodeStored(position, frame);
  }
}

export function decodeStored(position: number, value: Uint8Array): StoredDelta {
  const frame = decodeDeltaFrame(position, value);
  return storedDelta(position as Position, frame, bodyOf(position, frame));
}

/** The body of a frame; a damage names the position. */
export function bodyOf(position: number, frame: DeltaFrame): Delta {
  try {
    return decodeDeltaBody(frame.body);
  } catch (cause) {
    throw damagedAt(position, 'has an unreadable body', cause);
  }
}

/** As `bodyOf`, for who needs no more than an index does. */
export function headAt(position: number, frame: DeltaFrame): DeltaHead {
  try {
    return readDeltaHead(frame.body);
  } catch (cause) {
    throw damagedAt(position, 'has an unreadable body', cause);
  }
}

/** Field by field, in one fixed shape: a spread costs as much as the decoding. */
export function storedDelta(position: Position, frame: Pick<DeltaFrame, 'prev'>, delta: Delta): StoredDelta {
  const { prev } = frame;
  return {
    id: delta.id,
    source: delta.source,
    seq: delta.seq,
    time: delta.time,
    agent: delta.agent,
    project: delta.project,
    type: delta.type,
    deps: delta.deps,
    payload: delta.payload,
    position,
    prev: Buffer.from(prev.buffer, prev.byteOffset, prev.byteLength).toString('hex'),
  };
}

export function damagedAt(position: number, what: string, cause?: unknown): CollabError {
  return new CollabError('STORE_DAMAGED', `the delta at position ${position} ${what}`, {
    next: 'Run agent-collab verify --repair.',
    details: { position },
    ...(cause === undefined ? {} : { cause }),
  });
}

function missingPosition(position: number): CollabError {
  return damagedAt(position, 'is missing from the log');
}

export function isSourceHead(value: unknown): value is SourceHead {
  const { seq, hash, floorSeq, floorHash } = (value ?? {}) as Partial<Record<keyof SourceHead, unknown>>;
  return isCount(seq) && isBytes(hash, hashBytes) && isCount(floorSeq) && isBytes(floorHash, hashBytes);
}

/** Of every meta value of a log that has a form of its own; the others are counts. */
export function metaGuard(name: string): (value: unknown) => boolean {
  if (name.startsWith(sourcePrefix)) return isSourceHead;
  if (name.startsWith(lostPrefix)) return isSeqRanges;
  return name === 'node' ? isText : isCount;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
