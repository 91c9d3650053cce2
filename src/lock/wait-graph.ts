/**
 * Who waits for whom. The nodes are agents; an edge goes from an agent with a waiting claim to the holder of a
 * lease in its way and to the agent of a claim ahead in its way. An agent waits until all of its blockers are gone,
 * so a cycle is a deadlock (Coffman et al., "System deadlocks", 1971). An agent with several claims waiting counts as
 * stuck while one is: this may refuse a wait that would have ended, and never lets one hang.
 *
 * Edges appear only in these ways, so only these look for cycles; each new edge touches the claiming agent,
 * so it is enough to look for cycles through that agent:
 * 1. A claim is enqueued: edges from its agent to its blockers, and, where its priority puts it ahead of
 *    others, from their agents to it.
 * 2. A claim is granted at once to an agent that has other claims waiting: edges to it from lower claims that
 *    overlap. Without a waiting claim the agent has no edge out, so no cycle.
 * A waiter that is granted had those edges already, as a claim ahead. Release, expiry, force, refusal and cancelling
 * only remove edges. Moving lines keeps their order, so leases and claims that were apart stay apart, but for
 * the rare claim that loses all its lines; such a cycle is left to the deadlines of the waits.
 */
import assert from 'node:assert/strict';
import type { AgentState } from './agent-roster.ts';
import type { ClaimIndex } from './claim-index.ts';
import { conflicts } from './conflict-search.ts';
import type { EntryVisitor, IndexEntry } from './entry-list.ts';
import { Lease } from './lease.ts';
import type { CycleStep } from './lock.ts';
import { isAhead } from './placed-claim.ts';
import type { Waiter } from './wait-queue.ts';

interface Edge {
  readonly waiter: Waiter;
  readonly blocker: Lease | Waiter;
  readonly path: string;
}

/** Agents found in one direction; each but the first with the edge that led there. */
type Reached = Map<AgentState, Edge | undefined>;

/**
 * @returns a cycle through `start`, agent by agent, beginning with `start`; undefined when there is none;
 * `'too-dense'` after `maxSteps` entries.
 *
 * Searches from both ends (Pohl, "Bi-directional search", 1971), the side that has cost less first: behind a hot
 * file thousands may wait, but mostly either the claim or those who wait for its agent have few neighbours.
 */
export function findCycle(
  start: AgentState,
  leases: ClaimIndex<Lease>,
  waiters: ClaimIndex<Waiter>,
  maxSteps: number,
): readonly CycleStep[] | 'too-dense' | undefined {
  return new CycleSearch(start, leases, waiters).run(maxSteps);
}

class CycleSearch {
  readonly #start: AgentState;
  readonly #leases: ClaimIndex<Lease>;
  readonly #waiters: ClaimIndex<Waiter>;
  /** Agents that `start` waits for, and the edge to each. */
  readonly #ahead: Reached = new Map();
  /** Agents that wait for `start`, and the edge from each. */
  readonly #behind: Reached = new Map();
  #meeting: Edge | undefined = undefined;

  constructor(start: AgentState, leases: ClaimIndex<Lease>, waiters: ClaimIndex<Waiter>) {
    this.#start = start;
    this.#leases = leases;
    this.#waiters = waiters;
    this.#ahead.set(start, undefined);
    this.#behind.set(start, undefined);
  }

  run(maxSteps: number): readonly CycleStep[] | 'too-dense' | undefined {
    // Maps iterate in order of insertion and see what is added meanwhile: each is the queue of its search.
    const aheadQueue = this.#ahead.keys();
    const behindQueue = this.#behind.keys();
    let aheadSteps = 0;
    let behindSteps = 0;
    while (this.#meeting === undefined) {
      if (aheadSteps + behindSteps > maxSteps) return 'too-dense';
      const forward = aheadSteps <= behindSteps;
      const next = (forward ? aheadQueue : behindQueue).next();
      if (next.done) return undefined;
      if (forward) aheadSteps += 1 + this.#lookAhead(next.value, maxSteps);
      else behindSteps += 1 + this.#lookBehind(next.value, maxSteps);
    }
    return this.#cycle(this.#meeting);
  }

  #lookAhead(agent: AgentState, maxSteps: number): number {
    let steps = 0;
    for (const waiter of agent.waiters) {
      const look: EntryVisitor<Lease | Waiter> = {
        visit: (entry) => {
          steps += 1;
          if (!blocks(entry.owner, waiter)) return steps > maxSteps;
          return this.#found({ waiter, blocker: entry.owner, path: pathOf(entry) }, true) || steps > maxSteps;
        },
      };
      for (const target of waiter.placed.compiled) {
        if (this.#leases.visit(target, look) || this.#waiters.visit(target, look)) return steps;
      }
    }
    return steps;
  }

  #lookBehind(agent: AgentState, maxSteps: number): number {
    let steps = 0;
    for (const blocker of [...agent.leases, ...agent.waiters]) {
      for (const held of blocker.entries) {
        const look: EntryVisitor<Waiter> = {
          visit: ({ owner }) => {
            steps += 1;
            if (!blocks(blocker, owner)) return steps > maxSteps;
            return this.#found({ waiter: owner, blocker, path: pathOf(held) }, false) || steps > maxSteps;
          },
        };
        if (this.#waiters.visit(held.compiled, look)) return steps;
      }
    }
    return steps;
  }

  /** @returns whether the edge closes a cycle. */
  #found(edge: Edge, forward: boolean): boolean {
    const mine = forward ? this.#ahead : this.#behind;
    const others = forward ? this.#behind : this.#ahead;
    const agent = forward ? edge.blocker.agent : edge.waiter.agent;
    if (others.has(agent)) {
      this.#meeting = edge;
      return true;
    }
    if (!mine.has(agent)) mine.set(agent, edge);
    return false;
  }

  #cycle(meeting: Edge): readonly CycleStep[] {
    const before: CycleStep[] = [];
    for (let agent = meeting.waiter.agent; agent !== this.#start; ) {
      const edge = this.#ahead.get(agent);
      assert(edge !== undefined);
      before.unshift(stepOf(edge));
      agent = edge.waiter.agent;
    }
    const after: CycleStep[] = [];
    for (let agent = meeting.blocker.agent; agent !== this.#start; ) {
      const edge = this.#behind.get(agent);
      assert(edge !== undefined);
      after.push(stepOf(edge));
      agent = edge.blocker.agent;
    }
    return [...before, stepOf(meeting), ...after];
  }
}

function blocks(blocker: Lease | Waiter, waiter: Waiter): boolean {
  if (!conflicts(blocker, waiter)) return false;
  return blocker instanceof Lease || isAhead(blocker.placed, waiter.placed);
}

function pathOf(entry: IndexEntry<Lease | Waiter>): string {
  return entry.compiled.target.path;
}

function stepOf({ waiter, blocker, path }: Edge): CycleStep {
  const isLease = blocker instanceof Lease;
  return {
    agent: waiter.agent.id,
    waitsFor: blocker.agent.id,
    ...(isLease ? { lockId: blocker.id } : {}),
    intention: isLease ? blocker.claim.intention : blocker.placed.claim.intention,
    path,
  };
}
