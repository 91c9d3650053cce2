import type { Clock } from '../base/clock.ts';
import type { NodeId } from '../base/ids.ts';
import { AgentRoster } from '../lock/agent-roster.ts';
import type { Claim } from '../lock/claim.ts';
import { closedDenial } from '../lock/denial.ts';
import type { Lock, Notice } from '../lock/lock.ts';
import type { Pending } from '../lock/lock-engine.ts';
import type { LockConfig } from '../lock/lock-options.ts';
import type { Denial, LockTransition } from '../lock/outcome.ts';
import type { Settle } from '../lock/wait-queue.ts';
import { AgreedBook } from './agreed-book.ts';
import { blockerOf, denialOf, lossReason, type Viewpoint } from './agreed-views.ts';
import { Agreement } from './agreement.ts';
import type { AgreementInit } from './agreement-core.ts';
import type { AgreementOptions } from './agreement-options.ts';
import type { DurableState } from './durable-state.ts';
import { HeldLock } from './held-lock.ts';
import type { Instant } from './lease-clock.ts';
import type { Message } from './message.ts';
import type { Effects, Output } from './outcome.ts';
import type { View } from './view.ts';

export interface AgreedLocksParts extends Omit<AgreementInit, 'now'> {
  readonly clock: Clock;
  readonly nameOf: (node: NodeId) => string | undefined;
  readonly send: (to: NodeId, message: Message) => void;
  /** Calls `done` once the state is on disk: until then nothing is said to anybody. */
  readonly save: (state: DurableState, done: () => void) => void;
  /** As of the lock table: must not throw and must not call back. */
  readonly onTransition: (transition: LockTransition) => void;
  readonly onView: (view: View, isMember: boolean) => void;
  /** After each event: the next deadline may be another. */
  readonly onChange: () => void;
}

/** A claim that is not answered. */
export interface Asked {
  readonly claim: Claim;
  readonly askedMs: number;
  readonly settle: Settle;
}

export type RenewalOutcome = 'renewed' | 'not-held' | 'not-holder' | 'no-majority';

type OutputOf<K extends Output['kind']> = Extract<Output, { readonly kind: K }>;

/** One claim, renewal or force after the other, and what comes of them: what `AgreedLocks` offers, this carries out. */
export class AgreedCore {
  readonly parts: AgreedLocksParts;
  readonly agreement: Agreement;
  readonly roster: AgentRoster;
  readonly book: AgreedBook;
  readonly asked = new Map<number, Asked>();
  readonly renewals = new Map<number, (outcome: RenewalOutcome) => void>();
  readonly forces = new Map<number, (done: boolean) => void>();
  isClosed = false;
  lastFence = 0;
  readonly #settlements: (() => void)[] = [];
  #isSettling = false;
  #requests = 0;

