/** The lock table with what it must not have itself: a timer, promises for those who wait, and names for what it says. */
import type { Clock } from '../base/clock.ts';
import type { AgentId, LockId } from '../base/ids.ts';
import { parseClaim, parseIntention, parseTtl } from '../lock/claim.ts';
import type { FenceSource } from '../lock/fence.ts';
import type { LineEdit } from '../lock/line-edit.ts';
import type { Lock, Notice, NoticeBatch, WaitingClaim } from '../lock/lock.ts';
import type { LockOptions } from '../lock/lock-options.ts';
import { type LockFilter, LockTable } from '../lock/lock-table.ts';
import type { Denial, Grant, LockTransition, Refusal, Valid } from '../lock/outcome.ts';
import type { Target } from '../lock/target.ts';
import { denialError, refusalError } from './lock-views.ts';

/** Node's timers take at most 2^31 - 1 ms; a later deadline is looked at again then. */
const longestTimerMs = 2 ** 31 - 1;

export class LockService {
  readonly table: LockTable;
  readonly #clock: Clock;
  readonly #fences: FenceSource;
  readonly #limits: { readonly defaultTtlMs: number; readonly maxTtlMs: number };
  #timer: NodeJS.Timeout | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;

  constructor(
    components: {
      readonly clock: Clock;
      readonly fences: FenceSource;
      readonly newLockId: () => LockId;
      readonly onTransition: (transition: LockTransition) => void;
    },
    options: LockOptions & { readonly defaultTtlMs: number; readonly maxTtlMs: number },
  ) {
    this.#clock = components.clock;
    this.#fences = components.fences;
    this.#limits = options;
    this.table = new LockTable(components, options);
  }

  /** The fence of the newest grant; of a time before this process when there was none yet. */
  get newestFence(): number {
    return this.#fences.newest;
  }

  /**
   * Resolves with the lock, at once or when it is free within the claim's wait. `signal` ends the wait.
   * @throws LOCK_DENIED, LOCK_DEADLOCK, LOCK_RATE_LIMITED, LOCK_LIMIT, INVALID_ARGUMENT.
   */
  async acquire(raw: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Lock> {
    const { claim, waitMs } = parseClaim(raw, this.#limits);
    const outcome = await new Promise<Grant | Denial>((resolve) => {
      const first = waitMs > 0 ? this.table.acquireOrWait(claim, waitMs, resolve) : this.table.acquire(claim);
      if (first.outcome !== 'waiting') {
        resolve(first);
        return;
      }
      const cancel = () => {
        this.table.cancelWait(first.ticket);
        this.#arm();
      };
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
      this.#arm();
    });
    this.#arm();
    if (outcome.outcome === 'denied') throw denialError(outcome, this.#clock.wallMs());
    return outcome.lock;
  }

  /** Claims what a hook asks for, without waiting: a denial is an answer. @throws INVALID_ARGUMENT. */
  tryAcquire(raw: Readonly<Record<string, unknown>>): Grant | Denial {
    const outcome = this.table.acquire(parseClaim(raw, this.#limits).claim);
    this.#arm();
    return outcome;
  }

  /** The agent is gone. @returns the locks it had. */
  releaseAll(agent: AgentId): readonly Lock[] {
    const locks = this.table.releaseAll(agent);
    this.#arm();
    return locks;
  }

  /** Line ranges of a file follow an edit of it. @returns the locks that moved. */
  moveLines(edit: LineEdit): readonly Lock[] {
    const moved = this.table.moveLines(edit);
    this.#arm();
    return moved;
  }

  /** @throws LOCK_NOT_HELD, LOCK_NOT_HOLDER, LOCK_STALE_FENCE. */
  release(id: LockId, agent: AgentId, fence?: number): Lock {
    return this.#held(id, this.table.release(id, agent, fence));
  }

  /** @throws LOCK_NOT_HELD, LOCK_NOT_HOLDER, LOCK_STALE_FENCE, INVALID_ARGUMENT. */
  renew(id: LockId, agent: AgentId, options: { readonly ttlMs?: number; readonly fence?: number }): Lock {
    if (options.ttlMs !== undefined) parseTtl(options.ttlMs, this.#limits.maxTtlMs);
    return this.#held(id, this.table.renew(id, agent, options));
  }

  check(id: LockId, fence?: number): Valid | Refusal {
    const checked = this.table.check(id, fence);
    this.#arm();
    return checked;
  }

  /** @throws LOCK_NOT_HELD, INVALID_ARGUMENT. */
  force(id: LockId, by: string, reason: string): Lock {
    return this.#held(id, this.table.force(id, by, parseIntention(reason, 'reason')));
  }

  /** Any sign of life of an agent renews what it holds. */
  touch(agent: AgentId): void {
    this.table.touch(agent);
  }

  takeNotices(agent: AgentId): NoticeBatch {
    const batch = this.table.takeNotices(agent);
    this.#arm();
    return batch;
  }

  addNotice(notice: Notice): void {
    this.table.addNotice(notice);
  }

  list(filter: LockFilter): readonly Lock[] {
    return this.table.list(filter);
  }

  waiters(): readonly WaitingClaim[] {
    return this.table.waiters();
  }

  why(target: Target): { readonly locks: readonly Lock[]; readonly waiters: readonly WaitingClaim[] } {
    return this.table.why(target);
  }

  /** Refuses who waits. Leases end with the process; the next one tells their holders (lost-leases.ts), as after a crash. */
  close(): void {
    clearTimeout(this.#timer);
    this.table.close();
  }

  #held(
    id: LockId,
    outcome: { readonly outcome: 'released' | 'renewed'; readonly lock: Lock } | Refusal,
  ): Lock {
    this.#arm();
    if (outcome.outcome === 'refused') throw refusalError(id, outcome);
    return outcome.lock;
  }

  /** Sees to it that the table looks at its clock when the next lease or wait ends, also if nobody calls. */
  #arm(): void {
    const deadlineMs = this.table.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
    if (deadlineMs === this.#armedForMs) return;
    clearTimeout(this.#timer);
    this.#armedForMs = deadlineMs;
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, Math.ceil(deadlineMs - this.#clock.monotonicMs())), longestTimerMs);
    this.#timer = setTimeout(() => {
      this.#armedForMs = Number.POSITIVE_INFINITY;
      this.table.expireDue();
      this.#arm();
    }, delayMs);
    // A lease must not keep the process alive after the daemon is closed.
    this.#timer.unref();
  }
}
