import type { LockId, NodeId } from '../base/ids.ts';
import { ClaimIndex } from '../lock/claim-index.ts';
import { DeadlineHeap, type HeapItem } from '../lock/deadline-heap.ts';
import { entriesOf, type IndexEntry } from '../lock/entry-list.ts';
import { type CompiledTarget, compiledOverlap, compileTarget } from '../lock/target.ts';
import type { PlacedWireClaim } from './message.ts';
import type { Assurance, Obstacle } from './outcome.ts';

/** Ticks of the hybrid clock in a millisecond. */
const ticksPerMs = 4096;

/**
 * What a member knows of one claim of the cluster. `queued`: something is in its way. `promised`: nobody else gets what it
 * overlaps, and its node decides. `granted`: it is a lease.
 */
export class Entry implements HeapItem {
  readonly claim: PlacedWireClaim;
  readonly node: NodeId;
  readonly boot: number;
  /** The holder: an agent of a node. Two nodes may name their agents alike. */
  readonly holder: string;
  readonly shared: boolean;
  /** Place in line: time of arrival less what the priority is worth. */
  readonly key: number;
  readonly compiled: readonly CompiledTarget[];
  readonly entries: readonly IndexEntry<Entry>[];
  state: 'queued' | 'promised' | 'granted' = 'queued';
  assurance: Assurance = 'cluster';
  fence = 0;
  attempt = 0;
  /** Times that its node gave the promise back. */
  yields = 0;
  promisedRound = 0;
  /**
   * Promised in the view before, by whomever: its node may have got a grant of it there, or not. It stands in the way of
   * others until its node says which, and is no promise of this member.
   */
  isCarried = false;
  inquiredMs = Number.NEGATIVE_INFINITY;
  dueMs: number;
  readonly order: number;
  heapIndex = -1;

  constructor(
    claim: PlacedWireClaim,
    node: NodeId,
    boot: number,
    ageingMs: number,
    dueMs: number,
    order: number,
  ) {
    this.claim = claim;
    this.node = node;
    this.boot = boot;
    this.holder = `${node} ${claim.agent}`;
    this.shared = claim.mode === 'shared';
    this.key = claim.stamp - claim.priority * ageingMs * ticksPerMs;
    this.compiled = claim.targets.map(compileTarget);
    this.entries = entriesOf<Entry>(this, this.compiled);
    this.dueMs = dueMs;
    this.order = order;
  }
}

/** The one order of all claims, the same on every member. */
export function isAhead(a: Entry, b: Entry): boolean {
  if (a.key !== b.key) return a.key < b.key;
  if (a.node !== b.node) return a.node < b.node;
  return a.claim.id < b.claim.id;
}

export function excludes(a: Entry, b: Entry): boolean {
  return a.holder !== b.holder && !(a.shared && b.shared);
}

/** The claims, promises and leases of the cluster that a member knows, by id, target, holder and deadline. */
export class PromiseTable {
  readonly #byId = new Map<LockId, Entry>();
  readonly #byHolder = new Map<string, Set<Entry>>();
  readonly #index = new ClaimIndex<Entry>();
  readonly #deadlines = new DeadlineHeap<Entry>();
  #orders = 0;

  get size(): number {
    return this.#byId.size;
  }

  get(id: LockId): Entry | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Entry> {
    return this.#byId.values();
  }

  ofHolder(holder: string): Iterable<Entry> {
    return this.#byHolder.get(holder) ?? [];
  }

  add(claim: PlacedWireClaim, node: NodeId, boot: number, ageingMs: number, dueMs: number): Entry {
    this.#orders += 1;
    const entry = new Entry(claim, node, boot, ageingMs, dueMs, this.#orders);
    this.#byId.set(claim.id, entry);
    const known = this.#byHolder.get(entry.holder);
    if (known === undefined) this.#byHolder.set(entry.holder, new Set([entry]));
    else known.add(entry);
    for (const one of entry.entries) this.#index.add(one);
    this.#deadlines.push(entry);
    return entry;
  }

  remove(entry: Entry): void {
    this.#byId.delete(entry.claim.id);
    const known = this.#byHolder.get(entry.holder);
    known?.delete(entry);
    if (known?.size === 0) this.#byHolder.delete(entry.holder);
    for (const one of entry.entries) this.#index.remove(one);
    this.#deadlines.remove(entry);
  }

  /** Later only: a promise is never cut short by a message that was under way for long. */
  extend(entry: Entry, dueMs: number): void {
    if (dueMs > entry.dueMs) this.#deadlines.reschedule(entry, dueMs);
  }

  firstDue(): Entry | undefined {
    return this.#deadlines.top();
  }

  /** All that overlaps the entry and excludes it. */
  rivalsOf(entry: Entry): readonly Entry[] {
    const found = new Set<Entry>();
    const visitor = {
      visit: ({ owner }: IndexEntry<Entry>) => {
        if (owner !== entry && excludes(owner, entry)) found.add(owner);
        return false;
      },
    };
    for (const target of entry.compiled) this.#index.visit(target, visitor);
    return [...found];
  }

  overlapping(target: CompiledTarget): readonly Entry[] {
    return this.#index.owners(target);
  }

  /** Claims in line that touch one of the targets, in their order. */
  queuedNear(targets: readonly CompiledTarget[]): readonly Entry[] {
    const found = new Set<Entry>();
    for (const target of targets)
      for (const entry of this.#index.owners(target)) if (entry.state === 'queued') found.add(entry);
    return [...found].sort((a, b) => (isAhead(a, b) ? -1 : 1));
  }
}

/** The entry as those see it whose way it is in. */
export function obstacleOf(entry: Entry, to: Entry | undefined, nowMs: number): Obstacle {
  const { claim } = entry;
  const meeting = to === undefined ? undefined : meetingOf(entry, to);
  const target = meeting?.target ?? claim.targets[0];
  if (target === undefined) throw new TypeError('a claim without a target');
  return {
    id: claim.id,
    node: entry.node,
    agent: claim.agent,
    ...(claim.agentName === undefined ? {} : { agentName: claim.agentName }),
    intention: claim.intention,
    mode: claim.mode,
    target,
    overlap: meeting?.overlap ?? 'full',
    state: entry.state,
    assurance: entry.assurance,
    remainingMs: Math.max(0, entry.dueMs - nowMs),
  };
}

function meetingOf(entry: Entry, to: Entry) {
  for (const mine of to.compiled) {
    for (const theirs of entry.compiled) {
      const overlap = compiledOverlap(mine, theirs);
      if (overlap !== undefined) return { target: theirs.target, overlap };
    }
  }
  return undefined;
}
