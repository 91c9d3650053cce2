/**
 * The guarantees of SPEC §16 as pure functions: what was acknowledged, against what is there. Each returns what is wrong,
 * and test/crash plants a bug for each to find.
 */
import type { DeltaView } from '../src/control/results.ts';
import {
  answeredIsOnRecord,
  eventsAreDistinct,
  grantsHaveEnds,
  recordsStay,
  trailHasNoHole,
} from './audit-checks.ts';
import type { Acknowledged, History, Observation, StartOutcome } from './history.ts';
import { endsAreTold, leasesEndWithTheirDaemon } from './lease-checks.ts';

export type Check = (history: History, observation: Observation) => readonly string[];

/** G1: what was acknowledged as committed or flushed is there, with its content. What retention may drop is G5's business. */
export const acknowledgedSurvives: Check = (history, observation) => {
  const byId = new Map(observation.deltas.map((delta) => [delta.id, delta]));
  const promised = history.acknowledged.filter(({ durability }) => durability !== 'accepted');
  const lost = promised.filter(({ id, life }) => !byId.has(id) && !history.oldLives.has(life));
  const changed = promised.filter(({ id, content }) => {
    const delta = byId.get(id);
    return delta !== undefined && delta.payload.content !== content;
  });
  const say = (what: string) => (one: Acknowledged) =>
    `G1: ${one.id}, ${one.durability} in life ${one.life}, ${what}`;
  return [
    ...beyond(toldLost(history, observation), lost.map(say('is lost'))),
    ...changed.map(say('has another content')),
  ];
};

/** G2: positions run without a gap from the floor to the head, and the seqs of each source without a gap. */
export const numbersHaveNoGap: Check = (history, observation) => {
  const { deltas, status } = observation;
  const { floor, head } = status.deltas;
  const missing: string[] = [];
  const problems: string[] = [];
  const byPosition = [...deltas].sort((a, b) => a.position - b.position);
  const first = byPosition[0]?.position ?? floor;
  const last = byPosition.at(-1)?.position ?? first - 1;
  if (first < floor) problems.push(`G2: the log starts at ${first}, its floor is ${floor}`);
  // One for each that is missing, so that they can be counted against those that a repair gave up.
  for (let gap = floor; gap < first; gap += 1)
    missing.push(`G2: the log starts at ${first}, its floor is ${floor}`);
  // The status was asked for before the log.
  for (let gap = last; gap < head; gap += 1) missing.push(`G2: the log ends at ${last}, its head is ${head}`);
  const newest = new Map<string, number>();
  for (const [at, { source, seq, position }] of byPosition.entries()) {
    const before = byPosition[at - 1]?.position ?? position - 1;
    const says = `G2: position ${position} follows ${before}`;
    if (position <= before) problems.push(says);
    for (let gap = before + 1; gap < position; gap += 1) missing.push(says);
    const seqBefore = newest.get(source) ?? seq - 1;
    newest.set(source, seq);
    if (seq === seqBefore + 1) continue;
    const step = `G2: seq ${seq} of ${source} follows ${seqBefore} at position ${position}`;
    // A repair that gave up the delta in between has left its position empty.
    const gaveUp = history.damaged !== 'none' && seq > seqBefore && seq - seqBefore <= position - before;
    if (!gaveUp) problems.push(step);
  }
  return [...problems, ...beyond(toldLost(history, observation), missing)];
};

/** G2: a number that was once seen stands for the same delta for ever, and no two answers named the same. */
export const numbersAreNotReused: Check = (history, observation) => {
  const { deltas, status } = observation;
  const problems: string[] = [];
  const contentOf = new Map<string, string>();
  for (const { id, content, durability } of history.acknowledged) {
    if (durability === 'accepted') continue;
    const other = contentOf.get(id);
    if (other !== undefined && other !== content) problems.push(`G2: ${id} was given to two deltas`);
    contentOf.set(id, content);
  }
  const now = new Map(deltas.map((delta) => [delta.position, delta]));
  const empty: string[] = [];
  for (const before of history.seen) {
    const delta = now.get(before.position);
    if (delta === undefined) {
      // Retention raises the floor over what is old, and over nothing else.
      if (before.position >= status.deltas.floor || !isOld(before.time, status.startedAt))
        empty.push(`G2: position ${before.position} held ${before.id} and is empty now`);
    } else if (!sameDelta(before, delta))
      problems.push(`G2: position ${before.position} held ${before.id} and holds another delta now`);
  }
  return [...problems, ...beyond(toldLost(history, observation), empty)];
};

/** Deltas that were damaged on the disk and that a repair has given up: `verify` counts their places. */
function toldLost({ damaged }: History, { verify }: Observation): number {
  return damaged !== 'none' ? (verify.checked.lost ?? 0) : 0;
}

/** Nothing, when these are no more than were told to be lost. */
function beyond(told: number, missing: readonly string[]): readonly string[] {
  return missing.length <= told ? [] : [...new Set(missing)];
}

