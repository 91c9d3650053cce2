/**
 * What stands in the way of a claim: leases of other agents that overlap it, and claims of other agents that
 * overlap it and wait ahead of it. Two shared claims never conflict, and nobody conflicts with himself.
 */
import type { AgentId } from '../base/ids.ts';
import type { AgentState } from './agent-roster.ts';
import type { Claim } from './claim.ts';
import type { ClaimIndex } from './claim-index.ts';
import type { EntryVisitor, IndexEntry } from './entry-list.ts';
import type { Lease } from './lease.ts';
import type { Blocker } from './lock.ts';
import { isAhead, type PlacedClaim } from './placed-claim.ts';
import type { Overlap } from './scope.ts';
import { type CompiledTarget, overlapKind, type Target } from './target.ts';
import type { Waiter } from './wait-queue.ts';

/** Blockers that a denial lists. */
const maxBlockers = 10;
/** Overlapping entries looked at for the list: a claim of everything must not walk a full table to be refused. */
const maxBlockersSeen = 1000;

/** Whether a lease or waiter of one agent is in the way of a claim of another that overlaps it. */
export function conflicts(
  a: { readonly agent: AgentState; readonly shared: boolean },
  b: { readonly agent: AgentState; readonly shared: boolean },
): boolean {
  return a.agent !== b.agent && !(a.shared && b.shared);
}

/** One search at a time: the probes are reused, because every grant would otherwise allocate them. */
export class ConflictSearch {
  readonly #leases: ClaimIndex<Lease>;
  readonly #waiters: ClaimIndex<Waiter>;
  readonly #leaseProbe = new LeaseProbe();
  readonly #waiterProbe = new WaiterProbe();

  constructor(leases: ClaimIndex<Lease>, waiters: ClaimIndex<Waiter>) {
    this.#leases = leases;
    this.#waiters = waiters;
  }

  /** Whether somebody's lease is in the way. Sees at the same time whether the agent holds just this already. */
  isHeld(placed: PlacedClaim): boolean {
    const probe = this.#leaseProbe;
    probe.claim = placed;
    probe.same = undefined;
    for (const target of placed.compiled) {
      if (this.#leases.visit(target, probe)) return true;
    }
    return false;
  }

  /** The agent's own lease for just the targets and mode of the claim that `isHeld` last looked at. */
  get sameLease(): Lease | undefined {
    return this.#leaseProbe.same;
  }

  /** Whether somebody's claim waits ahead. */
  isQueued(placed: PlacedClaim): boolean {
    if (this.#waiters.size === 0) return false;
    const probe = this.#waiterProbe;
    probe.claim = placed;
    for (const target of placed.compiled) {
      if (this.#waiters.visit(target, probe)) return true;
    }
    return false;
  }

  /** The blockers of a claim, strongest first: see `Denial.blockers`. */
  blockersOf(placed: PlacedClaim, nowMs: number, wallMs: number): readonly Blocker[] {
    const leases = new BlockerList<Lease>(placed, (lease) => conflicts(lease, placed));
    leases.search(this.#leases);
    const waiters = new BlockerList<Waiter>(
      placed,
      (waiter) => conflicts(waiter, placed) && isAhead(waiter.placed, placed),
    );
    waiters.search(this.#waiters);
    return [
      ...leases.sorted((a, b) => a.fence - b.fence).map((found) => leaseBlocker(found, nowMs, wallMs)),
      ...waiters.sorted((a, b) => (isAhead(a.placed, b.placed) ? -1 : 1)).map(waiterBlocker),
    ].slice(0, maxBlockers);
  }
}

class LeaseProbe implements EntryVisitor<Lease> {
  claim: PlacedClaim | undefined = undefined;
  same: Lease | undefined = undefined;

  visit(entry: IndexEntry<Lease>): boolean {
    const { claim } = this;
    const lease = entry.owner;
    if (claim === undefined) return false;
    if (lease.agent !== claim.agent) return !(lease.shared && claim.shared);
    if (this.same === undefined && lease.shared === claim.shared && lease.isFor(claim.claim.targets)) {
      this.same = lease;
    }
    return false;
  }
}

class WaiterProbe implements EntryVisitor<Waiter> {
  claim: PlacedClaim | undefined = undefined;

  visit(entry: IndexEntry<Waiter>): boolean {
    const { claim } = this;
    if (claim === undefined) return false;
    return conflicts(entry.owner, claim) && isAhead(entry.owner.placed, claim);
  }
}

interface Found<O> {
  readonly owner: O;
  readonly overlap: Overlap;
  readonly target: Target;
}

const overlapRank = { full: 0, contains: 1, partial: 2 } as const;

/** Collects who is in the way, each with the widest overlap of its targets. */
class BlockerList<O> implements EntryVisitor<O> {
  readonly #claim: PlacedClaim;
  readonly #blocks: (owner: O) => boolean;
  readonly #found = new Map<O, Found<O>>();
  #query: CompiledTarget | undefined = undefined;
  #seen = 0;

  constructor(claim: PlacedClaim, blocks: (owner: O) => boolean) {
    this.#claim = claim;
    this.#blocks = blocks;
  }

  search(index: ClaimIndex<O>): void {
    for (const target of this.#claim.compiled) {
      this.#query = target;
      if (index.visit(target, this)) return;
    }
  }

  visit(entry: IndexEntry<O>): boolean {
    if (this.#query === undefined || !this.#blocks(entry.owner)) return false;
    const overlap = overlapKind(this.#query, entry.compiled);
    const known = this.#found.get(entry.owner);
    if (known === undefined || overlapRank[overlap] < overlapRank[known.overlap]) {
      this.#found.set(entry.owner, { owner: entry.owner, overlap, target: entry.compiled.target });
    }
    this.#seen += 1;
    return this.#seen >= maxBlockersSeen;
  }

  sorted(byAge: (a: O, b: O) => number): readonly Found<O>[] {
    return [...this.#found.values()].sort(
      (a, b) => overlapRank[a.overlap] - overlapRank[b.overlap] || byAge(a.owner, b.owner),
    );
  }
}

function leaseBlocker({ owner, overlap, target }: Found<Lease>, nowMs: number, wallMs: number): Blocker {
  return {
    kind: 'lease',
    ...whoAndWhat(owner.agent.id, owner.claim),
    overlap,
    target,
    lockId: owner.id,
    fence: owner.fence,
    expiresAtMs: wallMs + owner.expiresMs() - nowMs,
  };
}

function waiterBlocker({ owner, overlap, target }: Found<Waiter>): Blocker {
  return {
    kind: 'waiter',
    ...whoAndWhat(owner.agent.id, owner.placed.claim),
    overlap,
    target,
    ticket: owner.placed.ticket,
  };
}

function whoAndWhat(holder: AgentId, { agentName, intention, mode }: Claim) {
  return { holder, ...(agentName === undefined ? {} : { holderName: agentName }), intention, mode };
}
