import type { LockId, NodeId } from '../base/ids.ts';
import { type AgreementOptions, resolveAgreementOptions, stretched } from './agreement-options.ts';
import { Claimant } from './claimant.ts';
import type { DurableState } from './durable-state.ts';
import { Holder } from './holder.ts';
import type { Instant } from './lease-clock.ts';
import { Member } from './member.ts';
import { MemberWatch } from './member-watch.ts';
import type { Body, BodyOf, CarriedEntry, Message } from './message.ts';
import type { Effects } from './outcome.ts';
import { Promiser } from './promiser.ts';
import { isMember, type View } from './view.ts';
import { ViewChange } from './view-change.ts';

export interface AgreementInit {
  readonly self: NodeId;
  /** The state that was written last; undefined for a node that never ran. */
  readonly durable?: DurableState;
  /** Without a state: waits for a view of others that has this node, instead of being alone in its own. @default false */
  readonly joining?: boolean;
  readonly now: Instant;
  readonly random: () => number;
  readonly newLockId: () => LockId;
}

/** The parts of a member, and which of them sees what arrives: what `Agreement` offers, this carries out. */
export class AgreementCore {
  readonly member: Member;
  readonly watch: MemberWatch;
  readonly promiser: Promiser;
  readonly holder: Holder;
  readonly claimant: Claimant;
  readonly viewChange: ViewChange;
  readonly forces = new Map<number, number>();
  readonly #toldView = new Map<NodeId, number>();
  nextHeartbeatMs: number;
  /** The view that put this node out, when it has what the members of that need to begin: all others may have left with it. */
  #handsOver: number | undefined = undefined;

  constructor(init: AgreementInit, options: AgreementOptions = {}) {
    const config = resolveAgreementOptions(options);
    const member = new Member(
      { ...init, durable: init.durable, joining: init.joining ?? false, config },
      stretched,
    );
    this.member = member;
    this.watch = new MemberWatch(init.self, config);
    this.promiser = new Promiser(member);
    this.holder = new Holder({ member, promiser: this.promiser });
    const parts = { member, watch: this.watch, promiser: this.promiser, holder: this.holder };
    this.claimant = new Claimant({ ...parts, mayChangeView: () => this.viewChange.hasHope });
    this.viewChange = new ViewChange({
      member,
      watch: this.watch,
      carried: () => this.#carried(),
      install: (view, entries) => this.#install(view, entries),
    });
    this.watch.expect(member.view.members, member.nowMs);
    this.nextHeartbeatMs = member.nowMs;
  }

  do(now: Instant, event: () => void): Effects {
    const member = this.member;
    const sleptMs = member.leaseClock.advance(now);
    // A tick is due with every heartbeat.
    const awayMs = now.monotonicMs - member.nowMs - 2 * member.config.heartbeatMs;
    if (awayMs > 0) this.watch.wasAway(awayMs);
    member.now = now;
    if (sleptMs !== 0) {
      this.holder.doubtAll(sleptMs);
      this.claimant.startOver();
    }
    this.holder.tick();
    this.promiser.expireDue();
    if (member.forgetful && member.nowMs >= member.recallMs) member.forgetful = false;
    event();
    for (let own = member.inbox.shift(); own !== undefined; own = member.inbox.shift())
      this.#handle(member.self, own);
    return member.outbox.take();
  }

  heartbeat(): void {
    const member = this.member;
    this.nextHeartbeatMs = member.leaseMs + member.config.heartbeatMs;
    for (const node of member.view.members) if (node !== member.self) this.#beat(node);
    this.holder.heartbeat();
    if (member.view.departed && member.isReady) this.#noteDepartedAreGone();
  }