/** A day less than `storage.retentionDays`: no daemon of a scenario lives as long. */
const oldMs = 29 * 86_400_000;

function isOld(time: string, now: string): boolean {
  return Date.parse(now) - Date.parse(time) > oldMs;
}

/** `prev` is absent from an observation only while the delta before it was not committed yet. */
function sameDelta(before: DeltaView, now: DeltaView): boolean {
  const samePrev = before.prev === null || before.prev === now.prev;
  return samePrev && before.id === now.id && JSON.stringify(before.payload) === JSON.stringify(now.payload);
}

/** G3: the index answers as a rebuild would: `verify` compares it entry by entry, and here the answers are compared. */
export const indexAnswersAsARebuildWould: Check = (_, { deltas, byPath, verify }) => {
  const problems = verify.problems.map(({ store, where, what }) => `G3: verify: ${store} ${where}: ${what}`);
  if (!verify.sound && problems.length === 0) problems.push('G3: verify: not sound');
  const last = Math.max(0, ...deltas.map((delta) => delta.position));
  for (const [path, found] of Object.entries(byPath)) {
    const expected = deltas
      .filter((delta) => delta.payload.path === path)
      .sort((a, b) => b.position - a.position);
    // What came after the log was read is no business of this comparison.
    const ids = found.filter(({ position }) => position <= last).map(({ id }) => id);
    if (ids.join() !== expected.map(({ id }) => id).join())
      problems.push(
        `G3: the index has ${ids.length} deltas of ${path}, the log has ${expected.length}, or in another order`,
      );
  }
  return problems;
};

/** G6: of two grants of one path the later has the higher fence, restarts in between or not. */
export const fencesRise: Check = (history) => {
  const newest = new Map<string, { readonly fence: number; readonly life: number }>();
  const highestOfLife = new Map<number, number>();
  return history.granted.flatMap(({ path, fence, life }) => {
    const problems: string[] = [];
    const before = newest.get(path);
    if (before !== undefined && fence <= before.fence)
      problems.push(
        `G6: ${path} was granted with fence ${before.fence} in life ${before.life}, then ${fence} in life ${life}`,
      );
    newest.set(path, { fence, life });
    for (const [earlier, highest] of highestOfLife) {
      if (earlier < life && fence <= highest)
        problems.push(`G6: fence ${fence} in life ${life} is not above ${highest} of life ${earlier}`);
    }
    highestOfLife.set(life, Math.max(highestOfLife.get(life) ?? 0, fence));
    return problems;
  });
};

/** G5: retention drops what is old at once or not at all: killed at any instant, the log is the old or the new one. */
export const oldIsDroppedWhole: Check = (history, { deltas }) => {
  const there = new Set(deltas.map(({ id }) => id));
  const old = history.acknowledged.filter(
    ({ life, durability }) => history.oldLives.has(life) && durability !== 'accepted',
  );
  const kept = old.filter(({ id }) => there.has(id)).length;
  return kept === 0 || kept === old.length
    ? []
    : [`G5: of ${old.length} deltas that are too old ${kept} are there: neither the old log nor the new one`];
};

/** A round in which nothing was acknowledged would prove nothing. */
export const somethingHappened: Check = (history) =>
  history.acknowledged.length + history.granted.length > 0 ? [] : ['no request was ever answered'];

/** Requests that were in order got an answer that is in order, or none because of the kill. */
export const nothingUnexpected: Check = (history) =>
  history.unexpected.map((what) => `unexpected answer: ${what}`);

export const checks: readonly Check[] = [
  acknowledgedSurvives,
  numbersHaveNoGap,
  numbersAreNotReused,
  indexAnswersAsARebuildWould,
  answeredIsOnRecord,
  trailHasNoHole,
  recordsStay,
  eventsAreDistinct,
  grantsHaveEnds,
  oldIsDroppedWhole,
  fencesRise,
  leasesEndWithTheirDaemon,
  endsAreTold,
  nothingUnexpected,
  somethingHappened,
];

/** G10: of several daemons started at once one serves, and the others end with exit code 5 and name it. */
export function oneServes(outcomes: readonly StartOutcome[], servingPid: number): readonly string[] {
  const running = outcomes.filter(({ exitCode }) => exitCode === null);
  const problems: string[] = [];
  if (running.length !== 1) problems.push(`G10: ${running.length} of ${outcomes.length} daemons run`);
  if (!running.some(({ pid }) => pid === servingPid))
    problems.push(`G10: the daemon that answers has pid ${servingPid}, which is none of those that run`);
  for (const { pid, exitCode, stderr } of outcomes) {
    if (exitCode === null) continue;
    if (exitCode !== 5) problems.push(`G10: daemon ${pid} ended with exit code ${exitCode}, not 5`);
    if (!stderr.includes(String(servingPid)))
      problems.push(`G10: daemon ${pid} does not name the pid ${servingPid} of the one that serves`);
  }
  return problems;
}
