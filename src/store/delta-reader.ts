/**
 * Every query on the deltas, on any thread: over a snapshot of the index, a snapshot of the log that is at least as new, and
 * what the owner has accepted but not yet committed.
 *
 * The order matters. The index is read first: what it has not applied yet is then certain to be in the log's snapshot or,
 * later still, among the accepted. Read the other way round, a delta that is committed and indexed in between would be in
 * neither. Positions join the three parts, so nothing is told twice.
 *
 * Whatever the index points at is compared with the delta that is found there: a mismatch is STORE_DAMAGED, never a wrong answer.
 */
import assert from 'node:assert/strict';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaId, NodeId, Position } from '../base/ids.ts';
import { isNodeId } from '../codec/node-id.ts';
import { parseDeltaId, type StoredDelta } from '../delta/delta.ts';
import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import type { LogRecord } from '../delta/log-record.ts';
import { covers, type VersionVector } from '../delta/version-vector.ts';
import { openIndexEnvironment } from './delta-index.ts';
import { openDeltaEnvironment } from './delta-log.ts';
import { type DeltaFilter, defaultQueryLimit, type PathQuery } from './delta-store.ts';
import {
  type Answerable,
  bySource,
  byTime,
  indexedSince,
  newestInPath,
  placesSince,
} from './index-queries.ts';
import { IndexTables } from './index-tables.ts';
import { damagedAt, decodeStored, headAt, isText, type LogEntry, LogView } from './log-view.ts';
import { filterFits, findSource, isAbout, sinceFits } from './query-filter.ts';
import { boundless, type ScanBudget } from './scan-budget.ts';

/** What the owner of the queue holds above the log's head. */
export interface AcceptedTail {
  /** Deltas above `position` in ascending order, without a gap from `position + 1` on, unless there are none. */
  after(position: Position): Iterable<StoredDelta>;
}

/** A committed delta with all that vouches for it. */
export type StoredRecord = LogRecord & { readonly prev: Uint8Array };

const nothingAccepted: AcceptedTail = { after: () => [] };

/** One moment of the store. */
export interface Snapshot {
  readonly floor: Position;
  /** Newest committed position. */
  readonly head: Position;
  /** Up to here the index answers, above it the log does. */
  readonly applied: Position;
  readonly accepted: readonly StoredDelta[];
}

/** What one query works on. */
type Scan = Snapshot & Answerable;

export class DeltaReader {
  readonly #log: LogView;
  readonly #index: IndexTables;
  readonly #accepted: AcceptedTail;
  readonly #ownsHandles: boolean;
  readonly #budget: ScanBudget;

  constructor(
    log: LogView,
    index: IndexTables,
    accepted: AcceptedTail = nothingAccepted,
    ownsHandles = false,
    budget = boundless,
  ) {
    this.#log = log;
    this.#index = index;
    this.#accepted = accepted;
    this.#ownsHandles = ownsHandles;
    this.#budget = budget;
  }

  /**
   * Opens handles of this thread. In a process with writers, after them and not read-only; beside a stopped daemon as wanted.
   */
  static async open(
    directories: { readonly delta: string; readonly index: string },
    options: {
      readonly accepted?: AcceptedTail;
      readonly mapSizeBytes?: number;
      readonly readOnly?: boolean;
      readonly create?: boolean;
    } = {},
  ): Promise<DeltaReader> {
    const delta = openDeltaEnvironment(directories.delta, options);
    try {
      const index = openIndexEnvironment(directories.index, options);
      try {
        return new DeltaReader(new LogView(delta), new IndexTables(index), options.accepted, true);
      } catch (error) {
        await index.close();
        throw error;
      }
    } catch (error) {
      await delta.close();
      throw error;
    }
  }