  #beat(node: NodeId): void {
    this.member.send(node, { kind: 'heartbeat', ready: this.member.isReady });
  }

  /** Whoever was put out holds nothing any more once nothing of it stands in a table that has everything. */
  #noteDepartedAreGone(): void {
    const { view } = this.member;
    for (const { node } of this.promiser.table.all()) if (!isMember(view, node)) return;
    this.member.save({ view: { ...view, departed: false } });
  }

  met(node: NodeId): void {
    const member = this.member;
    if (node === member.self || !isMember(member.view, node)) return;
    this.watch.met(node, member.nowMs);
    // Both sides of a connection are told of it: so each has heard the other at once.
    this.#beat(node);
  }

  receive(from: NodeId, message: Message): void {
    const member = this.member;
    const life = this.watch.heard(from, message.boot, member.nowMs);
    if (life === 'old') return;
    if (life === 'new') this.promiser.forgetLives(from, message.boot);
    member.observeRound(message.round);
    member.hybridClock.observe(message.time);
    const { body } = message;
    if (body.kind === 'view') this.#onView(body);
    else if (body.kind === 'ask-view') this.#tellView(from);
    else if (message.epoch > member.view.epoch) this.#askView(from);
    else if (message.epoch < member.view.epoch) this.#tellView(from);
    else this.#handle(from, message);
  }

  #handle(from: NodeId, { boot, body, epoch }: Message): void {
    // Of this member itself, from before a new view.
    if (epoch !== this.member.view.epoch) return;
    switch (body.kind) {
      case 'heartbeat':
        this.watch.setReady(from, body.ready);
        break;
      case 'claim':
        this.promiser.onClaim(from, boot, body);
        break;
      case 'raise':
        this.promiser.onRaise(from, body);
        break;
      case 'yield':
        this.promiser.onYield(from, body);
        break;
      case 'keep':
        this.promiser.onKeep(from, boot, body);
        break;
      case 'end':
        this.promiser.onEnd(from, boot, body.ids);
        break;
      case 'force':
        this.#onForce(from, body);
        break;
      case 'forced':
        this.answerForce(body.request, body.done);
        break;
      default:
        this.#handleAnswer(from, body);
    }
  }

  #handleAnswer(from: NodeId, body: Body): void {
    switch (body.kind) {
      case 'promise':
        this.claimant.onPromise(from, body);
        break;
      case 'refuse':
        this.claimant.onRefuse(from, body);
        break;
      case 'raised':
        this.claimant.onRaised(from, body);
        break;
      case 'inquire':
        if (!this.claimant.onInquire(from, body) && !this.holder.onInquire(from, body.id))
          this.member.send(from, { kind: 'end', ids: [body.id] });
        break;
      case 'kept':
        this.holder.onKept(from, body);
        break;
      case 'lost':
        this.holder.lose(body.id, body.winner);
        break;
      case 'prepare':
        this.viewChange.onPrepare(from, body);
        break;
      case 'prepared':
        this.viewChange.onPrepared(from, body);
        break;
      case 'accept':
        this.viewChange.onAccept(from, body);
        break;
      case 'accepted':
        this.viewChange.onAccepted(from, body);
        break;
      case 'outvoted':
        this.viewChange.onOutvoted(body);
        break;
    }
  }

  #onForce(from: NodeId, { request, id, by, reason }: BodyOf<'force'>): void {
    const lease = this.holder.get(id);
    if (lease !== undefined) this.holder.end(lease, { cause: 'forced', by, reason });
    this.member.send(from, { kind: 'forced', request, done: lease !== undefined });
  }

  answerForce(request: number, done: boolean): void {
    if (this.forces.delete(request)) this.member.output({ kind: 'force-answered', request, done });
  }

  #onView({ view, entries }: BodyOf<'view'>): void {
    const member = this.member;
    if (view.epoch <= member.view.epoch) return;
    const isIn = isMember(view, member.self);
    // Who waits to be taken in waits on; who is taken in needs to know what was promised before it may promise.
    if (member.view.epoch === 0 ? !isIn : false) return;
    if (isIn && entries === undefined) return;
    this.#install(view, entries);
  }

  #askView(from: NodeId): void {
    this.#seldom(from, () => this.member.send(from, { kind: 'ask-view' }));
  }

  #tellView(to: NodeId): void {
    const member = this.member;
    const knowsAll = (member.isMember && !member.forgetful) || this.#handsOver === member.view.epoch;
    this.#seldom(to, () =>
      member.send(to, {
        kind: 'view',
        view: member.view,
        ...(knowsAll ? { entries: this.#carried() } : {}),
      }),
    );
  }

  /** A view with its entries is a long message: a member that is behind sends many of its own. */
  #seldom(node: NodeId, tell: () => void): void {
    const { nowMs, config } = this.member;
    const toldMs = this.#toldView.get(node) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - toldMs < config.heartbeatMs / 2) return;
    this.#toldView.set(node, nowMs);
    tell();
  }

  #install(view: View, entries: readonly CarriedEntry[] | undefined): void {
    const member = this.member;
    member.save({ view, ballot: 0, vote: undefined });
    const isIn = member.isMember;
    member.output({ kind: 'view', view, isMember: isIn });
    this.viewChange.installed(view);
    if (!isIn) {
      if (entries !== undefined) {
        this.promiser.adopt(entries);
        this.#handsOver = view.epoch;
      }
      this.claimant.denyAll('not-member');
      this.holder.endAll({ cause: 'lost', why: 'left' });
      return;
    }
    this.promiser.adopt(entries ?? []);
    member.forgetful = false;
    this.watch.expect(view.members, member.nowMs);
    for (const entry of [...this.promiser.table.all()]) {
      const { node, claim } = entry;
      const isOver = node === member.self && !this.holder.has(claim.id) && !this.claimant.has(claim.id);
      if (isOver) member.sendAll({ kind: 'end', ids: [claim.id] });
    }
    this.claimant.startOver();
    this.holder.viewChanged();
  }

  /** All that this member promised, holds and claims. */
  #carried(): readonly CarriedEntry[] {
    const { leaseMs, forgetful, boot, self } = this.member;
    const entries = [...this.promiser.carried(forgetful)];
    const has = new Set(entries.map(({ claim }) => claim.id));
    for (const lease of this.holder.leases()) {
      if (has.has(lease.wire.id)) continue;
      const { wire: claim, assurance, fence } = lease;
      const remainingMs = Math.max(0, lease.wantMs - leaseMs);
      entries.push({ claim, node: self, boot, granted: true, assurance, fence, remainingMs });
    }
    for (const { wire: claim, holdMs } of this.claimant.pending()) {
      if (has.has(claim.id)) continue;
      entries.push({
        claim,
        node: self,
        boot,
        granted: false,
        assurance: 'cluster',
        fence: 0,
        remainingMs: holdMs,
      });
    }
    return entries;
  }
}
