/** The locks with what their engine must not have itself: a timer, promises for those who wait, and names for what it says. */
import type { Clock } from '../base/clock.ts';
import type { AgentId, LockId } from '../base/ids.ts';
import type { AgentView } from '../control/overview-views.ts';
import { type ParsedClaim, parseClaim, parseIntention, parseTtl } from '../lock/claim.ts';
import type { FenceSource } from '../lock/fence.ts';
import type { LineEdit } from '../lock/line-edit.ts';
import type { Lock, Notice, NoticeBatch, WaitingClaim } from '../lock/lock.ts';
import type { EngineStats, LockEngine, Pending } from '../lock/lock-engine.ts';
import type { LockOptions } from '../lock/lock-options.ts';
import { type LockFilter, LockTable } from '../lock/lock-table.ts';
import type { Denial, Grant, LockTransition, Refusal, Released, Renewed, Valid } from '../lock/outcome.ts';
import type { Target } from '../lock/target.ts';
import { listAgents } from '../overview/agent-list.ts';
import { Sightings } from '../overview/sightings.ts';
import { denialError, refusalError } from './lock-views.ts';

/** Node's timers take at most 2^31 - 1 ms; a later deadline is looked at again then. */
const longestTimerMs = 2 ** 31 - 1;

export class LockService {
  /** Decides while this node works alone. */
  readonly #table: LockTable;
  readonly #clock: Clock;
  readonly #fences: FenceSource;
  readonly #limits: { readonly defaultTtlMs: number; readonly maxTtlMs: number };
  readonly #sightings: Sightings;
  readonly #onChangeElsewhere: () => void;
  #engine: LockEngine;
  /** The one before: what it has not told yet, it still tells. */
  #former: LockEngine | undefined;
  #timer: NodeJS.Timeout | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;

  constructor(
    components: {
      readonly clock: Clock;
      readonly fences: FenceSource;
      readonly newLockId: () => LockId;
      readonly onTransition: (transition: LockTransition) => void;
      /** @default nobody cares */
      readonly onChangeElsewhere?: () => void;
    },
    options: LockOptions & { readonly defaultTtlMs: number; readonly maxTtlMs: number },
  ) {
    this.#clock = components.clock;
    this.#fences = components.fences;
    this.#limits = options;
    this.#onChangeElsewhere = components.onChangeElsewhere ?? (() => {});
    this.#sightings = new Sightings(components.clock);
    this.#table = new LockTable(components, options);
    this.#engine = this.#table;
  }

  /** The fence of the newest grant; of a time before this process when there was none yet. */
  get newestFence(): number {
    return Math.max(this.#fences.newest, this.#engine.stats().lastFence);
  }

  stats(): EngineStats {
    return this.#engine.stats();
  }

  /**
   * From now on the nodes of a cluster decide together. Leases and waits of this node alone end, as others may have the same: their holders
   * are told.
   */
  joinCluster(engine: LockEngine): void {
    for (const { ticket } of this.#table.waiters().toReversed()) this.#table.cancelWait(ticket);
    this.#table.endAll('lost', 'this node joined a cluster, whose nodes agree on locks');
    this.#turnTo(engine);
  }

  /** The engine of the cluster has ended all its leases: this node decides alone again. */
  workAlone(): void {
    this.#turnTo(this.#table);
  }

  #turnTo(engine: LockEngine): void {
    this.#former = this.#engine;
    this.#engine = engine;
    this.#arm();
  }

  /** Something reached the engine from outside: its deadlines may have changed. */
  changed(): void {
    this.#arm();
    this.#onChangeElsewhere();
  }

  /**
   * Resolves with the lock, at once or when it is free within the claim's wait. `signal` ends the wait.
   * @throws LOCK_DENIED, LOCK_DEADLOCK, LOCK_RATE_LIMITED, LOCK_LIMIT, LOCK_NO_MAJORITY, NOT_IN_CLUSTER,
   * STORE_UNAVAILABLE, INVALID_ARGUMENT.
   */
  async acquire(raw: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Lock> {
    const outcome = await this.#claim(parseClaim(raw, this.#limits), signal);
    if (outcome.outcome === 'denied') throw denialError(outcome, this.#clock.wallMs());
    return outcome.lock;
  }

  /** Claims what a hook asks for, without waiting: a denial is an answer. @throws INVALID_ARGUMENT. */
  async tryAcquire(raw: Readonly<Record<string, unknown>>): Promise<Grant | Denial> {
    return this.#claim({ ...parseClaim(raw, this.#limits), waitMs: 0 });
  }

  #claim({ claim, waitMs }: ParsedClaim, signal?: AbortSignal): Promise<Grant | Denial> {
    const engine = this.#engine;
    this.#sightings.note(claim.agent, claim.agentName);
    return this.#answer<Grant | Denial>((settle) => {
      const first = engine.acquireOrWait(claim, waitMs, settle);
      if (first.outcome === 'granted' || first.outcome === 'denied') return first;
      const cancel = () => {
        engine.cancelWait(first.ticket);
        this.#arm();
      };
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
      return { outcome: 'pending', ticket: first.ticket };
    });
  }

