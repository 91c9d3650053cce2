/**
 * Dropping what is too old, a bounded transaction at a time: each `next()` of these generators does one and yields, so that the
 * compact lane can let the persist lane in between, or stop.
 *
 * The delta log goes in three steps, and a crash at any instant resumes from what `floor` and `trimmed` say:
 * 1. One transaction on the log writes the new floor and, for every source, the newest delta dropped and its hash. From
 *    here on the old deltas are gone for every reader.
 * 2. Runs of the index that have nothing else are dropped; one that has much of it is written anew. No query heeds what the index
 *    says of positions below the floor, so that this may be left half done.
 * 3. Bit by bit from `trimmed` to `floor` the records are removed, and `trimmed` moves along with them.
 *
 * The floor never passes `applied` of the index: what the index has yet to read must be there when it does. So a missing or
 * young index holds compaction up until it is rebuilt, and nothing else.
 */
import assert from 'node:assert/strict';
import { decodeAuditEvent } from '../audit/audit-event.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import { type AuditTables, auditIndexEntries, eventDigestBytes } from './audit-tables.ts';
import type { CompactResult } from './delta-store.ts';
import type { IndexTables } from './index-tables.ts';
import { headAt, type LogView, sourcePrefix } from './log-view.ts';
import { isCount } from './meta-table.ts';
import { RunCare } from './run-merge.ts';
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
  yield* trimIndex(index, floor);
  for (let trimmed: number = log.trimmed(); trimmed < floor; ) {
    refresh(log, index);
    const end = Math.min(floor, trimmed + most);
    log.environment.write(() => {
      for (let position = trimmed; position < end; position++) log.log.remove(positionKey(position));
      log.meta.put('trimmed', end);
    });
    yield { step: 'log trimmed', records: end - trimmed };
    trimmed = end;
  }
}

/** Of a run that goes on above the floor, which share may lie below it: written anew each time, it would be written often. */
const mostBelowFloor = 1 / 4;

function* trimIndex(index: IndexTables, floor: number): Generator<CompactStep> {
  const care = new RunCare(index.environment, index.runs);
  const step = { step: 'index trimmed', records: 0 } as const;
  if (index.runs.live().some(({ last }) => last < floor)) {
    index.environment.writeRepeatable(() => index.runs.dropBelow(floor));
    yield step;
    index.environment.refresh();
  }
  const [oldest] = index.runs.live();
  const below = oldest === undefined ? 0 : floor - oldest.first;
  if (oldest !== undefined && below > (oldest.last - oldest.first + 1) * mostBelowFloor)
    for (const _ of care.rewrite(oldest, floor)) yield step;
  while (care.sweep()) yield step;
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
