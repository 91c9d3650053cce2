import assert from 'node:assert/strict';
import type { Clock } from '../base/clock.ts';
import type { LockId } from '../base/ids.ts';
import { AgentRoster } from './agent-roster.ts';
import type { Claim } from './claim.ts';
import { ConflictSearch } from './conflict-search.ts';
import { blockedDenial, closedDenial, deadlockDenial, limitDenial, rateDenial } from './denial.ts';
import type { FenceSource } from './fence.ts';
import { Lease } from './lease.ts';
import { LeaseBook } from './lease-book.ts';
import type { Blocker, EndedLock, Lock, WaitingClaim } from './lock.ts';
import type { LockConfig } from './lock-options.ts';
import type { Denial, Grant, LockTransition, Waiting } from './outcome.ts';
import { PlacedClaim } from './placed-claim.ts';
import { type CompiledTarget, compileTarget } from './target.ts';
import { findCycle } from './wait-graph.ts';
import { type Settle, Waiter, WaitQueue } from './wait-queue.ts';

export interface LockComponents {
  readonly clock: Clock;
  readonly fences: FenceSource;
  /** A new id every time, unguessable if others are not to guess it. */
  readonly newLockId: () => LockId;
  /** Told of every transition, in order, while it happens: it must not throw and must not call the table. */
  readonly onTransition: (transition: LockTransition) => void;
}

/** How a lease ends. */
export type Ending =
  | { readonly cause: 'released' | 'expired' }
  | { readonly cause: 'forced'; readonly by: string; readonly reason: string }
  | { readonly cause: 'restart' | 'lost'; readonly reason: string };

/**
 * The transitions of the lock table: what `LockTable` checks and shows, this carries out. Every call happens
 * between `enter` and `leave`, at one instant `nowMs`.
 *
 * The invariant: no waiter is free, that is without a lease and without a claim ahead in its way, between calls.
 * Whatever takes a blocker away ends in `retry` of what it covered.
 */
export class LockCore {
  readonly config: LockConfig;
  readonly roster: AgentRoster;
  readonly book: LeaseBook;
  readonly queue = new WaitQueue();
  readonly conflicts: ConflictSearch;
  readonly counts = { granted: 0, denied: 0, renewed: 0, released: 0, expired: 0, forced: 0, lost: 0 };
  /** The instant of the call, monotonic. */
  nowMs = Number.NEGATIVE_INFINITY;
  isClosed = false;
  lastFence = 0;
  readonly #clock: Clock;
  readonly #fences: FenceSource;
  readonly #newLockId: () => LockId;
  readonly #onTransition: (transition: LockTransition) => void;
  readonly #settlements: { readonly settle: Settle; readonly outcome: Grant | Denial }[] = [];
  #isSettling = false;
  #nextTicket = 1;

  constructor(components: LockComponents, config: LockConfig) {
    this.config = config;
    this.roster = new AgentRoster(config);
    this.book = new LeaseBook(config.endedKept);
    this.conflicts = new ConflictSearch(this.book.index, this.queue.index);
    this.#clock = components.clock;
    this.#fences = components.fences;
    this.#newLockId = components.newLockId;
    this.#onTransition = components.onTransition;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  snapshot(lease: Lease): Lock {
    return lease.snapshot(this.nowMs, this.wallMs());
  }

  blockersOf(placed: PlacedClaim): readonly Blocker[] {
    return this.conflicts.blockersOf(placed, this.nowMs, this.wallMs());
  }

  waitingClaim(waiter: Waiter): WaitingClaim {
    const { claim, ticket } = waiter.placed;
    const { agentName, targets, mode, intention, priority } = claim;
    return {
      ticket,
      agent: waiter.agent.id,
      ...(agentName === undefined ? {} : { agentName }),
      targets,
      mode,
      intention,
      priority,
      waitingSinceMs: waiter.sinceMs,
      deadlineAtMs: this.wallMs() + waiter.dueMs - this.nowMs,
      blockers: this.blockersOf(waiter.placed),
    };
  }

