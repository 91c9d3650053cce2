import type { HlcTime } from '../base/hybrid-clock.ts';
import { HybridClock } from '../base/hybrid-clock.ts';
import type { LockId, NodeId } from '../base/ids.ts';
import type { AgreementConfig } from './agreement-options.ts';
import { type DurableState, freshState } from './durable-state.ts';
import { type Instant, LeaseClock } from './lease-clock.ts';
import type { Body, Message } from './message.ts';
import { Outbox } from './outbox.ts';
import type { Output } from './outcome.ts';
import { isMember, maxRound, type View } from './view.ts';

/** Rounds reserved at a time: a start skips the rest of a block, and a write is due every so many promises. */
const roundBlock = 2 ** 14;
/** A new block is asked for when fewer are left, so that promises seldom wait for it. */
const lowRounds = 2 ** 10;
/** The default ttl: a claim of no more costs no write. */
const commonTtlMs = 120_000;

export interface MemberInit {
  readonly self: NodeId;
  /** As last written; undefined for a node that never ran. */
  readonly durable: DurableState | undefined;
  /** A node without state of its own waits to be taken into a view, instead of being the only member of one. */
  readonly joining: boolean;
  readonly now: Instant;
  readonly config: AgreementConfig;
  /** Uniform in [0, 1): spreads the retries of members that would otherwise keep pace. */
  readonly random: () => number;
  readonly newLockId: () => LockId;
}

/** What all parts of one member share: who it is, its clocks, view and rounds, and the way out. */
export class Member {
  readonly self: NodeId;
  readonly config: AgreementConfig;
  readonly random: () => number;
  readonly newLockId: () => LockId;
  readonly outbox = new Outbox();
  /** Messages of this member to itself: handled before the call that made them returns. */
  readonly inbox: Message[] = [];
  readonly hybridClock: HybridClock;
  readonly leaseClock: LeaseClock;
  /** Rises with each life of the member; messages of an earlier life are worth nothing. */
  readonly boot: number;
  durable: DurableState;
  now: Instant;
  /** The highest round promised or heard of. */
  round: number;
  /** Promises of an earlier life may hold that this one does not know. */
  forgetful: boolean;
  /** When a forgetful member has outlived whatever it promised; monotonic. */
  readonly recallMs: number;

  constructor(init: MemberInit, stretchedLongest: (ms: number) => number) {
    this.self = init.self;
    this.config = init.config;
    this.random = init.random;
    this.newLockId = init.newLockId;
    this.now = init.now;
    const found = init.durable ?? freshState(init.self, init.joining);
    this.boot = found.reservedRound;
    this.round = found.reservedRound;
    this.durable = found;
    this.leaseClock = new LeaseClock(init.now, init.config.jumpMs);
    this.hybridClock = new HybridClock({
      wallMs: () => this.now.wallMs,
      monotonicMs: () => this.now.monotonicMs,
    });
    this.forgetful = init.durable !== undefined && found.view.epoch > 0 && !isAlone(found.view, this.self);
    this.recallMs = init.now.monotonicMs + stretchedLongest(found.longestMs);
    const longestMs = Math.max(found.longestMs, Math.min(commonTtlMs, init.config.maxTtlMs));
    this.save({ reservedRound: this.round + roundBlock, longestMs });
  }

  get view(): View {
    return this.durable.view;
  }

  get isMember(): boolean {
    return this.durable.view.epoch > 0 && isMember(this.durable.view, this.self);
  }

  /** Voted for a next view: no more promises in this one. */
  get isFrozen(): boolean {
    return this.durable.ballot > 0;
  }

  /** Takes part in promises. */
  get isReady(): boolean {
    return this.isMember && !this.forgetful && !this.isFrozen;
  }

  get nowMs(): number {
    return this.now.monotonicMs;
  }

  get leaseMs(): number {
    return this.leaseClock.nowMs;
  }

  save(change: Partial<DurableState>): void {
    this.durable = { ...this.durable, ...change };
    this.outbox.write(this.durable);
  }

  /** A round above all that were promised or heard of. */
  nextRound(): number {
    this.observeRound(this.round + 1);
    return this.round;
  }

  observeRound(round: number): void {
    if (round <= this.round || round > maxRound) return;
    this.round = round;
    if (round + lowRounds > this.durable.reservedRound) this.save({ reservedRound: round + roundBlock });
  }

  /** Before a promise for a claim of this ttl: how long to stay out after a restart. In steps, as each is a write. */
  promisesFor(ttlMs: number): void {
    // Who is alone promises to itself only, and that ends with it.
    if (ttlMs <= this.durable.longestMs || isAlone(this.view, this.self)) return;
    let longestMs = Math.max(1000, this.durable.longestMs);
    while (longestMs < ttlMs) longestMs *= 2;
    this.save({ longestMs });
  }

  send(to: NodeId, body: Body): void {
    const message: Message = {
      epoch: this.view.epoch,
      boot: this.boot,
      round: this.round,
      time: this.hybridClock.tick(),
      body,
    };
    if (to === this.self) this.inbox.push(message);
    else this.outbox.send(to, message);
  }

  /** To every member, this one included. */
  sendAll(body: Body): void {
    for (const member of this.view.members) this.send(member, body);
  }

  output(output: Output): void {
    this.outbox.output(output);
  }

  stamp(): HlcTime {
    return this.hybridClock.tick();
  }
}

/** Alone, and nobody who was put out may hold anything: a restart forgets nothing that counts. */
function isAlone(view: View, self: NodeId): boolean {
  return view.members.length === 1 && view.members[0] === self && !view.departed;
}
