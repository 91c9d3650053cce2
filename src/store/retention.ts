/**
 * Dropping what is too old, a bounded transaction at a time: each `next()` of these generators does one and yields, so that the
 * compact lane can let the persist lane in between, or stop.
 *
 * The delta log goes in three steps, and a crash at any instant resumes from what `floor` and `trimmed` say:
 * 1. One transaction on the log writes the new floor and, for every source, the newest delta dropped and its hash. From
 *    here on the old deltas are gone for every reader.
 * 2. The index's own floor follows, so that its writer adds nothing below it any more.
 * 3. Bit by bit from `trimmed` to `floor`: the index entries of some deltas are removed (which needs their records), then
 *    the records, and `trimmed` moves along with them.
 *
 * The floor never passes `applied` of the index: what the index has yet to read must be there when it does. So a missing or
 * young index holds compaction up until it is rebuilt, and nothing else.
 */
import assert from 'node:assert/strict';
import { decodeAuditEvent } from '../audit/audit-event.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import type { DeltaHead } from '../delta/delta-head.ts';
import { type AuditTables, auditIndexEntries, eventDigestBytes } from './audit-tables.ts';
import type { CompactResult } from './delta-store.ts';
import { type IndexTables, indexEntries } from './index-tables.ts';
import { headAt, type LogView, sourcePrefix } from './log-view.ts';
import { isLostMarker } from './lost-marker.ts';
import { isCount } from './meta-table.ts';
import { positionKey, positionOfKey } from './store-keys.ts';
import { DigestBook } from './table-digest.ts';

export interface RetentionOptions {
  /** Records of one transaction. @default defaultRetentionBatch */
  readonly maxPerTransaction?: number;
}

/** About 5 ms with its sync: a quarter of what the persist lane may be held up (SPEC §5). */
const defaultRetentionBatch = 500;

export interface CompactStep {
  readonly step: 'looked' | 'floor raised' | 'index trimmed' | 'log trimmed';
  /** Records that this step looked at or removed. */
  readonly records: number;
}

/** What may go. */
export interface Expiry {
  /** Everything older. */
  readonly before: HlcTime;
  /** And everything below this position, whatever its age. @default nothing */
  readonly below?: number | undefined;
}

/** Drops the oldest deltas, up to the first that may not go. */
export function* compactLog(
  log: LogView,
  index: IndexTables,
  expiry: Expiry,
  options: RetentionOptions = {},
): Generator<CompactStep, CompactResult> {
  const most = options.maxPerTransaction ?? defaultRetentionBatch;
  assert(most > 0, 'a transaction has at least one record');
  refresh(log, index);
  const oldFloor = log.floor();
  const dropped = yield* findFloor(log, index, expiry, most);
  const floor = (oldFloor + dropped.count) as Position;
  if (dropped.count > 0) {
    log.environment.write(() => raiseFloor(log, oldFloor, floor, dropped.newest));
    yield { step: 'floor raised', records: dropped.count };
  }
  yield* trim(log, index, most);
  return { dropped: dropped.count, floor };
}

interface Dropped {
  readonly count: number;
  /** Of every source its newest dropped delta. */
  readonly newest: ReadonlyMap<NodeId, { readonly seq: number; readonly hash: Uint8Array }>;
}

function* findFloor(
  log: LogView,
  index: IndexTables,
  { before, below = 0 }: Expiry,
  most: number,
): Generator<CompactStep, Dropped> {
  const newest = new Map<NodeId, { seq: number; hash: Uint8Array }>();
  refresh(log, index);
  const last = index.applied(log) ?? 0;
  let position: number = log.floor();
  const first = position;
  for (let young = false; !young && position <= last; ) {
    const end = Math.min(last, position + most - 1);
    const began = position;
    for (const { position: at, value } of log.frames(position, end)) {
      const frame = decodeDeltaFrame(at, value);
      const { source, seq, time } = headAt(at, frame);
      young = time >= before && at >= below;
      if (young) {
        position = at;
        break;
      }
      newest.set(source, { seq, hash: frame.hash });
    }
    if (!young) position = end + 1;
    yield { step: 'looked', records: position - began };
    log.environment.refresh();
  }
  return { count: position - first, newest };
}

function raiseFloor(log: LogView, from: Position, to: Position, newest: Dropped['newest']): void {
  assert(log.floor() === from, 'only one compaction runs at a time');
  for (const [source, { seq, hash }] of newest)
    log.meta.put(sourcePrefix + source, { ...log.source(source), floorSeq: seq, floorHash: hash });
  log.meta.put('floor', to);
}

/** Removes what lies between `trimmed` and `floor`; also what an earlier run left there. */
function* trim(log: LogView, index: IndexTables, most: number): Generator<CompactStep> {
  refresh(log, index);
  const floor = log.floor();
  if (index.floor() < floor) index.environment.write(() => index.meta.put('floor', floor));
  for (let trimmed: number = log.trimmed(); trimmed < floor; ) {
    refresh(log, index);
    const end = Math.min(floor, trimmed + most);
    const removed = trimIndex(log, index, trimmed, end);
    yield { step: 'index trimmed', records: removed };
    // The index first, on disk too: without their records, entries that a power loss brought back would stay for ever.
    index.environment.flush();
    log.environment.write(() => {
      for (let position = trimmed; position < end; position++) log.log.remove(positionKey(position));
      log.meta.put('trimmed', end);
    });
    trimmed = end;
    yield { step: 'log trimmed', records: removed };
  }
}

function trimIndex(log: LogView, index: IndexTables, from: number, end: number): number {
  const deltas: { readonly position: number; readonly head: DeltaHead }[] = [];
  for (const { key, value } of log.log.entries({ from: positionKey(from), to: positionKey(end) })) {
    const position = positionOfKey(key);
    if (isLostMarker(position, value)) continue;
    deltas.push({ position, head: headAt(position, decodeDeltaFrame(position, value)) });
  }
  index.environment.write(() => {
    const digests = new DigestBook(index.meta);
    for (const { position, head } of deltas) {
      const numbers = index.numbersOf(head);
      if (numbers === undefined) continue;
      for (const { table, key, value } of indexEntries(numbers, position, head))
        if (index.table(table).remove(key)) digests.remove(table, key, value);
    }
    digests.save();
  });
  return deltas.length;
}

function refresh(log: LogView, index: IndexTables): void {
  index.environment.refresh();
  log.environment.refresh();
}

/** Drops the events older than `before`, oldest first. Returns how many. */
export function* compactAudit(
  tables: AuditTables,
  before: HlcTime,
  options: RetentionOptions = {},
): Generator<CompactStep, number> {
  const most = options.maxPerTransaction ?? defaultRetentionBatch;
  assert(isCount(before) && most > 0);
  for (let total = 0; ; ) {
    tables.environment.refresh();
    const old: { readonly key: Buffer; readonly value: Buffer }[] = [];
    for (const entry of tables.events.entries({ to: positionKey(before) })) {
      old.push(entry);
      if (old.length === most) break;
    }
    if (old.length === 0) return total;
    tables.environment.write(() => {
      const digests = new DigestBook(tables.meta);
      let last = 0;
      for (const { key, value } of old) {
        const event = decodeAuditEvent(positionOfKey(key), value);
        for (const entry of auditIndexEntries(event))
          if (tables.table(entry.table).remove(entry.key))
            digests.remove(entry.table, entry.key, entry.value);
        if (tables.events.remove(key)) digests.remove('events', key, value, eventDigestBytes);
        last = event.at;
      }
      digests.raise({ dropped: last });
      digests.save();
    });
    total += old.length;
    yield { step: 'log trimmed', records: old.length };
  }
}
