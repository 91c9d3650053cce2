/** What a store showed after the power was back, against what had been promised: pure, so that each check can be seen to fail. */
import type { Expectation } from './promises.ts';

/** How the files were before anything opened them. */
export interface Look {
  readonly sound: boolean;
  /** What is wrong with which store, when something is. */
  readonly damage: readonly string[];
}

export interface Opened {
  readonly look: Look;
  /** What the start says that it found and did. */
  readonly findings: readonly string[];
  /** Oldest position kept and newest ever given. */
  readonly floor: number;
  readonly head: number;
  /** Every fence that is given from now on is above it. */
  readonly fenceFloor: number;
  /** In the order of their positions. */
  readonly deltas: readonly OpenedDelta[];
  readonly events: ReadonlySet<number>;
  /** What `verify` says, and whatever else went wrong. */
  readonly problems: readonly string[];
}

export interface OpenedDelta {
  readonly id: string;
  readonly source: string;
  readonly seq: number;
  readonly position: number;
  readonly digest: string;
}

/** The start refused, or the process died. */
export interface NotOpened {
  readonly look: Look;
  readonly failed: string;
}

type Judge = (opened: Opened, expected: Expectation) => readonly string[];

export function judge(opened: Opened | NotOpened, expected: Expectation): readonly string[] {
  if ('failed' in opened) return [`does not open: ${opened.failed}`];
  return [...opened.problems, ...judges.flatMap((one) => one(opened, expected))];
}

const flushedIsThere: Judge = ({ deltas }, expected) => {
  const found = digests(deltas);
  return [...expected.deltas].flatMap(([id, digest]) => missing(found, id, digest));
};

const oldIsThereOrDroppedWhole: Judge = ({ deltas }, { aged, compaction }) => {
  const found = digests(deltas);
  const kept = [...aged.keys()].filter((id) => found.has(id)).length;
  if (compaction === 'done' && kept > 0) return [`${kept} deltas that were dropped are back`];
  if (kept === 0 && compaction !== 'not begun') return [];
  return [...aged].flatMap(([id, digest]) => missing(found, id, digest));
};

const positionsHaveNoGap: Judge = ({ deltas, floor, head }) => {
  const problems: string[] = [];
  let expected = floor;
  const seqs = new Map<string, number>();
  for (const { position, source, seq } of deltas) {
    if (position !== expected) problems.push(`position ${expected} is missing before ${position}`);
    expected = position + 1;
    const before = seqs.get(source);
    if (before !== undefined && seq !== before + 1)
      problems.push(`seq ${seq} of ${source} follows ${before}`);
    seqs.set(source, seq);
  }
  if (expected !== head + 1) problems.push(`the log ends at ${expected - 1}, its head is ${head}`);
  return problems;
};

const fencesRise: Judge = ({ fenceFloor }, { fence }) =>
  fenceFloor >= fence ? [] : [`fences go on above ${fenceFloor}, but ${fence} was given`];

const shownEventsAreThere: Judge = ({ events }, expected) => {
  const { compaction } = expected;
  const problems: string[] = [];
  const lost = (wanted: ReadonlySet<number>) => [...wanted].filter((time) => !events.has(time));
  for (const time of lost(expected.events)) problems.push(`the audit event of ${time} is lost`);
  // Events are dropped bit by bit; each is a record of its own.
  if (compaction === 'not begun')
    for (const time of lost(expected.agedEvents)) problems.push(`the old audit event of ${time} is lost`);
  const back = expected.agedEvents.size - lost(expected.agedEvents).length;
  if (compaction === 'done' && back > 0) problems.push(`${back} audit events that were dropped are back`);
  return problems;
};

/** LMDB promises whole files without a repair. Of the index it promises that only with a sync that the index leaves out. */
const logAndTrailAreWhole: Judge = ({ look }, { begun }) =>
  begun
    ? look.damage.filter((what) => !what.startsWith('index')).map((what) => `needed a repair: ${what}`)
    : [];

const judges: readonly Judge[] = [
  flushedIsThere,
  oldIsThereOrDroppedWhole,
  positionsHaveNoGap,
  fencesRise,
  shownEventsAreThere,
  logAndTrailAreWhole,
];

function digests(deltas: readonly OpenedDelta[]): ReadonlyMap<string, string> {
  return new Map(deltas.map(({ id, digest }) => [id, digest]));
}

function missing(found: ReadonlyMap<string, string>, id: string, digest: string): readonly string[] {
  const there = found.get(id);
  if (there === undefined) return [`${id}, answered as flushed, is lost`];
  return there === digest ? [] : [`${id}, answered as flushed, has another content`];
}
