import type { LockId, NodeId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import type { Holder } from './holder.ts';
import type { Member } from './member.ts';
import type { MemberWatch } from './member-watch.ts';
import type { BodyOf } from './message.ts';
import type { DenialCause } from './outcome.ts';
import { PendingClaim } from './pending-claim.ts';
import type { Promiser } from './promiser.ts';
import { clusterFence, localFence, majorityOf } from './view.ts';

interface ClaimantParts {
  readonly member: Member;
  readonly watch: MemberWatch;
  readonly promiser: Promiser;
  readonly holder: Holder;
  /** Whether enough members were heard for a next view, in which those that do not promise now will again. */
  readonly mayChangeView: () => boolean;
}

/**
 * The side of a member that claims. It asks all members for a promise and has a grant when a majority of the view holds
 * one at the same time. Races are decided as in Maekawa's algorithm ("A √N algorithm for mutual exclusion", 1985) with
 * Sanders' correction: an earlier claim that meets the promise of a later one has it given back, as long as that one is
 * not granted.
 */
export class Claimant {
  readonly #member: Member;
  readonly #watch: MemberWatch;
  readonly #promiser: Promiser;
  readonly #holder: Holder;
  readonly #mayChangeView: () => boolean;
  readonly #pending = new Map<LockId, PendingClaim>();
  /** Of the newest `cluster` grant. */
  #newestRound = 0;
  /** The place of the newest local fence in its round. */
  #localRound = 0;
  #localAt = 0;

  constructor(parts: ClaimantParts) {
    this.#member = parts.member;
    this.#watch = parts.watch;
    this.#promiser = parts.promiser;
    this.#holder = parts.holder;
    this.#mayChangeView = parts.mayChangeView;
  }

  get size(): number {
    return this.#pending.size;
  }

  pending(): Iterable<PendingClaim> {
    return this.#pending.values();
  }

  has(id: LockId): boolean {
    return this.#pending.has(id);
  }

  start(request: number, claim: Claim, waitMs: number): void {
    const member = this.#member;
    const { claimTimeoutMs, pendingMs } = member.config;
    const id = member.newLockId();
    const wire = { ...claim, id, stamp: member.stamp(), waits: waitMs > 0 };
    const patienceMs = member.leaseMs + (waitMs > 0 ? waitMs : claimTimeoutMs);
    const answerMs = Math.max(patienceMs, member.leaseMs + claimTimeoutMs);
    const holdMs = Math.min(pendingMs, claim.ttlMs);
    const pending = new PendingClaim(request, wire, patienceMs, answerMs, holdMs);
    this.#pending.set(id, pending);
    this.#ask(pending);
  }

  cancel(request: number): void {
    for (const pending of this.#pending.values())
      if (pending.request === request) this.#deny(pending, 'cancelled');
  }

  onPromise(from: NodeId, body: BodyOf<'promise'>): void {
    const pending = this.#pending.get(body.id);
    if (pending === undefined) {
      // An answer to a claim that is over: the promise must not stand until it runs out.
      if (!this.#holder.has(body.id)) this.#member.send(from, { kind: 'end', ids: [body.id] });
      return;
    }
    const sentMs = pending.sentAt(body.attempt);
    if (sentMs === undefined || body.yields !== pending.yieldsOf(from)) return;
    const known = pending.promised.get(from);
    if (known !== undefined && known.sentMs > sentMs) return;
    pending.promised.set(from, { sentMs, round: Math.max(body.promisedRound, known?.round ?? 0) });
    pending.refused.delete(from);
    this.#decide(pending);
  }

  onRefuse(from: NodeId, body: BodyOf<'refuse'>): void {
    const pending = this.#pending.get(body.id);
    if (pending === undefined) {
      if (!this.#holder.has(body.id)) this.#member.send(from, { kind: 'end', ids: [body.id] });
      return;
    }
    if (pending.sentAt(body.attempt) === undefined) return;
    if (body.reason === 'deadlock') {
      this.#deny(pending, 'deadlock', body);
      return;
    }
    pending.refused.set(from, { reason: body.reason, obstacle: body.obstacle });
    if (pending.wire.waits && body.obstacle !== undefined && !pending.toldWaiting) {
      pending.toldWaiting = true;
      this.#member.output({ kind: 'waiting', request: pending.request, obstacle: body.obstacle });
    }
    this.#decide(pending);
  }

  onRaised(from: NodeId, { id, to }: BodyOf<'raised'>): void {
    const pending = this.#pending.get(id);
    const promised = pending?.promised.get(from);
    if (pending === undefined || promised === undefined) return;
    promised.round = Math.max(promised.round, to);
    this.#decide(pending);
  }

  /** @returns whether the claim is pending here, and so was dealt with. */
  onInquire(from: NodeId, { id, why }: BodyOf<'inquire'>): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    if (why === 'yield') this.#member.send(from, { kind: 'yield', id, yields: pending.giveBack(from) });
    return true;
  }

  /** The view or the clocks changed: answers so far count no more. */
  startOver(): void {
    for (const pending of this.#pending.values()) {
      pending.startOver();
      this.#ask(pending);
    }
  }

  denyAll(cause: DenialCause): void {
    for (const pending of [...this.#pending.values()]) this.#deny(pending, cause);
  }

  tick(): void {
    const { leaseMs } = this.#member;
    for (const pending of [...this.#pending.values()]) {
      const isOver = leaseMs >= pending.patienceMs && pending.hasConflict();
      if (isOver || leaseMs >= pending.answerMs) this.#conclude(pending);
      else if (leaseMs >= pending.nextSendMs) this.#ask(pending);
      else this.#decide(pending);
    }
  }

  decideAll(): void {
    for (const pending of [...this.#pending.values()]) this.#decide(pending);
  }

  nextDueMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { patienceMs, answerMs, nextSendMs } of this.#pending.values()) {
      next = Math.min(next, answerMs, nextSendMs);
      if (patienceMs > this.#member.leaseMs) next = Math.min(next, patienceMs);
    }
    return next;
  }

  #ask(pending: PendingClaim): void {
    const member = this.#member;
    const { leaseMs, config, view } = member;
    pending.begin(leaseMs);
    pending.nextSendMs = leaseMs + config.resendMs;
    for (const node of view.members) {
      const yields = pending.yieldsOf(node);
      member.send(node, { kind: 'claim', claim: pending.wire, attempt: pending.attempt, yields });
    }
    // Nobody answers who is no member: a node outside decides by itself.
    if (!member.isMember) this.#decide(pending);
  }

  #decide(pending: PendingClaim): void {
    const member = this.#member;
    if (!this.#pending.has(pending.wire.id) || member.outbox.isHeld) return;
    const { leaseMs, view } = member;
    const quorum = majorityOf(view);
    const promisers = view.members.filter((node) => pending.isPromisedBy(node, leaseMs));
    if (member.isMember && promisers.length >= quorum) {
      this.#tryGrant(pending, promisers);
      return;
    }
    const usable = this.#usable();
    if (this.#canBePromised(pending, usable)) return;
    if (pending.hasConflict()) {
      if (!pending.wire.waits) this.#denyHeld(pending);
      return;
    }
    // After a restart of many they are within reach, and will promise in a moment.
    if (member.isMember && leaseMs < pending.answerMs && this.#mayChangeView()) return;
    // A majority is out of reach. Those within reach are asked all the same: they must not be given the same lock.
    const asked = member.isMember ? usable : [];
    if (asked.every((node) => (node === member.self ? true : promisers.includes(node))))
      this.#grantLocal(pending);
  }

  #usable(): readonly NodeId[] {
    const { nowMs, view } = this.#member;
    return view.members.filter((node) => this.#watch.isUsable(node, nowMs));
  }

  /** Whether a majority may still promise it, as far as is known. */
  #canBePromised(pending: PendingClaim, usable: readonly NodeId[]): boolean {
    const { isMember, leaseMs, view } = this.#member;
    const possible = usable.filter(
      (node) => pending.isPromisedBy(node, leaseMs) || !pending.isRefusedBy(node),
    );
    return isMember && possible.length >= majorityOf(view);
  }

  /** Time is up. */
  #conclude(pending: PendingClaim): void {
    if (pending.obstacle() !== undefined || pending.hasConflict()) {
      if (pending.wire.waits) this.#deny(pending, 'timeout');
      else this.#denyHeld(pending);
      return;
    }
    const { config, isReady, leaseMs, outbox, self } = this.#member;
    if (!pending.isInGrace) {
      const usable = this.#usable();
      // This node itself, when it forgot what it promised, is no help before the next view.
      const able = isReady || this.#mayChangeView() ? usable : usable.filter((node) => node !== self);
      if (outbox.isHeld || this.#canBePromised(pending, able)) {
        pending.giveGrace(leaseMs + config.answerGraceMs);
        return;
      }
    }
    // A local grant has a fence, and those are reserved on disk first.
    if (outbox.isHeld) this.#deny(pending, 'disk');
    else this.#grantLocal(pending);
  }

  /** A majority promised. The grant's fence is the highest round among them, once all of a majority have noted it. */
  #tryGrant(pending: PendingClaim, promisers: readonly NodeId[]): void {
    const member = this.#member;
    const { view } = member;
    const rounds = promisers.map((node) => pending.promised.get(node)?.round ?? 0);
    // Two claims of one holder may be promised side by side: each grant of a node still has a round of its own. And its local grants
    // may have come between a promise and this.
    const highest = Math.max(this.#newestRound + 1, this.#localRound + 1, ...rounds);
    const noted = promisers.filter((_, at) => rounds[at] === highest);
    if (noted.length < majorityOf(view)) {
      if (pending.raisingTo === highest) return;
      pending.raisingTo = highest;
      promisers.forEach((node, at) => {
        if (rounds[at] !== highest) member.send(node, { kind: 'raise', id: pending.wire.id, to: highest });
      });
      return;
    }
    this.#newestRound = highest;
    member.observeRound(highest);
    this.#pending.delete(pending.wire.id);
    const backing = new Map(
      promisers.map((node) => [node, (pending.promised.get(node)?.sentMs ?? 0) + pending.holdMs]),
    );
    const fence = clusterFence(highest, view, member.self);
    this.#holder.grant(pending, fence, 'cluster', backing);
  }

  #grantLocal(pending: PendingClaim): void {
    const member = this.#member;
    if (member.config.partition === 'refuse') {
      // Not at once: the majority may be back before the time is up.
      if (member.leaseMs >= pending.answerMs) this.#deny(pending, 'no-majority');
      return;
    }
    const rival = this.#promiser.rivalOf(pending.wire, member.self, member.boot);
    if (rival !== undefined) {
      pending.refused.set(member.self, { reason: 'held', obstacle: rival });
      if (!pending.wire.waits) this.#denyHeld(pending);
      else if (member.leaseMs >= pending.answerMs) this.#deny(pending, 'timeout');
      return;
    }
    this.#pending.delete(pending.wire.id);
    this.#holder.grant(pending, this.#nextLocalFence(), 'local', new Map());
  }

  /** Above every fence that this node gave or promised, and below those of later rounds. */
  #nextLocalFence(): number {
    const member = this.#member;
    this.#localAt = member.round === this.#localRound ? this.#localAt + 1 : 0;
    this.#localRound = member.round;
    const fence = localFence(this.#localRound, this.#localAt);
    if (fence !== undefined) return fence;
    this.#localRound = member.nextRound();
    this.#localAt = 0;
    return localFence(this.#localRound, 0) ?? 0;
  }

  #denyHeld(pending: PendingClaim): void {
    const reasons = [...pending.refused.values()].map(({ reason }) => reason);
    const isLimit = reasons.includes('limit') && pending.obstacle() === undefined;
    const cause = isLimit ? 'limit' : reasons.includes('held') ? 'held' : 'queued';
    this.#deny(pending, cause);
  }

  #deny(pending: PendingClaim, cause: DenialCause, refusal?: BodyOf<'refuse'>): void {
    const member = this.#member;
    this.#pending.delete(pending.wire.id);
    member.sendAll({ kind: 'end', ids: [pending.wire.id] });
    const obstacle = pending.obstacle();
    member.output({
      kind: 'denied',
      request: pending.request,
      cause,
      ...(obstacle === undefined ? {} : { obstacle }),
      ...(refusal?.cycle === undefined ? {} : { cycle: refusal.cycle }),
    });
  }
}
