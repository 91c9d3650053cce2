import assert from 'node:assert/strict';
import type { AgentId, LockId, NodeId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import {
  closedDenial,
  elsewhereRefusal,
  heldOtherwiseRefusal,
  rateDenial,
  unknownRefusal,
  unsettledRefusal,
} from '../lock/denial.ts';
import type { LineEdit } from '../lock/line-edit.ts';
import type { Lock, Notice, NoticeBatch, WaitingClaim } from '../lock/lock.ts';
import type { EngineStats, LockEngine, Pending } from '../lock/lock-engine.ts';
import type { LockConfig } from '../lock/lock-options.ts';
import type { LockFilter } from '../lock/lock-table.ts';
import type { Denial, Grant, Refusal, Released, Renewed, Valid } from '../lock/outcome.ts';
import { wholeFile } from '../lock/scope.ts';
import { compileTarget, type Target } from '../lock/target.ts';
import type { Settle } from '../lock/wait-queue.ts';
import { AgreedCore, type AgreedLocksParts } from './agreed-core.ts';
import { denialOf, lockOfEntry, waitingOfEntry } from './agreed-views.ts';
import type { AgreementOptions } from './agreement-options.ts';
import { HeldLock } from './held-lock.ts';
import type { Message } from './message.ts';
import type { Entry } from './promise-table.ts';
import type { View } from './view.ts';

/**
 * The locks of a node in a cluster: the agreement (agreement.ts) in the form of the lock table, with what that does for agents beside
 * deciding: rate limit, notices, what ended, lines that follow the text. Leases of other nodes are listed as this node knows them.
 */
export class AgreedLocks implements LockEngine {
  readonly #core: AgreedCore;

  constructor(parts: AgreedLocksParts, config: LockConfig, options: AgreementOptions) {
    this.#core = new AgreedCore(parts, config, options);
  }

  /** Once, before any other call. */
  start(): void {
    this.#core.run((now) => this.#core.agreement.start(now));
  }

  get view(): View {
    return this.#core.agreement.view;
  }

  /** Members heard of lately, this node included. */
  reachable(): readonly NodeId[] {
    return this.#core.agreement.reachable();
  }

  /** A connection to the members was made, or can be made from now on. */
  met(nodes: readonly NodeId[]): void {
    this.#core.run((now) => this.#core.agreement.met(now, nodes));
  }

  receive(from: NodeId, message: Message): void {
    this.#core.run((now) => this.#core.agreement.receive(now, from, message));
  }

  /** Has the members agree on a view with the node, or without it. */
  change(node: NodeId, place: 'in' | 'out'): void {
    this.#core.run((now) => this.#core.agreement.change(now, node, place));
  }

  /** Ends all leases, and has the others agree on a view without this node. */
  leave(): void {
    this.#core.run((now) => this.#core.agreement.leave(now));
  }

  acquireOrWait(claim: Claim, waitMs: number, settle: Settle): Grant | Denial | Pending {
    if (this.#core.isClosed) return this.#core.denied(claim, closedDenial());
    const limited = this.#limited(claim);
    if (limited !== undefined) return limited;
    const moved = this.#movedInTheWay(claim);
    if (moved !== undefined) return this.#core.denied(claim, moved);
    const core = this.#core;
    return core.ask(settle, (request, answer) => {
      core.asked.set(request, { claim, askedMs: core.parts.clock.monotonicMs(), settle: answer });
      core.run((now) => core.agreement.claim(now, request, claim, waitMs));
    });
  }

  cancelWait(ticket: number): boolean {
    const isPending = this.#core.asked.has(ticket);
    if (isPending) this.#core.run((now) => this.#core.agreement.cancel(now, ticket));
    return isPending;
  }

  release(id: LockId, agent: AgentId, fence?: number): Released | Refusal {
    const held = this.#heldBy(id, agent, fence);
    if (!(held instanceof HeldLock)) return held;
    const lock = this.#core.lockOf(held);
    this.#core.run((now) => this.#core.agreement.release(now, id, agent));
    return { outcome: 'released', lock };
  }

  renew(
    id: LockId,
    agent: AgentId,
    { ttlMs, fence }: { readonly ttlMs?: number; readonly fence?: number },
    settle: (outcome: Renewed | Refusal) => void,
  ): Renewed | Refusal | Pending {
    const held = this.#heldBy(id, agent, fence);
    if (!(held instanceof HeldLock)) return held;
    const core = this.#core;
    return core.ask(settle, (request, answer) => {
      core.renewals.set(request, (outcome) => {
        const still = core.book.get(id);
        if (still === undefined) answer(this.#goneRefusal(id, fence));
        else if (outcome !== 'renewed') answer(unsettledRefusal('no-majority', core.lockOf(still)));
        else {
          const lock = core.lockOf(still);
          core.tell({ action: 'renewed', lock, atMs: core.parts.clock.wallMs() });
          answer({ outcome: 'renewed', lock });
        }
      });
      core.run((now) => core.agreement.renew(now, request, id, agent, ttlMs));
    });
  }

  check(id: LockId, fence?: number): Valid | Refusal {
    let isGood = false;
    this.#core.run((now) => {
      const { lock, effects } = this.#core.agreement.check(now, id);
      isGood = lock !== undefined;
      return effects;
    });
    const held = this.#held(id, fence);
    if (!(held instanceof HeldLock)) return held;
    const lock = this.#core.lockOf(held);
    return isGood ? { outcome: 'valid', lock } : unsettledRefusal('unconfirmed', lock);
  }

  /** Also a lease of another node, by asking that. */
  force(
    id: LockId,
    by: string,
    reason: string,
    settle: (outcome: Released | Refusal) => void,
  ): Released | Refusal | Pending {
    const core = this.#core;
    const held = core.book.get(id);
    const lock = held === undefined ? this.#elsewhere(id) : core.lockOf(held);
    if (lock === undefined) return this.#goneRefusal(id, undefined);
    return core.ask(settle, (request, answer) => {
      core.forces.set(request, (done) =>
        answer(done ? { outcome: 'released', lock } : this.#goneRefusal(id, undefined)),
      );
      core.run((now) => core.agreement.force(now, request, id, by, reason));
    });
  }

  touch(agent: AgentId): void {
    if (this.#core.book.hasAny(agent)) this.#core.run((now) => this.#core.agreement.touch(now, agent));
  }

  releaseAll(agent: AgentId): readonly Lock[] {
    for (const [request, { claim }] of this.#core.asked) if (claim.agent === agent) this.cancelWait(request);
    return [...this.#core.book.of(agent)].map((held) => {
      const lock = this.#core.lockOf(held);
      this.#core.run((now) => this.#core.agreement.release(now, held.id, agent));
      return lock;
    });
  }

  /** On this node only: the other members know a lease by the lines of its claim. */
  moveLines(edit: LineEdit): readonly Lock[] {
    const file = compileTarget({ project: edit.project, path: edit.path, scope: wholeFile });
    const moved: Lock[] = [];
    for (const { claim } of this.#core.agreement.overlapping(file)) {
      const held = this.#core.book.get(claim.id);
      const outcome = held?.move(edit);
      if (held === undefined || outcome === 'same') continue;
      if (outcome === 'moved') {
        this.#core.book.moved(held);
        moved.push(this.#core.lockOf(held));
      } else this.#end(held, 'lost', `its lines were removed by ${edit.agent ?? 'an edit'}`);
    }
    return moved;
  }

  /** Of an agent those of this node that are good; otherwise those of all nodes, as this one knows them. */
  list({ project, path, agent }: LockFilter): readonly Lock[] {
    assert(path === undefined || project !== undefined, 'a path needs its project');
    const isIn = (targets: readonly Target[]) =>
      project === undefined || targets.some((target) => target.project === project);
    if (agent !== undefined && path === undefined) {
      return [...this.#core.book.of(agent)]
        .filter(({ id, claim }) => this.#core.agreement.isGood(id) && isIn(claim.targets))
        .map((held) => this.#core.lockOf(held));
    }
    const known =
      project !== undefined && path !== undefined
        ? this.#core.agreement.overlapping(compileTarget({ project, path, scope: wholeFile }))
        : [...this.#core.agreement.known()];
    return this.#locksOf(known).filter(
      ({ holder, targets }) => isIn(targets) && (agent === undefined || holder === agent),
    );
  }

  why(target: Target): { readonly locks: readonly Lock[]; readonly waiters: readonly WaitingClaim[] } {
    const known = this.#core.agreement.overlapping(compileTarget(target));
    return { locks: this.#locksOf(known), waiters: this.#waitersOf(known) };
  }

  waiters(): readonly WaitingClaim[] {
    return this.#waitersOf([...this.#core.agreement.known()]);
  }

  takeNotices(agent: AgentId): NoticeBatch {
    return this.#core.roster.takeNotices(agent);
  }

  addNotice(notice: Notice): void {
    this.#core.addNotice(notice);
  }

  nextDeadlineMs(): number {
    return this.#core.agreement.nextDueMs();
  }

  expireDue(): void {
    this.#core.run((now) => this.#core.agreement.tick(now));
  }

  stats(): EngineStats {
    return {
      locks: this.#core.book.size,
      waiters: this.#core.asked.size,
      agents: this.#core.roster.size,
      lastFence: this.#core.lastFence,
    };
  }

  /** Denies who waits, and tells the members that this node's leases are over: they end with the process. */
  close(): void {
    if (this.#core.isClosed) return;
    this.#core.isClosed = true;
    for (const request of [...this.#core.asked.keys()]) this.cancelWait(request);
    for (const held of this.#core.book.all()) this.#end(held, 'restart', 'the daemon stopped');
  }

  #end(held: HeldLock, cause: 'lost' | 'restart', reason: string): void {
    this.#core.book.endsBy(held.id, { cause, reason });
    this.#core.run((now) => this.#core.agreement.release(now, held.id, held.claim.agent));
  }

  /** As in the lock table: of a run of denials only the first is reported. */
  #limited(claim: Claim): Denial | undefined {
    const nowMs = this.#core.parts.clock.monotonicMs();
    const agent = this.#core.roster.reach(claim.agent, nowMs);
    const retryAfterMs = this.#core.roster.takeToken(agent, nowMs);
    if (retryAfterMs === 0) {
      agent.isDry = false;
      return undefined;
    }
    const denial = rateDenial(retryAfterMs);
    if (agent.isDry) return denial;
    agent.isDry = true;
    return this.#core.denied(claim, denial);
  }

  /** A lease of this node whose lines have moved stands elsewhere for its members: here it is looked for where its text is. */
  #movedInTheWay(claim: Claim): Denial | undefined {
    const found = this.#core.book.movedRival(claim);
    if (found === undefined) return undefined;
    const { held, target, overlap } = found;
    const lock = this.#core.lockOf(held);
    const from = this.#core.viewpoint();
    const { agent, agentName, intention, mode } = held.claim;
    const obstacle = {
      id: held.id,
      node: from.self,
      agent,
      ...(agentName === undefined ? {} : { agentName }),
      intention,
      mode,
      target,
      overlap,
      state: 'granted' as const,
      assurance: held.assurance,
      remainingMs: Math.max(0, lock.expiresAtMs - from.wallMs),
    };
    return denialOf({ kind: 'denied', request: 0, cause: 'held', obstacle }, from);
  }

  #locksOf(known: readonly Entry[]): readonly Lock[] {
    const from = this.#core.viewpoint();
    return known
      .flatMap((entry): readonly Lock[] => {
        if (entry.state !== 'granted') return [];
        const held = this.#core.book.get(entry.claim.id);
        if (held !== undefined) return [this.#core.lockOf(held)];
        return entry.node === from.self ? [] : [lockOfEntry(entry, from)];
      })
      .sort((a, b) => a.fence - b.fence);
  }

  #waitersOf(known: readonly Entry[]): readonly WaitingClaim[] {
    const from = this.#core.viewpoint();
    return known
      .filter(({ state, claim }) => state === 'queued' && claim.waits)
      .sort((a, b) => a.key - b.key)
      .map((entry) => waitingOfEntry(entry, from));
  }

  #heldBy(id: LockId, agent: AgentId, fence: number | undefined): HeldLock | Refusal {
    const held = this.#held(id, fence);
    if (!(held instanceof HeldLock) || held.claim.agent === agent) return held;
    return heldOtherwiseRefusal('not-holder', this.#core.lockOf(held));
  }

  #held(id: LockId, fence: number | undefined): HeldLock | Refusal {
    const held = this.#core.book.get(id);
    if (held === undefined) return this.#goneRefusal(id, fence);
    return fence === undefined || fence === held.fence
      ? held
      : heldOtherwiseRefusal('stale-fence', this.#core.lockOf(held));
  }

  #goneRefusal(id: LockId, fence: number | undefined): Refusal {
    const ended = this.#core.book.endOf(id);
    if (ended !== undefined) return ended;
    const elsewhere = this.#elsewhere(id);
    if (elsewhere !== undefined) return elsewhereRefusal(elsewhere);
    const isOfEarlierLife = fence !== undefined && fence < this.#core.agreement.startFloor;
    return unknownRefusal(isOfEarlierLife ? 'restart' : 'unknown');
  }

  /** A lease of another node; one that was promised may be granted by now. */
  #elsewhere(id: LockId): Lock | undefined {
    const known = this.#core.agreement.knownOf(id);
    return known === undefined || known.state === 'queued' || known.node === this.#core.parts.self
      ? undefined
      : lockOfEntry(known, this.#core.viewpoint());
  }
}