  constructor(parts: AgreedLocksParts, config: LockConfig, options: AgreementOptions) {
    this.parts = parts;
    this.roster = new AgentRoster(config);
    this.book = new AgreedBook(config.endedKept);
    this.agreement = new Agreement({ ...parts, now: this.#now() }, options);
  }

  /** Asks under a new number. An answer within the call is returned; a later one is for `settle`, when all of its event was seen to. */
  ask<T extends { readonly outcome: string }>(
    settle: (outcome: T) => void,
    ask: (request: number, answer: (outcome: T) => void) => void,
  ): T | Pending {
    this.#requests += 1;
    const request = this.#requests;
    let first: T | undefined;
    let isAsking = true;
    ask(request, (outcome) => {
      if (isAsking) first = outcome;
      else this.#settlements.push(() => settle(outcome));
    });
    isAsking = false;
    return first ?? { outcome: 'pending', ticket: request };
  }

  addNotice(notice: Notice): void {
    const nowMs = this.parts.clock.monotonicMs();
    this.roster.addNotice(this.roster.reach(notice.lock.holder, nowMs), notice, nowMs);
  }

  viewpoint(): Viewpoint {
    const { self, nameOf, clock } = this.parts;
    return { self, nameOf, nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  lockOf(held: HeldLock): Lock {
    const agreed = this.agreement.find(held.id) ?? { remainingMs: 0, ttlMs: held.claim.ttlMs };
    return held.view(agreed, this.parts.clock.wallMs());
  }

  run(event: (now: Instant) => Effects): void {
    const { writes, sends, outputs } = event(this.#now());
    for (const { ticket, state } of writes)
      this.parts.save(state, () => this.run((now) => this.agreement.written(now, ticket)));
    for (const { to, message } of sends) this.parts.send(to, message);
    for (const output of outputs) this.#take(output);
    this.#settle();
    this.parts.onChange();
  }

  tell(transition: LockTransition): void {
    this.parts.onTransition(transition);
  }

  denied(claim: Claim, denial: Denial): Denial {
    this.tell({ action: 'denied', claim, atMs: this.parts.clock.wallMs(), denial });
    return denial;
  }

  #now(): Instant {
    const { clock } = this.parts;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  /** Callbacks come last: they may call again, and what that settles is told by the loop that is under way. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      for (let next = this.#settlements.shift(); next !== undefined; next = this.#settlements.shift()) next();
    } finally {
      this.#isSettling = false;
    }
  }

  #take(output: Output): void {
    switch (output.kind) {
      case 'granted':
        this.#onGranted(output);
        break;
      case 'denied':
        this.#onDenied(output);
        break;
      case 'waiting':
        this.#onWaiting(output);
        break;
      case 'ended':
        this.#onEnded(output);
        break;
      case 'renewed':
      case 'not-renewed':
        this.renewals.get(output.request)?.(output.kind === 'renewed' ? 'renewed' : output.cause);
        this.renewals.delete(output.request);
        break;
      case 'force-answered':
        this.forces.get(output.request)?.(output.done);
        this.forces.delete(output.request);
        break;
      case 'view':
        this.parts.onView(output.view, output.isMember);
        break;
    }
  }

  #onGranted({ request, lock: agreed, renewed }: OutputOf<'granted'>): void {
    const asked = this.asked.get(request);
    if (asked === undefined) return;
    this.asked.delete(request);
    const { wallMs, nowMs } = this.viewpoint();
    const known = this.book.get(agreed.id);
    const held = known ?? new HeldLock(agreed, asked.claim, wallMs);
    if (known === undefined) this.book.add(held);
    else known.claim = { ...asked.claim, targets: known.claim.targets };
    this.lastFence = Math.max(this.lastFence, agreed.fence);
    const lock = held.view(agreed, wallMs);
    this.tell(
      renewed
        ? { action: 'renewed', lock, atMs: wallMs }
        : { action: 'acquired', lock, atMs: wallMs, waitedMs: nowMs - asked.askedMs },
    );
    asked.settle({ outcome: 'granted', lock, renewed });
  }

  #onDenied(output: OutputOf<'denied'>): void {
    const asked = this.asked.get(output.request);
    if (asked === undefined) return;
    this.asked.delete(output.request);
    const denial =
      this.isClosed && output.cause === 'cancelled' ? closedDenial() : denialOf(output, this.viewpoint());
    asked.settle(this.denied(asked.claim, denial));
  }

  #onWaiting({ request, obstacle }: OutputOf<'waiting'>): void {
    const asked = this.asked.get(request);
    if (asked === undefined) return;
    const from = this.viewpoint();
    const blockers = [blockerOf(obstacle, from)];
    this.tell({ action: 'waited', claim: asked.claim, atMs: from.wallMs, ticket: request, blockers });
  }

  #onEnded(output: OutputOf<'ended'>): void {
    const held = this.book.get(output.lock.id);
    if (held === undefined) return;
    const from = this.viewpoint();
    const { wallMs: atMs } = from;
    const lock = held.view(output.lock, atMs);
    const ended = this.book.end(held, lock, atMs, output, () => lossReason(output, from));
    const { cause, by = '', reason = '' } = ended;
    if (cause === 'lost' || cause === 'restart') this.tell({ action: 'lost', lock, atMs, cause, reason });
    else if (cause === 'forced') this.tell({ action: 'forced', lock, atMs, by, reason });
    else this.tell({ action: cause, lock, atMs });
    if (cause !== 'released') this.addNotice({ ...ended, cause });
  }
}
