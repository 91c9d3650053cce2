/**
 * The guarantees of SPEC §16 as pure functions: what was acknowledged, against what is there. Each returns what is wrong,
 * and test/crash plants a bug for each to find.
 */
import type { DeltaView } from '../src/control/results.ts';
import type { History, Observation, StartOutcome } from './history.ts';

export type Check = (history: History, observation: Observation) => readonly string[];

/** G1: what was acknowledged as committed or flushed is there, with its content. */
export const acknowledgedSurvives: Check = (history, { deltas }) => {
  const byId = new Map(deltas.map((delta) => [delta.id, delta]));
  return history.acknowledged.flatMap(({ id, content, durability, life }) => {
    if (durability === 'accepted') return [];
    const delta = byId.get(id);
    if (delta === undefined) return [`G1: ${id}, ${durability} in life ${life}, is lost`];
    return delta.payload.content === content
      ? []
      : [`G1: ${id}, ${durability} in life ${life}, has another content`];
  });
};

/** G2: positions run without a gap from the floor to the head, and the seqs of each source without a gap. */
export const numbersHaveNoGap: Check = (_, { deltas, status }) => {
  const problems: string[] = [];
  const positions = deltas.map((delta) => delta.position).sort((a, b) => a - b);
  const first = positions[0] ?? status.deltas.floor;
  const last = positions.at(-1) ?? first - 1;
  if (first !== status.deltas.floor)
    problems.push(`G2: the log starts at ${first}, its floor is ${status.deltas.floor}`);
  // The status was asked for before the log.
  if (last < status.deltas.head)
    problems.push(`G2: the log ends at ${last}, its head is ${status.deltas.head}`);
  for (const [at, position] of positions.entries()) {
    const before = positions[at - 1] ?? position - 1;
    if (position !== before + 1) problems.push(`G2: position ${position} follows ${before}`);
  }
  const newest = new Map<string, number>();
  for (const { source, seq, position } of [...deltas].sort((a, b) => a.position - b.position)) {
    const before = newest.get(source);
    if (before !== undefined && seq !== before + 1)
      problems.push(`G2: seq ${seq} of ${source} follows ${before} at position ${position}`);
    newest.set(source, seq);
  }
  return problems;
};

/** G2: a number that was once seen stands for the same delta for ever, and no two answers named the same. */
export const numbersAreNotReused: Check = (history, { deltas }) => {
  const problems: string[] = [];
  const contentOf = new Map<string, string>();
  for (const { id, content, durability } of history.acknowledged) {
    if (durability === 'accepted') continue;
    const other = contentOf.get(id);
    if (other !== undefined && other !== content) problems.push(`G2: ${id} was given to two deltas`);
    contentOf.set(id, content);
  }
  const now = new Map(deltas.map((delta) => [delta.position, delta]));
  for (const before of history.seen) {
    const delta = now.get(before.position);
    if (delta === undefined)
      problems.push(`G2: position ${before.position} held ${before.id} and is empty now`);
    else if (!sameDelta(before, delta))
      problems.push(`G2: position ${before.position} held ${before.id} and holds another delta now`);
  }
  return problems;
};

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
  fencesRise,
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
