/** The indexed part of each query: positions from the index, deltas from the log, and the check that the two agree. */
import type { NodeId } from '../base/ids.ts';
import { publicKeyFromNodeId } from '../codec/node-id.ts';
import type { StoredDelta } from '../delta/delta.ts';
import { headOf } from '../delta/delta-head.ts';
import { seqOf, type VersionVector } from '../delta/version-vector.ts';
import { CursorHeap } from './cursor-heap.ts';
import type { PathQuery } from './delta-store.ts';
import { type IndexTables, pathTextOf, tableNumber, typeNumber } from './index-tables.ts';
import { damagedAt, type LogView, type SourceHead } from './log-view.ts';
import { pastLost } from './lost-marker.ts';
import { filterFits, isAbout } from './query-filter.ts';
import { compareKeys, type KeyView } from './run-block.ts';
import type { ScanBudget } from './scan-budget.ts';
import { positionInKey, type Run, typeInKey } from './sorted-runs.ts';
import {
  afterPrefix,
  pathText,
  runTailBytes,
  seqOfSourceKey,
  sourceKey,
  subtreeStart,
  timeKey,
  timeOfTimeKey,
} from './store-keys.ts';
import type { TableRange } from './table.ts';

/** The positions that the index answers for, where the log ends, and what the query may cost. */
export interface Answerable {
  readonly budget: ScanBudget;
  readonly floor: number;
  readonly applied: number;
  readonly head: number;
}

/** Oldest first. */
export function* byTime(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  from: number,
  to: number,
  type: StoredDelta['type'] | undefined,
): Generator<StoredDelta> {
  const [first, end] = [Math.max(0, from), Math.max(0, to)];
  if (first >= end) return;
  const wanted = type === undefined ? undefined : typeNumber(type);
  const range = { from: timeKey(first), to: timeKey(end) };
  const cursors = spanning(index, span, ({ times }) => times[0] < end && times[1] >= first).map((run) => {
    span.budget.range();
    return index.runs.cursor(run, tableNumber.time, range);
  });
  const heap = new CursorHeap(cursors);
  for (let key = heap.least; key !== undefined; heap.advance(), key = heap.least) {
    span.budget.entry();
    const position = positionInKey(key);
    if (!answers(span, position) || (wanted !== undefined && typeInKey(key) !== wanted)) continue;
    const delta = log.delta(position, span.budget);
    if (delta.time !== timeOfTimeKey(key.key) || typeNumber(delta.type) !== typeInKey(key))
      throw disagrees(position);
    yield delta;
  }
}

/** Runs that have positions which the query may answer with, oldest first. */
function spanning(
  index: IndexTables,
  { floor, applied }: Answerable,
  has: (run: Run) => boolean = () => true,
): readonly Run[] {
  return index.runs.live().filter((run) => run.last >= floor && run.first <= applied && has(run));
}

/**
 * Deltas of one source: `up` from the seq after `seq`, `down` from `seq` itself. Seqs have no gap, so a missing entry shows.
 */
export function* bySource(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  source: NodeId,
  seq: number,
  order: 'up' | 'down',
): Generator<StoredDelta> {
  for (const position of sourcePositions(log, index, span, source, seq, order)) {
    const delta = log.delta(position.position, span.budget);
    if (delta.source !== source || delta.seq !== position.seq) throw disagrees(position.position);
    yield delta;
  }
}

interface SourcePosition {
  readonly seq: number;
  readonly position: number;
}

function* sourcePositions(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  source: NodeId,
  seq: number,
  order: 'up' | 'down',
): Generator<SourcePosition> {
  const head = log.source(source);
  const first = order === 'up' ? Math.max(seq, head.floorSeq) + 1 : head.floorSeq + 1;
  const last = order === 'up' ? head.seq : Math.min(seq, head.seq);
  if (first > last || span.applied < span.floor) return;
  // With an index that is level with the log every seq must be found; else the log's tail has the newest of them.
  const level = span.applied === span.head;
  const publicKey = publicKeyFromNodeId(source);
  const range = {
    from: sourceKey(publicKey, first),
    to: sourceKey(publicKey, last + 1),
    reverse: order === 'down',
  };
  // The seqs of a source ascend with the positions, so runs one after the other give them in order.
  const runs = spanning(index, span);
  const step = order === 'up' ? 1 : -1;
  let expected: number | undefined = order === 'up' ? first : level ? last : undefined;
  for (const key of keysOfRuns(
    index,
    span,
    order === 'up' ? runs : runs.toReversed(),
    tableNumber.source,
    range,
  )) {
    const found = { seq: seqOfSourceKey(key.key), position: positionInKey(key) };
    // An entry above what the index answers for belongs to a batch that the log's tail covers.
    if (found.position > span.applied) {
      if (order === 'up') return;
      continue;
    }
    if (expected !== undefined && found.seq !== expected) {
      expected = pastLost(log.lostSeqs(source), expected, step);
      if (found.seq !== expected) throw gapAt(source, expected);
    }
    if (!answers(span, found.position)) throw disagrees(found.position);
    expected = found.seq + step;
    yield found;
  }
  if (expected !== undefined && expected >= first && expected <= last)
    expected = pastLost(log.lostSeqs(source), expected, step);
  const missing = expected !== undefined && expected >= first && expected <= last;
  if (missing && (level || order === 'down')) throw gapAt(source, expected ?? first);
}

