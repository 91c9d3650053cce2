import type { LockId, NodeId } from '../base/ids.ts';
import type { Vote } from './durable-state.ts';
import type { Member } from './member.ts';
import type { MemberWatch } from './member-watch.ts';
import type { BodyOf, CarriedEntry } from './message.ts';
import { isMember, majorityOf, sortedMembers, type View, witnessesOf } from './view.ts';

/** Ballots of one number differ by the rank of who makes them. */
const ballotsPerNumber = 256;

/** Changes that are wanted at about the same time go into one view. */
const gatherMs = 10;

interface Proposal {
  readonly ballot: number;
  readonly deadlineMs: number;
  readonly prepared: Map<NodeId, BodyOf<'prepared'>>;
  /** Promises of the view that ends, with the time on this member's clock at which each arrived. */
  readonly entries: Map<LockId, { readonly entry: CarriedEntry; readonly atMs: number }>;
  readonly accepted: Set<NodeId>;
  value: Vote | undefined;
}

interface Parts {
  readonly member: Member;
  readonly watch: MemberWatch;
  /** What this member knows of promises, for the next view. */
  readonly carried: () => readonly CarriedEntry[];
  readonly install: (view: View, entries: readonly CarriedEntry[] | undefined) => void;
}

/**
 * Decides the view after this one: single-decree Paxos (Lamport, "Paxos made simple", 2001) among the members of this one, with
 * votes on disk. Promising a ballot ends a member's promises in this view, and what it promised travels with its answer:
 * so the next view begins with every grant of this one (as in Viewstamped Replication, Liskov and Cowling 2012), and any
 * change of members is safe, not only one at a time. A restart is such a change, with the same members.
 */
