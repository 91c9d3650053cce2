import assert from 'node:assert/strict';
import type { AgentId, LockId, ProjectId, RepoPath } from '../base/ids.ts';
import { type Claim, maxWaitMs, parseIntention, parseTtl } from './claim.ts';
import { blockedDenial, closedDenial, endedRefusal, heldOtherwiseRefusal, unknownRefusal } from './denial.ts';
import type { FenceSource } from './fence.ts';
import { Lease } from './lease.ts';
import { assertLineEdit, type LineEdit, moveLines } from './line-edit.ts';
import type { Lock, Notice, NoticeBatch, WaitingClaim } from './lock.ts';
import { compiledOf, type LockComponents, LockCore } from './lock-core.ts';
import { type LockOptions, resolveLockOptions } from './lock-options.ts';
import type { Denial, Grant, Refusal, Released, Renewed, Valid, Waiting } from './outcome.ts';
import { wholeFile } from './scope.ts';
import { compileTarget, type Target } from './target.ts';
import type { Settle, Waiter } from './wait-queue.ts';

export interface LockFilter {
  readonly project?: ProjectId;
  /** A path or glob: locks that overlap it. Needs `project`. */
  readonly path?: RepoPath;
  readonly agent?: AgentId;
}

export interface LockStats {
  readonly locks: number;
  readonly targets: number;
  readonly waiters: number;
  readonly agents: number;
  readonly fencesLeft: number;
  /** The newest fence given out by this process, 0 before the first. */
  readonly lastFence: number;
  /** Counted since the start. */
  readonly granted: number;
  readonly denied: number;
  readonly renewed: number;
  readonly released: number;
  readonly expired: number;
  readonly forced: number;
  readonly lost: number;
}

/**
 * The locks of one node, in memory. Every call first ends what is due on the monotonic clock, so an answer is right
 * even when the timer for `nextDeadlineMs` is late; the wall clock only stamps what people read.
 *
 * A claim is granted when no other agent's lease overlaps it and no other agent's claim that overlaps it waits
 * ahead of it (placed-claim.ts has the order). So nobody overtakes a waiter, not even with a claim that does not
 * wait, and an all-or-nothing claim does not starve. Claims are expected as `parseClaim` makes them.
 *
 * Callbacks (`onTransition`, `settle`) must not throw. `settle` is called at the end of the call that settled it
 * and may call the table again; `onTransition` may not.
 */
export class LockTable {
  readonly #core: LockCore;
  readonly #fences: FenceSource;

  constructor(components: LockComponents, init: LockOptions = {}) {
    this.#core = new LockCore(components, resolveLockOptions(init));
    this.#fences = components.fences;
  }

  /**
   * Claims without waiting. Claiming just what the agent holds already, in the same mode, renews that lock with the
   * new intention and ttl and returns it, id and fence unchanged: one release then frees it. Claiming part of
   * it, more than it, or the other mode makes a lock of its own.
   */
  acquire(claim: Claim): Grant | Denial {
    const outcome = this.#claim(claim, 0, ignore);
    if (outcome.outcome === 'waiting') assert.fail('a claim without a wait waits');
    return outcome;
  }

  /**
   * As `acquire`, but when others are in the way waits for up to `waitMs`. `settle` is called at most once, and
   * only after this returned `waiting`: with the grant, or with why the wait ended without one.
   */
  acquireOrWait(claim: Claim, waitMs: number, settle: Settle): Grant | Denial | Waiting {
    assert(waitMs >= 0 && waitMs <= maxWaitMs, 'a wait that did not pass parseWait');
    return this.#claim(claim, waitMs, settle);
  }