function* keysOfRuns(
  index: IndexTables,
  { budget }: Answerable,
  runs: readonly Run[],
  table: number,
  range: TableRange,
): Generator<KeyView> {
  for (const run of runs) {
    budget.range();
    for (const key of index.runs.keys(run, table, range)) {
      budget.entry();
      yield key;
    }
  }
}

/** What `vector` does not cover, in log order. */
export function* indexedSince(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  vector: VersionVector,
): Generator<StoredDelta> {
  for (const next of placesSince(log, index, span, vector)) {
    const delta = log.delta(next.position, span.budget);
    if (delta.source !== next.source || delta.seq !== next.seq) throw disagrees(next.position);
    yield delta;
  }
}

/** Where that stands: the sources' own orders merged by position. */
export function* placesSince(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  vector: VersionVector,
): Generator<{ readonly source: NodeId; readonly seq: number; readonly position: number }> {
  const lines: SourceLine[] = [];
  try {
    for (const [name, head] of log.sources()) openLine(log, index, span, vector, lines, name as NodeId, head);
    for (;;) {
      let next: SourceLine | undefined;
      for (const line of lines) if (next === undefined || line.position < next.position) next = line;
      if (next === undefined) return;
      yield next;
      if (!advance(next)) lines.splice(lines.indexOf(next), 1);
    }
  } finally {
    for (const line of lines) line.rest.return(undefined);
  }
}

interface SourceLine {
  readonly source: NodeId;
  readonly rest: Generator<SourcePosition>;
  seq: number;
  position: number;
}

function openLine(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  vector: VersionVector,
  lines: SourceLine[],
  source: NodeId,
  head: SourceHead,
): void {
  const seen = seqOf(vector, source);
  if (seen >= head.seq) return;
  const line = { source, rest: sourcePositions(log, index, span, source, seen, 'up'), seq: 0, position: 0 };
  if (advance(line)) lines.push(line);
}

function advance(line: SourceLine): boolean {
  const step = line.rest.next();
  if (step.done === true) return false;
  line.seq = step.value.seq;
  line.position = step.value.position;
  return true;
}

/**
 * The newest `limit` deltas of a path, or of it and everything below it, newest first. No run has anything that is newer than what
 * the runs behind it have, so each is sorted by itself and the first that are enough end the search.
 */
export function newestInPath(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  query: PathQuery,
  limit: number,
): StoredDelta[] {
  const found: StoredDelta[] = [];
  const place = new PathPlace(query);
  const newest = Math.min(span.applied, (query.before ?? Number.POSITIVE_INFINITY) - 1);
  for (const run of spanning(index, span).toReversed()) {
    if (found.length >= limit) break;
    if (run.first > newest) continue;
    const told = toldOfPath(index, span, run, place, newest).sort((a, b) => b.position - a.position);
    for (const { position, type } of told) {
      if (found.length >= limit) break;
      const delta = log.delta(position, span.budget);
      if (!place.holds(delta) || typeNumber(delta.type) !== type) throw disagrees(position);
      // A text that was cut may stand for paths outside the subtree too.
      if (isAbout(delta, query) && filterFits(delta, query)) found.push(delta);
    }
  }
  return found;
}

interface ToldDelta {
  readonly position: number;
  readonly type: number;
}

/** What one run says of a place, in any order. */
function toldOfPath(
  index: IndexTables,
  span: Answerable,
  run: Run,
  place: PathPlace,
  newest: number,
): ToldDelta[] {
  const told: ToldDelta[] = [];
  for (const prefix of place.prefixes) {
    const range = { from: prefix, to: afterPrefix(prefix) };
    for (const key of keysOfRuns(index, span, [run], tableNumber.path, range)) {
      const [position, type] = [positionInKey(key), typeInKey(key)];
      if (position < span.floor || position > newest || !place.isUnder(prefix, key)) continue;
      if (place.type === undefined || place.type === type) told.push({ position, type });
    }
  }
  return told;
}

/** The keys of a path, and of what lies below it when that is asked for. */
class PathPlace {
  readonly prefixes: readonly Buffer[];
  readonly type: number | undefined;
  readonly #own: Buffer;
  readonly #below: Buffer | undefined;

  constructor({ project, path, subtree, type }: PathQuery) {
    this.#own = pathText(project, path);
    this.#below = subtree === true ? subtreeStart(project, path) : undefined;
    this.prefixes = this.#below === undefined ? [this.#own] : [this.#own, this.#below];
    this.type = type === undefined ? undefined : typeNumber(type);
  }

  /** Each key is under one of the prefixes, also where the text of the path begins as those below it do: at the root. */
  isUnder(prefix: Buffer, { key, length }: KeyView): boolean {
    const own = this.#own;
    const isOwn = length === own.length + runTailBytes && compareKeys(key, own.length, own, own.length) === 0;
    return isOwn === (prefix === own);
  }

  holds(delta: StoredDelta): boolean {
    const text = pathTextOf(headOf(delta));
    if (text === undefined) return false;
    return text.equals(this.#own) || (this.#below?.equals(text.subarray(0, this.#below.length)) ?? false);
  }
}

function answers(span: Answerable, position: number): boolean {
  return position >= span.floor && position <= span.applied;
}

function disagrees(position: number): Error {
  return damagedAt(position, 'is not what the index says');
}

function gapAt(source: NodeId, seq: number): Error {
  return damagedAt(0, `is not indexed: delta ${seq} of ${source}`);
}
