import type { AgentId, LockId, NodeId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import { formatScope } from '../lock/scope.ts';
import { HeldLease } from './held-lease.ts';
import type { Member } from './member.ts';
import type { BodyOf, KeptLease, Refused } from './message.ts';
import type { Assurance, Obstacle, Output } from './outcome.ts';
import type { PendingClaim } from './pending-claim.ts';
import type { Promiser } from './promiser.ts';
import { majorityOf } from './view.ts';

type Ended = Extract<Output, { readonly kind: 'ended' }>;
export type EndingOf = Omit<Ended, 'kind' | 'lock'>;

interface Batch {
  readonly to: NodeId;
  readonly sentMs: number;
  readonly untils: ReadonlyMap<LockId, number>;
}

interface Renewal {
  readonly request: number;
  readonly id: LockId;
  readonly untilMs: number;
  readonly answerMs: number;
}

/** Leases of one message at most: beyond it several are sent. */
const maxBatch = 500;

/** The leases of this node's agents: kept alive at the members, one message per member for all that are due. */
export class Holder {
  readonly #member: Member;
  readonly #promiser: Promiser;
  readonly #leases = new Map<LockId, HeldLease>();
  readonly #byWhat = new Map<string, HeldLease>();
  readonly #ofAgent = new Map<AgentId, Set<HeldLease>>();
  readonly #batches = new Map<number, Batch>();
  /** No lease or renewal is due before; undefined when that has to be looked for. Every call asks, so it must cost nothing. */
  #dueMs: number | undefined = undefined;
  #nextBatch = 1;
  #renewals: Renewal[] = [];

  constructor(parts: { member: Member; promiser: Promiser }) {
    this.#member = parts.member;
    this.#promiser = parts.promiser;
  }

  get size(): number {
    return this.#leases.size;
  }

  leases(): Iterable<HeldLease> {
    return this.#leases.values();
  }

  get(id: LockId): HeldLease | undefined {
    return this.#leases.get(id);
  }

  has(id: LockId): boolean {
    return this.#leases.has(id);
  }

  /** The agent's lease for just these targets in this mode, if it is good. */
  sameAs(claim: Claim): HeldLease | undefined {
    const lease = this.#byWhat.get(whatOf(claim));
    return lease?.isValid(this.#member.leaseMs) === true ? lease : undefined;
  }

  grant(pending: PendingClaim, fence: number, assurance: Assurance, backing: Map<NodeId, number>): void {
    const member = this.#member;
    const lease = new HeldLease(pending.wire, fence, assurance, member.leaseMs, backing);
    lease.count(majorityOf(member.view));
    for (const node of pending.promised.keys()) lease.knownBy.add(node);
    this.#leases.set(pending.wire.id, lease);
    const own = this.#ofAgent.get(pending.wire.agent);
    if (own === undefined) this.#ofAgent.set(pending.wire.agent, new Set([lease]));
    else own.add(lease);
    this.#byWhat.set(whatOf(pending.wire), lease);
    this.#dueBy(lease.endMs);
    if (assurance === 'local') this.#promiser.noteLocal(this.#kept(lease, true));
    const lock = { ...lease.snapshot(member.leaseMs), remainingMs: lease.ttlMs };
    member.output({ kind: 'granted', request: pending.request, lock, renewed: false });
    this.#send([lease]);
  }

  /** Gives the lease its time afresh; the members are told at once. */
  extend(lease: HeldLease, ttlMs: number): void {
    lease.ttlMs = ttlMs;
    lease.wantMs = this.#member.leaseMs + ttlMs;
    this.#dueBy(lease.endMs);
    this.#send([lease]);
  }

  renew(request: number, id: LockId, agent: AgentId, ttlMs: number | undefined): void {
    const member = this.#member;
    const lease = this.#leases.get(id);
    const refuse = (cause: 'not-held' | 'not-holder') =>
      member.output({ kind: 'not-renewed', request, cause });
    if (lease === undefined || member.leaseMs >= lease.endMs) refuse('not-held');
    else if (lease.wire.agent !== agent) refuse('not-holder');
    else {
      this.#renewals.push({
        request,
        id,
        untilMs: member.leaseMs + (ttlMs ?? lease.ttlMs),
        answerMs: member.leaseMs + member.config.claimTimeoutMs,
      });
      this.#dueBy(member.leaseMs + member.config.claimTimeoutMs);
      this.extend(lease, ttlMs ?? lease.ttlMs);
      this.#answerRenewals();
    }
  }

  /** A sign of life: the leases of the agent are extended with the next heartbeat. */
  touch(agent: AgentId): void {
    const { leaseMs } = this.#member;
    for (const lease of this.#ofAgent.get(agent) ?? [])
      if (leaseMs < lease.endMs) lease.wantMs = leaseMs + lease.ttlMs;
  }

  end(lease: HeldLease, ending: EndingOf): void {
    const member = this.#member;
    const { agent, id } = lease.wire;
    this.#leases.delete(id);
    const what = whatOf(lease.wire);
    if (this.#byWhat.get(what) === lease) this.#byWhat.delete(what);
    const own = this.#ofAgent.get(agent);
    own?.delete(lease);
    if (own?.size === 0) this.#ofAgent.delete(agent);
    const lock = lease.snapshot(member.leaseMs);
    member.sendAll({ kind: 'end', ids: [id] });
    // A lease noted without a promise stands in the own table only, and a node outside has no members to tell.
    if (!member.isMember) this.#promiser.onEnd(member.self, member.boot, [id]);
    member.output({ kind: 'ended', lock, ...ending });
    this.#answerRenewals();
  }

  endAll(ending: EndingOf): void {
    for (const lease of [...this.#leases.values()]) this.end(lease, ending);
  }

  lose(id: LockId, winner: Obstacle): void {
    const lease = this.#leases.get(id);
    if (lease?.assurance === 'local') this.end(lease, { cause: 'lost', why: 'gave-way', winner });
  }

  onKept(from: NodeId, body: BodyOf<'kept'>): void {
    const batch = this.#batches.get(body.batch);
    if (batch === undefined || batch.to !== from) return;
    const left = new Set(body.unknown);
    const refused = new Map(body.refused.map((one): [LockId, Refused] => [one.id, one]));
    for (const [id, untilMs] of batch.untils) {
      const lease = this.#leases.get(id);
      if (lease === undefined) continue;
      const refusal = refused.get(id);
      if (refusal?.verdict === 'lost') this.lose(id, refusal.winner);
      else if (refusal !== undefined || left.has(id)) lease.knownBy.delete(from);
      else this.#confirmed(lease, from, untilMs);
    }
    this.#answerRenewals();
  }

  /** Leases are told to a member that asks whether one still is, in case it missed that. @returns whether it is. */
  onInquire(from: NodeId, id: LockId): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    if (lease.doubtedMs === undefined && !lease.knownBy.has(from)) this.#sendTo(from, [lease], false);
    return true;
  }

  /** In a new view every member promises anew; what was promised stays as it was counted. */
  viewChanged(): void {
    this.#batches.clear();
    for (const lease of [...this.#leases.values()]) {
      lease.backing.clear();
      lease.knownBy.clear();
      // A view is handed on with all that some member promised: that no longer shows that a majority did without a break.
      if (lease.doubtedMs !== undefined && lease.assurance === 'cluster')
        this.end(lease, { cause: 'lost', why: 'suspended' });
    }
    this.heartbeat();
  }

  /** The clocks cannot be trusted across this instant: no lease is good until it was checked. */
  doubtAll(sleptMs: number): void {
    this.#batches.clear();
    this.#dueMs = undefined;
    for (const lease of this.#leases.values()) {
      lease.doubtedMs = this.#member.leaseMs;
      lease.backing.clear();
      // A local lease has nobody who would have noticed its time go by.
      if (lease.assurance === 'local') lease.wantMs -= Math.max(0, sleptMs);
    }
    this.#send([...this.#leases.values()]);
  }

  /** Extends what needs it. */
  heartbeat(): void {
    const { leaseMs, view } = this.#member;
    const due: HeldLease[] = [];
    for (const lease of this.#leases.values()) {
      if (
        lease.assurance === 'local' ||
        lease.doubtedMs !== undefined ||
        lease.knownBy.size < view.members.length ||
        (lease.wantMs > lease.backedMs && lease.backedMs - leaseMs < lease.ttlMs / 2)
      )
        due.push(lease);
    }
    this.#send(due);
    for (const [batch, { sentMs }] of this.#batches) {
      if (leaseMs - sentMs < this.#member.config.pendingMs) break;
      this.#batches.delete(batch);
    }
  }

  tick(): void {
    const { leaseMs, config } = this.#member;
    if (leaseMs < this.nextDueMs()) return;
    this.#dueMs = undefined;
    for (const lease of [...this.#leases.values()]) {
      const isDoubted = lease.doubtedMs !== undefined && leaseMs - lease.doubtedMs >= config.claimTimeoutMs;
      if (leaseMs >= lease.wantMs) this.end(lease, { cause: 'expired' });
      else if (lease.assurance === 'cluster' && leaseMs >= lease.backedMs)
        this.end(lease, { cause: 'lost', why: 'no-majority' });
      else if (isDoubted && lease.assurance === 'cluster')
        this.end(lease, { cause: 'lost', why: 'suspended' });
      else if (isDoubted) lease.doubtedMs = undefined;
    }
    this.#answerRenewals();
  }

  nextDueMs(): number {
    this.#dueMs ??= this.#firstDueMs();
    return this.#dueMs;
  }

  /** A lease that is put off later is looked at too early once, which does no harm. */
  #dueBy(ms: number): void {
    if (this.#dueMs !== undefined && ms < this.#dueMs) this.#dueMs = ms;
  }

  #firstDueMs(): number {
    let next = Number.POSITIVE_INFINITY;
    const { claimTimeoutMs } = this.#member.config;
    for (const { endMs, doubtedMs } of this.#leases.values())
      next = Math.min(next, endMs, doubtedMs === undefined ? next : doubtedMs + claimTimeoutMs);
    for (const { answerMs } of this.#renewals) next = Math.min(next, answerMs);
    return next;
  }

  #confirmed(lease: HeldLease, by: NodeId, untilMs: number): void {
    lease.knownBy.add(by);
    lease.backing.set(by, Math.max(untilMs, lease.backing.get(by) ?? 0));
    const quorum = majorityOf(this.#member.view);
    if (lease.doubtedMs !== undefined && lease.assurance === 'cluster' && lease.backing.size >= quorum) {
      // What was counted before the doubt was counted on a clock that may have stood still.
      lease.doubtedMs = undefined;
      lease.backedMs = 0;
    }
    lease.count(quorum);
  }

  #answerRenewals(): void {
    if (this.#renewals.length === 0) return;
    const member = this.#member;
    this.#renewals = this.#renewals.filter(({ request, id, untilMs, answerMs }) => {
      const lease = this.#leases.get(id);
      if (lease === undefined) member.output({ kind: 'not-renewed', request, cause: 'not-held' });
      else if (lease.isValid(member.leaseMs) && (lease.assurance === 'local' || lease.backedMs >= untilMs))
        member.output({ kind: 'renewed', request, lock: lease.snapshot(member.leaseMs) });
      else if (member.leaseMs >= answerMs)
        member.output({ kind: 'not-renewed', request, cause: 'no-majority' });
      else return true;
      return false;
    });
  }

  #send(leases: readonly HeldLease[]): void {
    if (!this.#member.isMember) return;
    const isDoubted = (lease: HeldLease) => lease.doubtedMs !== undefined && lease.assurance === 'cluster';
    const doubted = leases.filter(isDoubted);
    const good = doubted.length === 0 ? leases : leases.filter((lease) => !isDoubted(lease));
    for (const node of this.#member.view.members) {
      this.#sendTo(node, good, false);
      this.#sendTo(node, doubted, true);
    }
  }

  #sendTo(node: NodeId, leases: readonly HeldLease[], recheck: boolean): void {
    const member = this.#member;
    for (let at = 0; at < leases.length; at += maxBatch) {
      const part = leases.slice(at, at + maxBatch).filter((lease) => lease.wantMs > member.leaseMs);
      const batch = this.#nextBatch;
      this.#nextBatch += 1;
      this.#batches.set(batch, {
        to: node,
        sentMs: member.leaseMs,
        untils: new Map(part.map((lease) => [lease.wire.id, lease.wantMs])),
      });
      const kept = part.map((lease) => this.#kept(lease, !lease.knownBy.has(node)));
      member.send(node, { kind: 'keep', batch, recheck, leases: kept });
    }
  }

  #kept(lease: HeldLease, withClaim: boolean): KeptLease {
    const { wire, fence, assurance, wantMs } = lease;
    return {
      id: wire.id,
      fence,
      assurance,
      remainingMs: Math.max(0, wantMs - this.#member.leaseMs),
      ...(withClaim ? { claim: wire } : {}),
    };
  }
}

/** Equal for claims of one agent for the same targets, in any order, in one mode. */
function whatOf({ agent, mode, targets }: Claim): string {
  const names = targets.map((target) => `${target.project}\0${target.path}\0${formatScope(target.scope)}`);
  return [agent, mode, ...(names.length > 1 ? names.sort() : names)].join('\0');
}
