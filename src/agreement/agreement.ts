import type { AgentId, LockId, NodeId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import type { CompiledTarget } from '../lock/target.ts';
import { AgreementCore, type AgreementInit } from './agreement-core.ts';
import type { AgreementOptions } from './agreement-options.ts';
import type { Instant } from './lease-clock.ts';
import type { Message } from './message.ts';
import type { AgreedLock, Effects } from './outcome.ts';
import type { Entry } from './promise-table.ts';
import { firstFence, type View } from './view.ts';

/**
 * The locks that the nodes of a cluster agree on (docs/AGREEMENT.md): a state machine. Each call gives it the time and one
 * event, and returns what is to be written, sent and told, in that order; it holds no clock, timer, socket or file. `tick` is
 * to be called by `nextDueMs`; a write is done when `written` was called, and what must wait for it is kept back until
 * then. Messages come from members only: the transport answers for who sent them.
 */
export class Agreement {
  readonly #core: AgreementCore;
  #isLeaving = false;

  constructor(init: AgreementInit, options: AgreementOptions = {}) {
    this.#core = new AgreementCore(init, options);
  }

  get view(): View {
    return this.#core.member.view;
  }

  /** Takes part in promises: a member that forgot none, in no change of the view. */
  get isReady(): boolean {
    return this.#core.member.isReady;
  }

  get pendingClaims(): number {
    return this.#core.claimant.size;
  }

  /** Right after construction: what has to be on disk before this member says anything. */
  start(now: Instant): Effects {
    return this.#core.do(now, () => {});
  }

  /** `request` names the claim in the output that answers it. The same targets and mode again renew the agent's lease. */
  claim(now: Instant, request: number, claim: Claim, waitMs: number): Effects {
    return this.#core.do(now, () => {
      const member = this.#core.member;
      const isOutside = this.#isLeaving || (member.view.epoch > 0 && !member.isMember);
      if (isOutside) {
        member.output({ kind: 'denied', request, cause: 'not-member' });
        return;
      }
      const same = this.#core.holder.sameAs(claim);
      if (same === undefined) {
        this.#core.claimant.start(request, claim, waitMs);
        return;
      }
      this.#core.holder.extend(same, claim.ttlMs);
      member.output({ kind: 'granted', request, lock: same.snapshot(member.leaseMs), renewed: true });
    });
  }

  cancel(now: Instant, request: number): Effects {
    return this.#core.do(now, () => this.#core.claimant.cancel(request));
  }

  /** Ends the agent's lease; a lock that is not its own, or is over, is left alone. */
  release(now: Instant, id: LockId, agent: AgentId): Effects {
    return this.#core.do(now, () => {
      const lease = this.#core.holder.get(id);
      if (lease?.wire.agent === agent) this.#core.holder.end(lease, { cause: 'released' });
    });
  }

  renew(now: Instant, request: number, id: LockId, agent: AgentId, ttlMs?: number): Effects {
    return this.#core.do(now, () => this.#core.holder.renew(request, id, agent, ttlMs));
  }

  touch(now: Instant, agent: AgentId): Effects {
    return this.#core.do(now, () => this.#core.holder.touch(agent));
  }

  /** A person ends a lease of any node that can be reached; one that cannot ends with its ttl. */
  force(now: Instant, request: number, id: LockId, by: string, reason: string): Effects {
    return this.#core.do(now, () => {
      const member = this.#core.member;
      const node = this.#core.holder.has(id) ? member.self : this.#core.promiser.table.get(id)?.node;
      if (node === undefined) {
        member.output({ kind: 'force-answered', request, done: false });
        return;
      }
      this.#core.forces.set(request, member.leaseMs + member.config.claimTimeoutMs);
      member.send(node, { kind: 'force', request, id, by, reason });
    });
  }

  /** Has the members agree on a view with the node, or without it. */
  change(now: Instant, node: NodeId, place: 'in' | 'out'): Effects {
    return this.#core.do(now, () => this.#core.viewChange.want(node, place));
  }

  /** Gives up all leases and claims, and has the members agree on a view without this node. */
  leave(now: Instant): Effects {
    return this.#core.do(now, () => {
      this.#isLeaving = true;
      this.#core.claimant.denyAll('not-member');
      this.#core.holder.endAll({ cause: 'lost', why: 'left' });
      this.#core.viewChange.want(this.#core.member.self, 'out');
    });
  }

  receive(now: Instant, from: NodeId, message: Message): Effects {
    return this.#core.do(now, () => this.#core.receive(from, message));
  }

  /** A connection to the members was made, or can be made from now on: their silence so far says nothing. */
  met(now: Instant, nodes: readonly NodeId[]): Effects {
    return this.#core.do(now, () => {
      for (const node of nodes) this.#core.met(node);
    });
  }

  written(now: Instant, ticket: number): Effects {
    return this.#core.do(now, () => {
      this.#core.member.outbox.written(ticket);
      this.#core.claimant.decideAll();
    });
  }

  tick(now: Instant): Effects {
    return this.#core.do(now, () => {
      this.#core.claimant.tick();
      this.#core.viewChange.tick();
      if (this.#core.member.leaseMs >= this.#core.nextHeartbeatMs) this.#core.heartbeat();
      for (const [request, dueMs] of this.#core.forces)
        if (this.#core.member.leaseMs >= dueMs) this.#core.answerForce(request, false);
    });
  }

  /** When, on the monotonic clock, `tick` has something to do. */
  nextDueMs(): number {
    const { nowMs, leaseMs } = this.#core.member;
    const onLeaseClock = Math.min(
      this.#core.claimant.nextDueMs(),
      this.#core.holder.nextDueMs(),
      this.#core.nextHeartbeatMs,
      ...this.#core.forces.values(),
    );
    const entry = this.#core.promiser.table.firstDue();
    const onMonotonic = Math.min(this.#core.viewChange.nextDueMs(), entry?.dueMs ?? Number.POSITIVE_INFINITY);
    return Math.min(nowMs + Math.max(0, onLeaseClock - leaseMs), onMonotonic);
  }

  /** The lease if it is good at this very instant: what `check` and a hook ask before a write. */
  check(now: Instant, id: LockId): { readonly lock: AgreedLock | undefined; readonly effects: Effects } {
    const effects = this.#core.do(now, () => {});
    const lease = this.#core.holder.get(id);
    const isGood = lease?.isValid(this.#core.member.leaseMs) === true;
    return { lock: isGood ? lease.snapshot(this.#core.member.leaseMs) : undefined, effects };
  }

  /** The lease of this node as it stands, good or in doubt. */
  find(id: LockId): AgreedLock | undefined {
    return this.#core.holder.get(id)?.snapshot(this.#core.member.leaseMs);
  }

  /** True while nothing of the lease is in doubt; `check` looks at the clocks too. */
  isGood(id: LockId): boolean {
    return this.#core.holder.get(id)?.isValid(this.#core.member.leaseMs) === true;
  }

  /** The leases of this node, good or in doubt. */
  locks(): readonly AgreedLock[] {
    return [...this.#core.holder.leases()].map((lease) => lease.snapshot(this.#core.member.leaseMs));
  }

  /** What this node knows of the claims and leases of all. */
  known(): Iterable<Entry> {
    return this.#core.promiser.table.all();
  }

  knownOf(id: LockId): Entry | undefined {
    return this.#core.promiser.table.get(id);
  }

  /** Of these, what overlaps the target. */
  overlapping(target: CompiledTarget): readonly Entry[] {
    return this.#core.promiser.table.overlapping(target);
  }

  /** Members that were heard of lately, this one included. */
  reachable(): readonly NodeId[] {
    const { view, nowMs } = this.#core.member;
    return view.members.filter((node) => this.#core.watch.isReachable(node, nowMs));
  }

  /** Below it stand the fences of earlier lives of this node. */
  get startFloor(): number {
    return firstFence(this.#core.member.boot);
  }
}
