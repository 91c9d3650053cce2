/**
 * Cycles of waits across the cluster. Every claim that waits stands in line at every member it reaches, so each member can
 * look for cycles in its own table: an edge goes from a waiting claim to the holder of a lease in its way, and to the claim
 * ahead of it. The claim that is refused is the last in line of the cycle, by the one order of claims: members that find the
 * same cycle name the same claim, whichever they heard of first.
 */
import { type Entry, isAhead, type PromiseTable } from './promise-table.ts';

/** @returns the claims of a cycle of waits through `start`, each waiting for a holder of the next; undefined when none is found. */
export function findWaitCycle(
  table: PromiseTable,
  start: Entry,
  maxSteps: number,
): readonly Entry[] | undefined {
  /** Holders found, each with the waiting claim that led there. */
  const ledBy = new Map<string, Entry>();
  const waiting: Entry[] = [start];
  let steps = 0;
  for (let claim = waiting.shift(); claim !== undefined; claim = waiting.shift()) {
    for (const rival of table.rivalsOf(claim)) {
      steps += 1;
      if (steps > maxSteps) return undefined;
      if (rival.state !== 'granted' && !isAhead(rival, claim)) continue;
      if (rival.holder === start.holder) return pathTo(claim, start, ledBy);
      if (ledBy.has(rival.holder)) continue;
      ledBy.set(rival.holder, claim);
      for (const next of table.ofHolder(rival.holder))
        if (next.state === 'queued' && next.claim.waits) waiting.push(next);
    }
  }
  return undefined;
}

function pathTo(last: Entry, start: Entry, ledBy: ReadonlyMap<string, Entry>): readonly Entry[] {
  const path = [last];
  for (let claim: Entry | undefined = last; claim !== undefined && claim.holder !== start.holder; ) {
    claim = ledBy.get(claim.holder);
    if (claim !== undefined) path.unshift(claim);
  }
  return path;
}

/** The claim of the cycle that is refused. */
export function victimOf(cycle: readonly Entry[]): Entry | undefined {
  return cycle.reduce<Entry | undefined>(
    (last, claim) => (last === undefined || isAhead(last, claim) ? claim : last),
    undefined,
  );
}
