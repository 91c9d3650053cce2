/** The indexed part of each query: positions from the index, deltas from the log, and the check that the two agree. */
import type { NodeId } from '../base/ids.ts';
import type { StoredDelta } from '../delta/delta.ts';
import { headOf } from '../delta/delta-head.ts';
import { seqOf, type VersionVector } from '../delta/version-vector.ts';
import type { PathQuery } from './delta-store.ts';
import { type IndexTables, pathTextOf, typeValue } from './index-tables.ts';
import { damagedAt, type LogView, type SourceHead } from './log-view.ts';
import { pastLost } from './lost-marker.ts';
import { filterFits, isAbout } from './query-filter.ts';
import type { ScanBudget } from './scan-budget.ts';
import {
  afterPrefix,
  pathKey,
  pathText,
  positionAtEnd,
  positionOfValue,
  seqOfSourceKey,
  sourceKey,
  subtreeStart,
  timeKey,
  timeOfTimeKey,
} from './store-keys.ts';

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
  if (from >= to) return;
  const wanted = type === undefined ? undefined : typeValue({ type });
  const range = { from: timeKey(Math.max(0, from), 0), to: timeKey(Math.max(0, to), 0) };
  // Without a type the one byte of the value is not needed, and keys alone cost half.
  const keys =
    wanted === undefined ? index.time.keys(range) : keysOf(index.time.entries(range), wanted, span);
  for (const key of keys) {
    span.budget.entry();
    const position = positionAtEnd(key);
    if (!answers(span, position)) continue;
    const delta = log.delta(position, span.budget);
    if (delta.time !== timeOfTimeKey(key) || (type !== undefined && delta.type !== type))
      throw disagrees(position);
    yield delta;
  }
}

function* keysOf(
  entries: Iterable<{ key: Buffer; value: Buffer }>,
  wanted: Buffer,
  { budget }: Answerable,
): Generator<Buffer> {
  for (const { key, value } of entries) {
    if (value.equals(wanted)) yield key;
    else budget.entry();
  }
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
  const number = index.sourceNumber(source);
  const first = order === 'up' ? Math.max(seq, head.floorSeq) + 1 : head.floorSeq + 1;
  const last = order === 'up' ? head.seq : Math.min(seq, head.seq);
  if (first > last || span.applied < span.floor) return;
  // With an index that is level with the log every seq must be found; else the log's tail has the newest of them.
  const level = span.applied === span.head;
  if (number === undefined) {
    // All that the index could name of this source is lost.
    if (level && pastLost(log.lostSeqs(source), first, 1) <= last) throw gapAt(source, first);
    return;
  }
  const range = {
    from: sourceKey(number, first),
    to: sourceKey(number, last + 1),
    reverse: order === 'down',
  };
  const step = order === 'up' ? 1 : -1;
  let expected: number | undefined = order === 'up' ? first : level ? last : undefined;
  span.budget.range();
  for (const { key, value } of index.source.entries(range)) {
    span.budget.entry();
    const found = { seq: seqOfSourceKey(key), position: positionOfValue(value) };
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

/** The newest `limit` deltas of a path, or of it and everything below it, newest first. */
export function newestInPath(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  query: PathQuery,
  limit: number,
): StoredDelta[] {
  const found = new Newest(limit);
  const own = pathText(query.project, query.path);
  const number = index.pathNumber(own);
  if (number !== undefined) collect(log, index, span, query, own, number, found);
  if (query.subtree === true) {
    const start = subtreeStart(query.project, query.path);
    for (const { key, value } of index.paths.entries({ from: start, to: afterPrefix(start) })) {
      span.budget.entry();
      if (!key.equals(own)) collect(log, index, span, query, key, value.readUInt32BE(0), found);
    }
  }
  return found.result();
}

function collect(
  log: LogView,
  index: IndexTables,
  span: Answerable,
  query: PathQuery,
  text: Buffer,
  number: number,
  found: Newest,
): void {
  // Nothing that is older than what has been found is wanted: most paths of a large subtree end at the first step.
  const least = Math.max(span.floor, found.least + 1);
  const newest = Math.min(span.applied, (query.before ?? Number.POSITIVE_INFINITY) - 1);
  if (least > newest) return;
  span.budget.range();
  const wanted = query.type === undefined ? undefined : typeValue({ type: query.type });
  const range = { from: pathKey(number, least), to: pathKey(number, newest + 1), reverse: true };
  let taken = 0;
  for (const { key, value } of index.path.entries(range)) {
    if (taken >= found.limit) return;
    span.budget.entry();
    if (wanted !== undefined && !value.equals(wanted)) continue;
    const position = positionAtEnd(key);
    const delta = log.delta(position, span.budget);
    if (pathTextOf(headOf(delta))?.equals(text) !== true || !value.equals(typeValue(delta)))
      throw disagrees(position);
    // A text that was cut may stand for paths outside the subtree too.
    if (!isAbout(delta, query) || !filterFits(delta, query)) continue;
    taken++;
    found.add(delta);
  }
}

/** Keeps the newest few of what it is given in any order. */
class Newest {
  readonly limit: number;
  /** Nothing at or below this position is wanted any more. */
  least = 0;
  #deltas: StoredDelta[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  add(delta: StoredDelta): void {
    this.#deltas.push(delta);
    // Sorting once per `limit` additions keeps the cost at log(limit) each and the memory at twice the limit.
    if (this.#deltas.length >= 2 * this.limit) this.#shrink();
  }

  result(): StoredDelta[] {
    this.#shrink();
    return this.#deltas;
  }

  #shrink(): void {
    this.#deltas.sort((a, b) => b.position - a.position);
    this.#deltas.length = Math.min(this.#deltas.length, this.limit);
    if (this.#deltas.length === this.limit) this.least = this.#deltas.at(-1)?.position ?? 0;
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