  /** The same reader, whose queries may cost so much (`ScanBudget.within` runs them). It borrows the handles of this one. */
  within(budget: ScanBudget): DeltaReader {
    return new DeltaReader(this.#log, this.#index, this.#accepted, false, budget);
  }

  get log(): LogView {
    return this.#log;
  }

  get index(): IndexTables {
    return this.#index;
  }

  /** Everything that `vector` does not cover, in log order. */
  getSince(vector: VersionVector, filter: DeltaFilter = {}): StoredDelta[] {
    const snapshot = this.#scan();
    const fits = (delta: StoredDelta) => sinceFits(delta, vector) && filterFits(delta, filter);
    return take(filter.limit, this.#since(snapshot, vector), fits);
  }

  /** `from` ≤ time < `to`, oldest first; of one time, in log order. */
  getRange(from: HlcTime, to: HlcTime, filter: DeltaFilter = {}): StoredDelta[] {
    const snapshot = this.#scan();
    const fits = (delta: StoredDelta) => delta.time >= from && delta.time < to && filterFits(delta, filter);
    const limit = checkedLimit(filter.limit);
    const indexed = take(limit, byTime(this.#log, this.#index, snapshot, from, to, filter.type), fits);
    const tail = [...this.#tailUp(snapshot)].filter(fits);
    if (tail.length === 0) return indexed;
    return [...indexed, ...tail].sort((a, b) => a.time - b.time || a.position - b.position).slice(0, limit);
  }

  /** Newest seq first. */
  getBySource(source: NodeId, limit?: number): StoredDelta[] {
    const snapshot = this.#scan();
    return take(limit, this.#ofSource(snapshot, source), (delta) => delta.source === source);
  }

  /** Newest position first. */
  getByPath(query: PathQuery): StoredDelta[] {
    const snapshot = this.#scan();
    const fits = (delta: StoredDelta) => isAbout(delta, query) && filterFits(delta, query);
    const limit = checkedLimit(query.limit);
    const newest = take(limit, this.#tailDown(snapshot), fits);
    if (newest.length >= limit) return newest;
    const indexed = newestInPath(this.#log, this.#index, snapshot, query, limit - newest.length);
    return [...newest, ...indexed];
  }

  /** Newest position first, below `before` when given. */
  getLatest(filter: DeltaFilter = {}, before: number = Number.MAX_SAFE_INTEGER): StoredDelta[] {
    const scan = filter.sources?.length === 1 ? this.#scan() : this.#logScan();
    const fits = (delta: StoredDelta) => delta.position < before && filterFits(delta, filter);
    return take(filter.limit, this.#newest(scan, filter, before), fits);
  }

  get(id: DeltaId): StoredDelta | undefined {
    const parsed = parseDeltaId(id);
    if (parsed === undefined) return undefined;
    const snapshot = this.#scan();
    const source = isNodeId(parsed.source) ? parsed.source : this.#sourceEnding(parsed.source, snapshot);
    if (source === undefined) return undefined;
    const exact = (delta: StoredDelta) => delta.source === source && delta.seq === parsed.seq;
    const found = take(1, this.#tailDown(snapshot), exact)[0];
    if (found !== undefined) return found;
    // The newest of what is not above the seq: another one when the delta itself is lost.
    for (const delta of bySource(this.#log, this.#index, snapshot, source, parsed.seq, 'down'))
      return exact(delta) ? delta : undefined;
    return undefined;
  }

  /** Deltas of positions `from` … `to` that are kept, oldest first. */
  *positions(from: number, to: number): Generator<StoredDelta> {
    for (const { position, value } of this.#kept(from, to)) yield decodeStored(position, value);
  }

  /** The same as records: what the ring is filled with. */
  *records(from: number, to: number): Generator<LogRecord> {
    for (const { position, value } of this.#kept(from, to)) {
      const frame = decodeDeltaFrame(position, value);
      const { source, seq, time } = headAt(position, frame);
      yield { position, source, seq, time, body: Buffer.from(frame.body) };
    }
  }

  /**
   * What of the committed log `vector` does not cover, in log order, as other nodes are given it. In memory of its own.
   * @throws STORE_DAMAGED
   */
  *recordsSince(vector: VersionVector): Generator<StoredRecord> {
    const scan = this.#scan();
    for (const { position } of placesSince(this.#log, this.#index, scan, vector)) {
      const frame = this.#log.frame(position);
      if (frame === undefined) throw damagedAt(position, 'is missing from the log');
      yield storedRecord(position as Position, frame);
    }
    for (const { position, value } of this.#log.frames(scan.applied + 1, scan.head)) {
      const record = storedRecord(position, Buffer.from(value));
      if (!covers(vector, record.source, record.seq)) yield record;
    }
  }

  /** The committed deltas of one source behind a seq, oldest first. In memory of their own. */
  recordsOf(source: NodeId, afterSeq: number): Generator<StoredRecord> {
    return this.recordsSince({ ...this.#allSeen(), [source]: afterSeq });
  }

  #allSeen(): VersionVector {
    const seen: Record<NodeId, number> = {};
    for (const [source] of this.#log.sources()) seen[source as NodeId] = Number.MAX_SAFE_INTEGER;
    return seen;
  }

  #kept(from: number, to: number): Generator<LogEntry> {
    const { floor, head } = this.snapshot();
    return this.#log.frames(Math.max(from, floor), Math.min(to, head));
  }

  snapshot(): Snapshot {
    return this.#snapshot(() => {
      this.#index.environment.refresh();
      this.#log.environment.refresh();
      return this.#index.applied(this.#log) ?? 0;
    });
  }

  /** @param refresh begins a new moment of what is read, the log last, and says how far the index goes then. */
  #snapshot(refresh: () => number): Snapshot {
    for (let attempt = 0; ; attempt++) {
      const applied = refresh();
      const floor = this.#log.floor();
      const head = this.#log.head();
      const accepted = [...this.#accepted.after(head)];
      const first = accepted[0];
      // The owner may let go of what was committed after our snapshot was taken: then take a newer one.
      if (first === undefined || first.position === head + 1) {
        return { floor, head, applied: Math.max(applied, floor - 1) as Position, accepted };
      }
      assert(attempt < 3, `what is accepted begins at ${first.position}, the log ends at ${head}`);
    }
  }

  /** Closes the handles that `open` made. */
  async close(): Promise<void> {
    if (!this.#ownsHandles) return;
    await this.#index.environment.close();
    await this.#log.environment.close();
  }

  #sourceEnding(text: string, { accepted }: Snapshot): NodeId | undefined {
    const known = new Set([...this.#log.sources()].map(([source]) => source as NodeId));
    for (const delta of accepted) known.add(delta.source);
    return findSource(text, known);
  }

  #scan(): Scan {
    return { ...this.snapshot(), budget: this.#budget };
  }

  /** For what asks the log alone, which is all that a reader of the newest deltas needs. */
  #logScan(): Scan {
    const snapshot = this.#snapshot(() => {
      this.#log.environment.refresh();
      return 0;
    });
    return { ...snapshot, budget: this.#budget };
  }

  *#since(snapshot: Scan, vector: VersionVector): Generator<StoredDelta> {
    yield* indexedSince(this.#log, this.#index, snapshot, vector);
    yield* this.#tailUp(snapshot);
  }

  *#ofSource(snapshot: Scan, source: NodeId): Generator<StoredDelta> {
    yield* this.#tailDown(snapshot);
    yield* bySource(this.#log, this.#index, snapshot, source, Number.MAX_SAFE_INTEGER, 'down');
  }

  /** What the index has not applied, oldest first. */
  *#tailUp({ applied, head, accepted, budget }: Scan): Generator<StoredDelta> {
    yield* this.#decoded(this.#log.frames(applied + 1, head), budget);
    yield* accepted;
  }

  *#tailDown({ applied, head, accepted, budget }: Scan): Generator<StoredDelta> {
    for (let at = accepted.length - 1; at >= 0; at--) yield accepted[at] as StoredDelta;
    yield* this.#decoded(this.#log.frames(applied + 1, head, 'down'), budget);
  }

  *#down({ floor, head, accepted, budget }: Scan, before: number): Generator<StoredDelta> {
    for (let at = accepted.length - 1; at >= 0; at--) yield accepted[at] as StoredDelta;
    yield* this.#decoded(this.#log.frames(floor, Math.min(head, before - 1), 'down'), budget);
  }

  /** What may fit, newest position first, the shortest way there is. */
  *#newest(scan: Scan, { since, sources }: DeltaFilter, before: number): Generator<StoredDelta> {
    const [source] = sources ?? [];
    if (sources !== undefined && source === undefined) return;
    // The deltas of one source stand in the log in the order of their seqs.
    const one = sources?.length === 1 && source !== undefined;
    const node = since === undefined ? undefined : this.#log.meta.get('node', isText);
    for (const delta of one ? this.#ofSource(scan, source) : this.#down(scan, before)) {
      // An own delta's time is behind that of everything that stood in the log before it; another node's may have come late.
      if (since !== undefined && delta.source === node && delta.time < since) return;
      yield delta;
    }
  }

  *#decoded(frames: Iterable<LogEntry>, budget: ScanBudget): Generator<StoredDelta> {
    for (const { position, value } of frames) {
      budget.record(value.length);
      yield decodeStored(position, value);
    }
  }
}

function checkedLimit(limit: number = defaultQueryLimit): number {
  assert(Number.isSafeInteger(limit) && limit >= 0, 'a limit is a whole number');
  return limit;
}

/** The first `limit` that fit. Leaves the loop at once, so that no cursor stays open. */
function take(
  limit: number | undefined,
  deltas: Iterable<StoredDelta>,
  fits: (delta: StoredDelta) => boolean,
): StoredDelta[] {
  const most = checkedLimit(limit);
  const taken: StoredDelta[] = [];
  if (most === 0) return taken;
  for (const delta of deltas) {
    if (!fits(delta)) continue;
    taken.push(delta);
    if (taken.length === most) break;
  }
  return taken;
}

function storedRecord(position: Position, value: Buffer): StoredRecord {
  const frame = decodeDeltaFrame(position, value);
  const { source, seq, time } = headAt(position, frame);
  return { position, source, seq, time, body: frame.body, prev: frame.prev, signature: frame.signature };
}