  /** Begins a call: what is due by now ends first. */
  enter(): void {
    this.nowMs = this.#clock.monotonicMs();
    for (;;) {
      const lease = this.book.firstDue(this.nowMs);
      const waiter = this.queue.firstDue();
      const isOver = waiter !== undefined && waiter.dueMs <= this.nowMs;
      // In the order of their deadlines, however late the call comes; at one instant a lease ends first,
      // so that a wait which is over just then still gets it.
      if (lease !== undefined && !(isOver && waiter.dueMs < lease.dueMs)) {
        this.end(lease, { cause: 'expired' });
        this.retry(compiledOf(lease));
      } else if (isOver) {
        this.dismiss(waiter, blockedDenial('timeout', this.blockersOf(waiter.placed), this.wallMs()));
      } else {
        return;
      }
    }
  }

  /**
   * Ends a call: tells the waiters that were settled in it. Last, because a callback may call the table again;
   * what such a call settles is told by the loop that is under way.
   */
  leave(): void {
    if (this.#settlements.length === 0 || this.#isSettling) return;
    this.#isSettling = true;
    try {
      for (let next = this.#settlements.shift(); next !== undefined; next = this.#settlements.shift()) {
        next.settle(next.outcome);
      }
    } finally {
      this.#isSettling = false;
    }
  }

  claim(claim: Claim, waitMs: number, settle: Settle): Grant | Denial | Waiting {
    if (this.isClosed) return this.#denied(claim, closedDenial());
    const agent = this.roster.reach(claim.agent, this.nowMs);
    const retryAfterMs = this.roster.takeToken(agent, this.nowMs);
    if (retryAfterMs > 0) {
      const denial = rateDenial(retryAfterMs);
      if (agent.isDry) return this.#count(denial);
      agent.isDry = true;
      return this.#denied(claim, denial);
    }
    agent.isDry = false;
    const placed = this.#place(claim, agent);
    if (this.conflicts.isHeld(placed)) return this.#blocked('held', placed, waitMs, settle);
    const same = this.conflicts.sameLease;
    if (same !== undefined) return this.#grantAgain(same, claim);
    if (this.conflicts.isQueued(placed)) return this.#blocked('queued', placed, waitMs, settle);
    // The claim is tried as a waiter, since those who would wait for its lease would wait for it as a waiter too.
    const cycle =
      agent.waiters.size === 0 ? undefined : this.#closesCycle(new Waiter(placed, settle, 0, 0), false);
    const outcome = cycle ?? this.#grant(placed);
    return outcome.outcome === 'denied' ? this.#denied(claim, outcome) : outcome;
  }

  /** Ends a lease. The caller then retries what it covered. */
  end(lease: Lease, ending: Ending): EndedLock {
    const atMs = this.wallMs();
    const lock = lease.snapshot(this.nowMs, atMs);
    const ended: EndedLock = { lock, atMs, ...ending };
    this.book.end(lease, ended);
    switch (ending.cause) {
      case 'released':
      case 'expired':
        this.counts[ending.cause] += 1;
        this.#onTransition({ action: ending.cause, lock, atMs });
        break;
      case 'forced':
        this.counts.forced += 1;
        this.#onTransition({ action: 'forced', lock, atMs, by: ending.by, reason: ending.reason });
        break;
      default:
        this.counts.lost += 1;
        this.#onTransition({ action: 'lost', lock, atMs, cause: ending.cause, reason: ending.reason });
    }
    if (ending.cause !== 'released')
      this.roster.addNotice(lease.agent, { ...ended, cause: ending.cause }, this.nowMs);
    return ended;
  }

  renew(lease: Lease, ttlMs: number): Lock {
    lease.baseMs = this.nowMs;
    lease.ttlMs = ttlMs;
    this.book.deadlineChanged(lease);
    const lock = this.snapshot(lease);
    this.counts.renewed += 1;
    this.#onTransition({ action: 'renewed', lock, atMs: this.wallMs() });
    return lock;
  }

  /** Grants, in queue order, the waiters near `freed` that have nothing in their way any more. */
  retry(freed: readonly CompiledTarget[]): void {
    for (const waiter of this.queue.touching(freed)) {
      if (!this.queue.has(waiter)) continue;
      if (this.conflicts.isHeld(waiter.placed)) continue;
      const same = this.conflicts.sameLease;
      if (this.conflicts.isQueued(waiter.placed)) continue;
      const { claim } = waiter.placed;
      const outcome = same === undefined ? this.#grant(waiter.placed) : this.#grantAgain(same, claim);
      if (outcome.outcome === 'denied') {
        this.dismiss(waiter, outcome);
      } else {
        this.queue.remove(waiter);
        this.#settlements.push({ settle: waiter.settle, outcome });
      }
    }
  }

  /** Ends a wait without a grant. */
  dismiss(waiter: Waiter, denial: Denial): void {
    this.queue.remove(waiter);
    this.#settlements.push({ settle: waiter.settle, outcome: this.#denied(waiter.placed.claim, denial) });
    this.retry(waiter.placed.compiled);
  }

  #place(claim: Claim, agent: PlacedClaim['agent']): PlacedClaim {
    const compiled: CompiledTarget[] = [];
    for (const target of claim.targets) compiled.push(compileTarget(target));
    if (compiled.length === 0 || !(claim.ttlMs > 0)) assert.fail('a claim that did not pass parseClaim');
    return new PlacedClaim(agent, claim, compiled, this.nowMs, this.config.ageingMs, this.#nextTicket++);
  }

  #grant(placed: PlacedClaim): Grant | Denial {
    if (this.book.index.size + placed.compiled.length > this.config.maxLocks) {
      return limitDenial('The lock table is full: release locks that are not needed, or lock a glob.');
    }
    if (this.#fences.remaining <= 0) {
      return limitDenial(
        'No fence is reserved on disk: ask again in a second, and look at `agent-collab status`.',
      );
    }
    const wallMs = this.wallMs();
    const fence = this.#fences.next();
    if (fence <= this.lastFence) assert.fail('fences rise');
    this.lastFence = fence;
    const lease = new Lease(this.#newLockId(), fence, placed, this.nowMs, wallMs);
    this.book.add(lease);
    this.counts.granted += 1;
    const lock = lease.snapshot(this.nowMs, wallMs);
    this.#onTransition({ action: 'acquired', lock, atMs: wallMs, waitedMs: this.nowMs - placed.arrivedMs });
    return { outcome: 'granted', lock, renewed: false };
  }

  /** The agent claims what it holds: the lock stays as it is, so that releasing it once is enough. */
  #grantAgain(lease: Lease, claim: Claim): Grant {
    lease.claim = claim;
    return { outcome: 'granted', lock: this.renew(lease, claim.ttlMs), renewed: true };
  }