  /** Ends a wait, if it is still under way; its `settle` is told `cancelled`. @returns whether it was. */
  cancelWait(ticket: number): boolean {
    return this.#do(() => {
      const waiter = this.#core.queue.get(ticket);
      if (waiter !== undefined) this.#cancel(waiter);
      return waiter !== undefined;
    });
  }

  release(id: LockId, agent: AgentId, fence?: number): Released | Refusal {
    this.#core.enter();
    const outcome = this.#release(id, agent, fence);
    this.#core.leave();
    return outcome;
  }

  /**
   * Starts the lease's time afresh, with another ttl if one is given, which may end it sooner than before.
   * @throws INVALID_ARGUMENT for a ttl out of range.
   */
  renew(id: LockId, agent: AgentId, change: { ttlMs?: number; fence?: number } = {}): Renewed | Refusal {
    const { ttlMs, fence } = change;
    if (ttlMs !== undefined) parseTtl(ttlMs, this.#core.config.maxTtlMs);
    return this.#do(() => {
      const lease = this.#heldBy(id, agent, fence);
      if (!(lease instanceof Lease)) return lease;
      return { outcome: 'renewed', lock: this.#core.renew(lease, ttlMs ?? lease.ttlMs) };
    });
  }

  /** Whether a lock is held, with this fence if one is given, or what became of it. */
  check(id: LockId, fence?: number): Valid | Refusal {
    return this.#do(() => {
      const lease = this.#held(id, fence);
      return lease instanceof Lease ? { outcome: 'valid', lock: this.#core.snapshot(lease) } : lease;
    });
  }

  /** Ends a lease against its holder's will; the holder gets a notice. @throws INVALID_ARGUMENT without a reason. */
  force(id: LockId, by: string, reason: string): Released | Refusal {
    const why = parseIntention(reason, 'reason');
    assert(by !== '', 'somebody forces a lock');
    return this.#do(() => {
      const lease = this.#held(id, undefined);
      if (!(lease instanceof Lease)) return lease;
      const { lock } = this.#core.end(lease, { cause: 'forced', by, reason: why });
      this.#core.retry(compiledOf(lease));
      return { outcome: 'released', lock };
    });
  }

  /** A sign of life: all leases of the agent start their time afresh. O(1); no transition is reported. */
  touch(agent: AgentId): void {
    this.#core.enter();
    const state = this.#core.roster.get(agent);
    if (state !== undefined) state.touchedMs = this.#core.nowMs;
    this.#core.leave();
  }

  /** The agent is gone: its leases are released and its waits cancelled. @returns the locks it had. */
  releaseAll(agent: AgentId): readonly Lock[] {
    return this.#do(() => {
      const state = this.#core.roster.get(agent);
      if (state === undefined) return [];
      // The waits first: they must not be granted what the same call releases.
      for (const waiter of [...state.waiters]) this.#cancel(waiter);
      const leases = [...state.leases];
      const locks = leases.map((lease) => this.#core.end(lease, { cause: 'released' }).lock);
      this.#core.retry(leases.flatMap(compiledOf));
      return locks;
    });
  }

  /**
   * The node cannot vouch for any lease any more: all end, with notices to their holders. Claims that wait stay and
   * may be granted; a node that is going down calls `close` first. @returns the locks that ended.
   */
  endAll(cause: 'restart' | 'lost', reason: string): readonly Lock[] {
    return this.#do(() => {
      const leases = this.#core.book.all();
      const locks = leases.map((lease) => this.#core.end(lease, { cause, reason }).lock);
      this.#core.retry(leases.flatMap(compiledOf));
      return locks;
    });
  }

  /**
   * An edit moved lines of a file: line ranges of leases and waiting claims move with their text. A lease whose lines
   * are all gone ends as `lost`, told to its holder (line-edit.ts has the rules). @returns the locks that moved.
   */
  moveLines(edit: LineEdit): readonly Lock[] {
    assertLineEdit(edit);
    return this.#do(() => moveLines(this.#core, edit));
  }

  /** In the order of their grants. */
  list(filter: LockFilter = {}): readonly Lock[] {
    const { project, path, agent } = filter;
    assert(path === undefined || project !== undefined, 'a path needs its project');
    return this.#do(() => {
      let leases: Iterable<Lease> = this.#core.book.all();
      if (project !== undefined && path !== undefined) {
        leases = this.#core.book.index.owners(compileTarget({ project, path, scope: wholeFile }));
      } else if (agent !== undefined) {
        leases = this.#core.roster.get(agent)?.leases ?? [];
      }
      return [...leases]
        .filter((lease) => agent === undefined || lease.agent.id === agent)
        .filter((lease) => project === undefined || isIn(lease, project))
        .sort((a, b) => a.fence - b.fence)
        .map((lease) => this.#core.snapshot(lease));
    });
  }

  get(id: LockId): Lock | undefined {
    return this.#do(() => {
      const lease = this.#core.book.get(id);
      return lease === undefined ? undefined : this.#core.snapshot(lease);
    });
  }

  /** Who holds something of the target, in the order of the grants, and who waits for it, in queue order. */
  why(target: Target): { readonly locks: readonly Lock[]; readonly waiters: readonly WaitingClaim[] } {
    return this.#do(() => {
      const compiled = compileTarget(target);
      const leases = this.#core.book.index.owners(compiled).sort((a, b) => a.fence - b.fence);
      return {
        locks: leases.map((lease) => this.#core.snapshot(lease)),
        waiters: this.#core.queue.touching([compiled]).map((waiter) => this.#core.waitingClaim(waiter)),
      };
    });
  }

  /** All claims that wait, in queue order. */
  waiters(): readonly WaitingClaim[] {
    return this.#do(() => this.#core.queue.all().map((waiter) => this.#core.waitingClaim(waiter)));
  }

  /** The agent's leases that ended early and were not told yet. Each is told once. */
  takeNotices(agent: AgentId): NoticeBatch {
    return this.#do(() => this.#core.roster.takeNotices(agent));
  }

  /** Has the holder told of a lease that another life of this node lost. */
  addNotice(notice: Notice): void {
    this.#do(() => {
      const agent = this.#core.roster.reach(notice.lock.holder, this.#core.nowMs);
      this.#core.roster.addNotice(agent, notice, this.#core.nowMs);
    });
  }

  /** When, on the monotonic clock, the next lease or wait ends: time for `expireDue`. Undefined when none will. */
  nextDeadlineMs(): number | undefined {
    return this.#do(() => {
      const lease = this.#core.book.firstDue(Number.POSITIVE_INFINITY);
      const waiter = this.#core.queue.firstDue();
      if (lease === undefined || waiter === undefined) return (lease ?? waiter)?.dueMs;
      return Math.min(lease.dueMs, waiter.dueMs);
    });
  }

  /** Ends the leases and waits that are due; any other call does so too. */
  expireDue(): void {
    this.#do(ignore);
  }

  /** Cancels all waits and denies all further claims. Leases can still be looked at and released. Idempotent. */
  close(): void {
    this.#do(() => {
      this.#core.isClosed = true;
      // From the back, so that no cancelled wait lets another one through.
      for (const waiter of [...this.#core.queue.all()].reverse()) this.#core.dismiss(waiter, closedDenial());
    });
  }

  stats(): LockStats {
    return this.#do(() => ({
      locks: this.#core.book.size,
      targets: this.#core.book.index.size,
      waiters: this.#core.queue.size,
      agents: this.#core.roster.size,
      fencesLeft: this.#fences.remaining,
      lastFence: this.#core.lastFence,
      ...this.#core.counts,
    }));
  }

  #do<T>(call: () => T): T {
    this.#core.enter();
    const result = call();
    this.#core.leave();
    return result;
  }

  /**
   * A claim settles nobody else, so whoever is told here was settled by a deadline. They are told first: their
   * callbacks may free what this claim would wait for, and its own must not be called before it has its ticket.
   */
  #claim(claim: Claim, waitMs: number, settle: Settle): Grant | Denial | Waiting {
    this.#core.enter();
    this.#core.leave();
    return this.#core.claim(claim, waitMs, settle);
  }

  #release(id: LockId, agent: AgentId, fence: number | undefined): Released | Refusal {
    const lease = this.#heldBy(id, agent, fence);
    if (!(lease instanceof Lease)) return lease;
    const { lock } = this.#core.end(lease, { cause: 'released' });
    if (this.#core.queue.size > 0) this.#core.retry(compiledOf(lease));
    return { outcome: 'released', lock };
  }

  #cancel(waiter: Waiter): void {
    const core = this.#core;
    core.dismiss(waiter, blockedDenial('cancelled', core.blockersOf(waiter.placed), core.wallMs()));
  }

  #heldBy(id: LockId, agent: AgentId, fence: number | undefined): Lease | Refusal {
    const lease = this.#held(id, fence);
    if (!(lease instanceof Lease) || lease.agent.id === agent) return lease;
    return heldOtherwiseRefusal('not-holder', this.#core.snapshot(lease));
  }

  #held(id: LockId, fence: number | undefined): Lease | Refusal {
    const lease = this.#core.book.get(id);
    if (lease !== undefined) {
      if (fence === undefined || fence === lease.fence) return lease;
      return heldOtherwiseRefusal('stale-fence', this.#core.snapshot(lease));
    }
    const ended = this.#core.book.endOf(id);
    if (ended !== undefined) return endedRefusal(ended);
    const isOfEarlierLife = fence !== undefined && fence < this.#fences.startFloor;
    return unknownRefusal(isOfEarlierLife ? 'restart' : 'unknown');
  }
}

function ignore(): void {}

function isIn(lease: Lease, project: ProjectId): boolean {
  return lease.claim.targets.some((target) => target.project === project);
}
