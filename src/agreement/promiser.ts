import type { LockId, NodeId } from '../base/ids.ts';
import type { CompiledTarget } from '../lock/target.ts';
import { stretched } from './agreement-options.ts';
import { findWaitCycle, victimOf } from './deadlock.ts';
import type { Member } from './member.ts';
import type { BodyOf, CarriedEntry, KeptLease, PlacedWireClaim, RefusalReason, Refused } from './message.ts';
import type { Obstacle } from './outcome.ts';
import { type Entry, excludes, isAhead, obstacleOf, PromiseTable } from './promise-table.ts';

/**
 * The side of a member that promises. It promises a claim when nothing that excludes it is promised, granted or ahead in
 * line, and until the promise has run out, or its node gave it back, it promises nothing against it. Promises are in memory:
 * a restart forgets them, and view-change.ts keeps a member that forgot out until that does no harm.
 */
export class Promiser {
  readonly table = new PromiseTable();
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
  }

  onClaim(from: NodeId, boot: number, body: BodyOf<'claim'>): void {
    const member = this.#member;
    const { claim, attempt, yields } = body;
    if (!member.isReady) {
      this.#refuseUnready(from, boot, claim, attempt);
      return;
    }
    const entry = this.table.get(claim.id) ?? this.#queue(claim, from, boot);
    if (entry === undefined) {
      member.send(from, { kind: 'refuse', id: claim.id, attempt, reason: 'limit' });
      return;
    }
    if (entry.node !== from || entry.boot !== boot || entry.state === 'granted') return;
    // One that was overtaken by a later attempt says nothing new.
    if (attempt < entry.attempt || yields < entry.yields) return;
    entry.attempt = attempt;
    // Who asks in this view has no grant from the one before.
    const gaveBack = (yields > entry.yields && entry.state === 'promised') || entry.isCarried;
    entry.isCarried = false;
    entry.yields = yields;
    this.table.extend(entry, member.nowMs + this.#pendingMs(entry));
    if (gaveBack) {
      entry.state = 'queued';
      this.settleNear(entry.compiled);
      if (entry.heapIndex === -1) return;
    }
    if (entry.state === 'promised') this.#tellPromise(entry);
    else this.#decide(entry, true);
  }

  onRaise(from: NodeId, { id, to }: BodyOf<'raise'>): void {
    const entry = this.table.get(id);
    if (!this.#member.isReady || entry?.state !== 'promised' || entry.node !== from || entry.isCarried)
      return;
    this.#member.observeRound(to);
    entry.promisedRound = Math.max(entry.promisedRound, to);
    this.#member.send(from, { kind: 'raised', id, to });
  }

  onYield(from: NodeId, { id, yields }: BodyOf<'yield'>): void {
    const entry = this.table.get(id);
    if (entry === undefined || entry.node !== from || yields <= entry.yields) return;
    entry.yields = yields;
    if (entry.state !== 'promised') return;
    entry.state = 'queued';
    entry.isCarried = false;
    this.settleNear(entry.compiled);
  }

  onEnd(from: NodeId, boot: number, ids: readonly LockId[]): void {
    for (const id of ids) {
      const entry = this.table.get(id);
      // Only the node of the holder ends a lease (I6), and only in the life that has it.
      if (entry !== undefined && entry.node === from && entry.boot <= boot) this.#drop(entry);
    }
  }

  onKeep(from: NodeId, boot: number, body: BodyOf<'keep'>): void {
    const member = this.#member;
    if (!member.isMember) return;
    const unknown: LockId[] = [];
    const refused: Refused[] = [];
    for (const lease of body.leases) {
      // A `local` lease binds nobody, so who may not promise notes it all the same: connected nodes then see each other's.
      const isHeard = member.isReady || lease.assurance === 'local';
      const verdict = isHeard ? this.#keep(from, boot, lease, body.recheck) : 'unknown';
      if (verdict === 'unknown') unknown.push(lease.id);
      else if (verdict !== 'kept') refused.push(verdict);
    }
    member.send(from, { kind: 'kept', batch: body.batch, unknown, refused });
  }

  /** Notes a lease of this member itself that was granted without a majority: so it also stands when it may not promise. */
  noteLocal(lease: KeptLease): void {
    const verdict = this.#keep(this.#member.self, this.#member.boot, lease, false);
    if (verdict !== 'kept') throw new Error('a local grant against what its own node knows');
  }

  /** The first lease or promise of others in the way of a claim, whether or not this member may promise. */
  rivalOf(claim: PlacedWireClaim, node: NodeId, boot: number): Obstacle | undefined {
    const { config, nowMs } = this.#member;
    const known = this.table.get(claim.id);
    const probe = known ?? this.table.add(claim, node, boot, config.ageingMs, nowMs);
    const rival = this.table.rivalsOf(probe).find((one) => one.state !== 'queued');
    const obstacle = rival === undefined ? undefined : obstacleOf(rival, probe, nowMs);
    if (known === undefined) this.table.remove(probe);
    return obstacle;
  }

  /** Ends what is due, in the order of the deadlines. */
  expireDue(): void {
    for (let due = this.table.firstDue(); due !== undefined; due = this.table.firstDue()) {
      if (due.dueMs > this.#member.nowMs) return;
      this.#drop(due);
    }
  }

  /** A member began a new life: whatever it held and claimed before ended with the old one. */
  forgetLives(node: NodeId, before: number): void {
    const gone = [...this.table.all()].filter((entry) => entry.node === node && entry.boot < before);
    for (const entry of gone) this.table.remove(entry);
    for (const entry of gone) this.settleNear(entry.compiled);
  }

  /** What another member has to know to promise in the next view. */
  carried(ownOnly: boolean): readonly CarriedEntry[] {
    const entries: CarriedEntry[] = [];
    for (const entry of this.table.all()) {
      if (entry.state === 'queued' || (ownOnly && entry.node !== this.#member.self)) continue;
      entries.push({
        claim: entry.claim,
        node: entry.node,
        boot: entry.boot,
        granted: entry.state === 'granted',
        assurance: entry.assurance,
        fence: entry.fence,
        remainingMs: Math.max(0, entry.dueMs - this.#member.nowMs),
      });
    }
    return entries;
  }

  /** Takes over promises of the view before; claims in line are left to ask again. */
  adopt(entries: readonly CarriedEntry[]): void {
    const { nowMs, config } = this.#member;
    this.clearQueue();
    for (const carried of entries) {
      const dueMs = nowMs + stretched(carried.remainingMs);
      const known = this.table.get(carried.claim.id);
      const entry =
        known ?? this.table.add(carried.claim, carried.node, carried.boot, config.ageingMs, dueMs);
      this.table.extend(entry, dueMs);
      if (carried.granted) {
        entry.state = 'granted';
        entry.assurance = carried.assurance;
        entry.fence = carried.fence;
      } else if (known === undefined) {
        entry.state = 'promised';
      }
      this.#member.promisesFor(carried.claim.ttlMs);
    }
    for (const entry of this.table.all()) entry.isCarried = entry.state === 'promised';
  }

  clearQueue(): void {
    for (const entry of [...this.table.all()]) if (entry.state === 'queued') this.table.remove(entry);
  }

  /** Something in the way of these targets may be gone: those who stand in line for them, first come first served. */
  settleNear(targets: readonly CompiledTarget[]): void {
    if (!this.#member.isReady) return;
    for (const entry of this.table.queuedNear(targets))
      if (entry.heapIndex !== -1) this.#decide(entry, false);
  }

  /** It may not promise, but what it knows to be held it can say. */
  #refuseUnready(from: NodeId, boot: number, claim: PlacedWireClaim, attempt: number): void {
    const rival = this.#member.isMember ? this.rivalOf(claim, from, boot) : undefined;
    const isHeld = rival?.state === 'granted';
    this.#member.send(from, {
      kind: 'refuse',
      id: claim.id,
      attempt,
      ...(isHeld ? { reason: 'held', obstacle: rival } : { reason: 'unready' }),
    });
  }

  #queue(claim: PlacedWireClaim, from: NodeId, boot: number): Entry | undefined {
    const { config, nowMs } = this.#member;
    if (this.table.size >= config.maxEntries) return undefined;
    return this.table.add(claim, from, boot, config.ageingMs, nowMs + stretched(config.pendingMs));
  }

  #pendingMs({ claim, state }: Entry): number {
    const { pendingMs } = this.#member.config;
    return stretched(state === 'queued' ? pendingMs : Math.min(pendingMs, claim.ttlMs));
  }

  #decide(entry: Entry, isAsked: boolean): void {
    const rivals = this.table.rivalsOf(entry);
    const inWay = rivals.filter((one) => one.state !== 'queued' || isAhead(one, entry));
    if (inWay.length === 0) {
      this.#promise(entry);
      return;
    }
    for (const rival of inWay) this.#inquire(rival, entry);
    const lease = inWay.find((one) => one.state === 'granted');
    const obstacle = lease ?? inWay.find((one) => one.state === 'queued' && one.claim.waits);
    if (obstacle !== undefined)
      this.#refuse(entry, obstacle, lease === undefined ? 'queued' : 'held', isAsked);
    else if (isAsked && inWay[0] !== undefined) this.#tellUndecided(entry, inWay[0]);
  }

  /** A race is under way: the claim stays in line, whether it waits or not, until that is decided. */
  #tellUndecided(entry: Entry, rival: Entry): void {
    const obstacle = obstacleOf(rival, entry, this.#member.nowMs);
    const { claim, node, attempt } = entry;
    this.#member.send(node, { kind: 'refuse', id: claim.id, attempt, reason: 'undecided', obstacle });
  }

  #promise(entry: Entry): void {
    const member = this.#member;
    entry.state = 'promised';
    entry.promisedRound = member.nextRound();
    member.promisesFor(Math.min(member.config.pendingMs, entry.claim.ttlMs));
    this.table.extend(entry, member.nowMs + this.#pendingMs(entry));
    this.#tellPromise(entry);
  }

  #tellPromise({ claim, node, attempt, yields, promisedRound }: Entry): void {
    this.#member.send(node, { kind: 'promise', id: claim.id, attempt, yields, promisedRound });
  }

  #refuse(entry: Entry, obstacle: Entry, reason: RefusalReason, isAsked: boolean): void {
    const member = this.#member;
    const { claim, node, attempt } = entry;
    if (!claim.waits) this.table.remove(entry);
    else if (!isAsked) return;
    const told = obstacleOf(obstacle, entry, member.nowMs);
    member.send(node, { kind: 'refuse', id: claim.id, attempt, reason, obstacle: told });
    if (claim.waits) this.#breakCycle(entry);
  }

  #breakCycle(entry: Entry): void {
    const member = this.#member;
    const cycle = findWaitCycle(this.table, entry, member.config.maxCycleSteps);
    if (cycle === undefined) return;
    const victim = victimOf(cycle);
    if (victim === undefined) return;
    const steps = cycle.map((one) => obstacleOf(one, undefined, member.nowMs));
    const { claim, node, attempt } = victim;
    member.send(node, { kind: 'refuse', id: claim.id, attempt, reason: 'deadlock', cycle: steps });
  }

  /** Asks the node of a rival to make way, or whether it still is; once in a while, as claims ask again. */
  #inquire(rival: Entry, entry: Entry): void {
    const { nowMs, config } = this.#member;
    const why = rival.state === 'promised' && isAhead(entry, rival) ? 'yield' : 'verify';
    if (nowMs - rival.inquiredMs < config.resendMs && why === 'verify') return;
    rival.inquiredMs = nowMs;
    this.#member.send(rival.node, { kind: 'inquire', id: rival.claim.id, why });
  }

  #keep(from: NodeId, boot: number, lease: KeptLease, recheck: boolean): 'kept' | 'unknown' | Refused {
    const member = this.#member;
    const known = this.table.get(lease.id);
    if (known !== undefined && (known.node !== from || known.boot !== boot)) return 'unknown';
    const dueMs = member.nowMs + stretched(lease.remainingMs);
    if (known === undefined || known.state === 'queued') {
      // After a doubt about the clocks only an unbroken promise shows that nobody else was let in meanwhile.
      if (recheck || (known === undefined && lease.claim === undefined)) return 'unknown';
      const claim = known?.claim ?? lease.claim;
      if (claim === undefined) return 'unknown';
      const entry = known ?? this.table.add(claim, from, boot, member.config.ageingMs, dueMs);
      const refusal = this.#resolve(entry, lease);
      if (refusal !== undefined) {
        if (known === undefined) this.table.remove(entry);
        return refusal;
      }
      this.#grant(entry, lease, dueMs);
      return 'kept';
    }
    this.#grant(known, lease, dueMs);
    return 'kept';
  }

  #grant(entry: Entry, lease: KeptLease, dueMs: number): void {
    const isNew = entry.state !== 'granted';
    entry.state = 'granted';
    entry.isCarried = false;
    entry.fence = lease.fence;
    entry.assurance = lease.assurance;
    this.#member.promisesFor(entry.claim.ttlMs);
    this.table.extend(entry, dueMs);
    // Who stands in line without a wait has its answer now.
    if (isNew) this.settleNear(entry.compiled);
  }

  /**
   * A lease that this member did not promise meets what it did: after a partition. `cluster` beats `local`, else the
   * earlier stays (I4). What is only promised is being decided, and decides by itself.
   */
  #resolve(entry: Entry, lease: KeptLease): Refused | undefined {
    const { nowMs } = this.#member;
    const rivals = this.table.rivalsOf(entry).filter((one) => one.state !== 'queued');
    for (const rival of rivals) {
      const winner = obstacleOf(rival, entry, nowMs);
      if (rival.state === 'promised') return { id: lease.id, verdict: 'contested', winner };
      if (!beats(entry, lease, rival))
        return { id: lease.id, verdict: lease.assurance === 'local' ? 'lost' : 'contested', winner };
    }
    entry.assurance = lease.assurance;
    entry.state = 'granted';
    for (const rival of rivals) {
      this.table.remove(rival);
      const winner = obstacleOf(entry, rival, nowMs);
      this.#member.send(rival.node, { kind: 'lost', id: rival.claim.id, winner });
    }
    entry.state = 'queued';
    return undefined;
  }

  #drop(entry: Entry): void {
    this.table.remove(entry);
    this.settleNear(entry.compiled);
  }
}

function beats(entry: Entry, lease: KeptLease, rival: Entry): boolean {
  if (!excludes(entry, rival)) return true;
  if (rival.assurance === 'cluster') return false;
  if (lease.assurance === 'cluster') return true;
  if (entry.claim.stamp !== rival.claim.stamp) return entry.claim.stamp < rival.claim.stamp;
  return entry.node < rival.node;
}