  #blocked(reason: 'held' | 'queued', placed: PlacedClaim, waitMs: number, settle: Settle): Denial | Waiting {
    const { claim } = placed;
    const blockers = this.blockersOf(placed);
    const wallMs = this.wallMs();
    if (!(waitMs > 0)) return this.#denied(claim, blockedDenial(reason, blockers, wallMs));
    if (this.queue.index.size + placed.compiled.length > this.config.maxWaiters) {
      return this.#denied(
        claim,
        limitDenial('Too many claims wait: work on something else and claim again later.'),
      );
    }
    const waiter = new Waiter(placed, settle, wallMs, this.nowMs + waitMs);
    const cycle = this.#closesCycle(waiter, true);
    if (cycle !== undefined) return this.#denied(claim, cycle);
    const { ticket } = placed;
    this.#onTransition({ action: 'waited', claim, atMs: wallMs, ticket, blockers });
    return { outcome: 'waiting', ticket, blockers, deadlineAtMs: wallMs + waitMs };
  }

  /** Puts the waiter in its place, and takes it out again if it closes a cycle there or is not to stay. */
  #closesCycle(waiter: Waiter, stays: boolean): Denial | undefined {
    this.queue.add(waiter);
    const cycle = findCycle(waiter.agent, this.book.index, this.queue.index, this.config.maxCycleSteps);
    if (cycle !== undefined || !stays) this.queue.remove(waiter);
    if (cycle === undefined) return undefined;
    if (cycle === 'too-dense') {
      return limitDenial('Too many agents wait for each other to rule out a deadlock: claim without a wait.');
    }
    return deadlockDenial(cycle, this.blockersOf(waiter.placed), this.wallMs());
  }

  #denied(claim: Claim, denial: Denial): Denial {
    this.#onTransition({ action: 'denied', claim, atMs: this.wallMs(), denial });
    return this.#count(denial);
  }

  #count(denial: Denial): Denial {
    this.counts.denied += 1;
    return denial;
  }
}

export function compiledOf(lease: Lease): readonly CompiledTarget[] {
  return lease.entries.map((entry) => entry.compiled);
}