  #answer<T extends { readonly outcome: string }>(
    ask: (settle: (outcome: T) => void) => T | Pending,
  ): Promise<T> {
    return new Promise((resolve) => {
      const first = ask(resolve);
      if (first.outcome !== 'pending') resolve(first as T);
      this.#arm();
    });
  }

  /** The agent is gone. @returns the locks it had. */
  releaseAll(agent: AgentId): readonly Lock[] {
    const locks = this.#engine.releaseAll(agent);
    this.#arm();
    return locks;
  }

  /** Line ranges of a file follow an edit of it. @returns the locks that moved. */
  moveLines(edit: LineEdit): readonly Lock[] {
    const moved = this.#engine.moveLines(edit);
    this.#arm();
    return moved;
  }

  /** @throws LOCK_NOT_HELD, LOCK_NOT_HOLDER, LOCK_STALE_FENCE. */
  release(id: LockId, agent: AgentId, fence?: number): Lock {
    return this.#held(id, this.#engine.release(id, agent, fence));
  }

  /** @throws LOCK_NOT_HELD, LOCK_NOT_HOLDER, LOCK_STALE_FENCE, LOCK_NO_MAJORITY, INVALID_ARGUMENT. */
  async renew(
    id: LockId,
    agent: AgentId,
    options: { readonly ttlMs?: number; readonly fence?: number },
  ): Promise<Lock> {
    if (options.ttlMs !== undefined) parseTtl(options.ttlMs, this.#limits.maxTtlMs);
    const engine = this.#engine;
    return this.#held(id, await this.#answer((settle) => engine.renew(id, agent, options, settle)));
  }

  /** Also says what became of a lock of the time before this node joined its cluster, or left it. */
  check(id: LockId, fence?: number): Valid | Refusal {
    const checked = this.#engine.check(id, fence);
    this.#arm();
    const isUnknown = checked.outcome === 'refused' && checked.reason === 'unknown';
    return (isUnknown ? this.#former?.check(id, fence) : undefined) ?? checked;
  }

  /** @throws LOCK_NOT_HELD, INVALID_ARGUMENT. */
  async force(id: LockId, by: string, reason: string): Promise<Lock> {
    const engine = this.#engine;
    const why = parseIntention(reason, 'reason');
    return this.#held(id, await this.#answer((settle) => engine.force(id, by, why, settle)));
  }

  /** Any sign of life of an agent renews what it holds. @param agent undefined: whoever asks is none. */
  touch(agent: string | undefined): void {
    if (agent === undefined) return;
    this.#sightings.note(agent as AgentId);
    this.#engine.touch(agent as AgentId);
  }

  takeNotices(agent: AgentId): NoticeBatch {
    const batch = this.#engine.takeNotices(agent);
    const before = this.#former?.takeNotices(agent);
    this.#arm();
    if (before === undefined || before.notices.length === 0) return batch;
    return { notices: [...before.notices, ...batch.notices], dropped: before.dropped + batch.dropped };
  }

  addNotice(notice: Notice): void {
    this.#engine.addNotice(notice);
  }

  list(filter: LockFilter): readonly Lock[] {
    return this.#engine.list(filter);
  }

  waiters(): readonly WaitingClaim[] {
    return this.#engine.waiters();
  }

  /** All agents that are about; given what is listed, nothing is listed again. */
  agents(locks = this.list({}), waiters = this.waiters()): readonly AgentView[] {
    return listAgents(locks, waiters, this.#sightings);
  }

  why(target: Target): { readonly locks: readonly Lock[]; readonly waiters: readonly WaitingClaim[] } {
    return this.#engine.why(target);
  }

  /** Refuses who waits. Leases end with the process; the next one tells their holders (lost-leases.ts), as after a crash. */
  close(): void {
    clearTimeout(this.#timer);
    this.#engine.close();
    this.#table.close();
  }

  #held(id: LockId, outcome: Released | Renewed | Refusal): Lock {
    this.#arm();
    if (outcome.outcome === 'refused') throw refusalError(id, outcome);
    return outcome.lock;
  }

  /** Sees to it that the engine looks at its clock when something is due, also if nobody calls. */
  #arm(): void {
    const deadlineMs = this.#engine.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
    if (deadlineMs === this.#armedForMs) return;
    clearTimeout(this.#timer);
    this.#armedForMs = deadlineMs;
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, Math.ceil(deadlineMs - this.#clock.monotonicMs())), longestTimerMs);
    this.#timer = setTimeout(() => {
      this.#armedForMs = Number.POSITIVE_INFINITY;
      this.#engine.expireDue();
      this.#arm();
    }, delayMs);
    // A lease must not keep the process alive after the daemon is closed.
    this.#timer.unref();
  }
}