export class ViewChange {
  readonly #member: Member;
  readonly #watch: MemberWatch;
  readonly #parts: Parts;
  readonly #wanted = new Map<NodeId, 'in' | 'out'>();
  #proposal: Proposal | undefined = undefined;
  #highestSeen = 0;
  #retryMs: number;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#member = parts.member;
    this.#watch = parts.watch;
    this.#retryMs = parts.member.nowMs + parts.member.config.heartbeatMs * (1 + parts.member.random());
  }

  /** Wants a node in or out, and proposes that until a view has it so. */
  want(node: NodeId, place: 'in' | 'out'): void {
    this.#wanted.set(node, place);
    this.#retryMs = Math.min(this.#retryMs, this.#member.nowMs + gatherMs);
  }

  onPrepare(from: NodeId, { ballot }: BodyOf<'prepare'>): void {
    const member = this.#member;
    const { durable } = member;
    if (!member.isMember || !isMember(member.view, from)) return;
    if (ballot < durable.ballot) {
      member.send(from, { kind: 'outvoted', ballot, promised: durable.ballot });
      return;
    }
    if (ballot > durable.ballot) {
      member.save({ ballot });
      if (from !== member.self) this.#giveWay(ballot);
    }
    member.send(from, {
      kind: 'prepared',
      ballot,
      ...(durable.vote === undefined ? {} : { vote: durable.vote }),
      forgetful: member.forgetful,
      departed: member.view.departed,
      entries: this.#parts.carried(),
    });
  }

  onPrepared(from: NodeId, body: BodyOf<'prepared'>): void {
    const proposal = this.#proposal;
    const member = this.#member;
    if (proposal === undefined || proposal.ballot !== body.ballot || !isMember(member.view, from)) return;
    proposal.prepared.set(from, body);
    for (const entry of body.entries) {
      const known = proposal.entries.get(entry.claim.id);
      if (known !== undefined && !isStronger(entry, known.entry)) continue;
      proposal.entries.set(entry.claim.id, { entry, atMs: member.nowMs });
    }
    if (proposal.value !== undefined || !this.#knowsAll(proposal)) return;
    proposal.value = this.#valueOf(proposal);
    const { members, departed } = proposal.value;
    member.sendAll({ kind: 'accept', ballot: proposal.ballot, members, departed });
  }

  onAccept(from: NodeId, { ballot, members, departed }: BodyOf<'accept'>): void {
    const member = this.#member;
    if (!member.isMember || !isMember(member.view, from)) return;
    if (ballot < member.durable.ballot) {
      member.send(from, { kind: 'outvoted', ballot, promised: member.durable.ballot });
      return;
    }
    member.save({ ballot, vote: { ballot, members, departed } });
    member.send(from, { kind: 'accepted', ballot });
  }

  onAccepted(from: NodeId, { ballot }: BodyOf<'accepted'>): void {
    const proposal = this.#proposal;
    const { member } = this.#parts;
    if (proposal?.value === undefined || proposal.ballot !== ballot || !isMember(member.view, from)) return;
    proposal.accepted.add(from);
    if (proposal.accepted.size < majorityOf(member.view)) return;
    const { members, departed } = proposal.value;
    const before = member.view.members;
    const view: View = { epoch: member.view.epoch + 1, members, departed };
    const entries = [...proposal.entries.values()].map(({ entry, atMs }) => ({
      ...entry,
      remainingMs: Math.max(0, entry.remainingMs - (member.nowMs - atMs)),
    }));
    this.#parts.install(view, entries);
    for (const node of new Set([...before, ...members]))
      if (node !== member.self) member.send(node, { kind: 'view', view, entries });
  }

  onOutvoted({ ballot, promised }: BodyOf<'outvoted'>): void {
    this.#highestSeen = Math.max(this.#highestSeen, promised);
    if (this.#proposal?.ballot === ballot) this.#abandon();
  }

  /** A view was installed, by this member or another. */
  installed(view: View): void {
    this.#proposal = undefined;
    this.#highestSeen = 0;
    for (const [node, place] of this.#wanted)
      if (isMember(view, node) === (place === 'in')) this.#wanted.delete(node);
    this.#retryMs = this.#member.nowMs;
  }

  tick(): void {
    const { nowMs } = this.#member;
    if (this.#proposal !== undefined) {
      if (nowMs >= this.#proposal.deadlineMs) this.#abandon();
    } else if (nowMs >= this.#retryMs && this.#isNeeded()) {
      if (this.hasHope) this.#propose();
      else this.#retryMs = nowMs + this.#member.config.heartbeatMs;
    }
  }

  nextDueMs(): number {
    if (this.#proposal !== undefined) return this.#proposal.deadlineMs;
    return this.#isNeeded() ? this.#retryMs : Number.POSITIVE_INFINITY;
  }

  #isNeeded(): boolean {
    const member = this.#member;
    return member.isMember && (this.#wanted.size > 0 || member.isFrozen || member.forgetful);
  }

  /** Whether enough members were heard: a proposal that leads nowhere costs writes, and would only stop the others' promises. */
  get hasHope(): boolean {
    const { view, nowMs, self, isFrozen } = this.#member;
    const reachable = view.members.filter((node) => this.#watch.isHeard(node, nowMs));
    if (reachable.length < majorityOf(view)) return false;
    if (isFrozen || reachable.length === view.members.length) return true;
    const ready = reachable.filter((node) =>
      node === self ? !this.#member.forgetful : this.#watch.isUsable(node, nowMs),
    );
    return ready.length >= witnessesOf(view);
  }

  #propose(): void {
    const member = this.#member;
    const { config, nowMs, view } = member;
    const number = Math.floor(Math.max(this.#highestSeen, member.durable.ballot) / ballotsPerNumber) + 1;
    const ballot = number * ballotsPerNumber + view.members.indexOf(member.self);
    this.#proposal = {
      ballot,
      deadlineMs: nowMs + config.viewTimeoutMs,
      prepared: new Map(),
      entries: new Map(),
      accepted: new Set(),
      value: undefined,
    };
    member.sendAll({ kind: 'prepare', ballot });
  }

  #abandon(): void {
    this.#proposal = undefined;
    this.#backOff();
  }

  /** Another's ballot is under way: it gets the time that a change may take. */
  #giveWay(ballot: number): void {
    this.#highestSeen = Math.max(this.#highestSeen, ballot);
    this.#proposal = undefined;
    this.#backOff();
  }

  #backOff(): void {
    const { nowMs, config, random } = this.#member;
    this.#retryMs = nowMs + config.viewTimeoutMs * (0.5 + random());
  }

  /**
   * Whether a majority voted for the ballot, and every grant of the view is among the entries: enough members answered
   * that forgot nothing; or all did, each with what it holds itself, and nobody outside can hold anything.
   */
  #knowsAll({ prepared }: Proposal): boolean {
    const { view } = this.#member;
    if (prepared.size < majorityOf(view)) return false;
    const answers = [...prepared.values()];
    if (answers.filter(({ forgetful }) => !forgetful).length >= witnessesOf(view)) return true;
    return prepared.size === view.members.length && answers.every(({ departed }) => !departed);
  }

  #valueOf({ ballot, prepared, entries }: Proposal): Vote {
    const votes = [...prepared.values()].flatMap(({ vote }) => vote ?? []);
    const newest = votes.sort((a, b) => b.ballot - a.ballot)[0];
    if (newest !== undefined) return { ...newest, ballot };
    const kept = this.#member.view.members.filter((node) => this.#wanted.get(node) !== 'out');
    const added = [...this.#wanted].filter(([, place]) => place === 'in').map(([node]) => node);
    const members = sortedMembers([...kept, ...added]);
    const mayHold = [...entries.values()].some(({ entry }) => !members.includes(entry.node));
    const before = [...prepared.values()].every(({ departed }) => departed);
    return { ballot, members, departed: mayHold || before };
  }
}

function isStronger(a: CarriedEntry, b: CarriedEntry): boolean {
  if (a.granted !== b.granted) return a.granted;
  return a.remainingMs > b.remainingMs;
}
