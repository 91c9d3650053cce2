import type { AgentState } from './agent-roster.ts';
import { ClaimIndex } from './claim-index.ts';
import { DeadlineHeap, type HeapItem } from './deadline-heap.ts';
import { entriesOf, type IndexEntry } from './entry-list.ts';
import type { Denial, Grant } from './outcome.ts';
import { isAhead, type PlacedClaim } from './placed-claim.ts';
import type { CompiledTarget } from './target.ts';

export type Settle = (outcome: Grant | Denial) => void;

export class Waiter implements HeapItem {
  readonly placed: PlacedClaim;
  readonly agent: AgentState;
  readonly shared: boolean;
  readonly settle: Settle;
  /** Epoch ms, for display. */
  readonly sinceMs: number;
  entries: readonly IndexEntry<Waiter>[];
  /** When the wait ends, monotonic. */
  dueMs: number;
  heapIndex = -1;

  constructor(placed: PlacedClaim, settle: Settle, sinceMs: number, dueMs: number) {
    this.placed = placed;
    this.agent = placed.agent;
    this.shared = placed.shared;
    this.settle = settle;
    this.sinceMs = sinceMs;
    this.entries = entriesOf<Waiter>(this, placed.compiled);
    this.dueMs = dueMs;
  }

  get order(): number {
    return this.placed.ticket;
  }
}

/** The claims that wait, by ticket, by target, by deadline and with their agents. */
export class WaitQueue {
  readonly index = new ClaimIndex<Waiter>();
  readonly #byTicket = new Map<number, Waiter>();
  readonly #deadlines = new DeadlineHeap<Waiter>();

  get size(): number {
    return this.#byTicket.size;
  }

  get(ticket: number): Waiter | undefined {
    return this.#byTicket.get(ticket);
  }

  firstDue(): Waiter | undefined {
    return this.#deadlines.top();
  }

  add(waiter: Waiter): void {
    this.#byTicket.set(waiter.placed.ticket, waiter);
    for (const entry of waiter.entries) this.index.add(entry);
    this.#deadlines.push(waiter);
    waiter.agent.waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#byTicket.delete(waiter.placed.ticket);
    for (const entry of waiter.entries) this.index.remove(entry);
    this.#deadlines.remove(waiter);
    waiter.agent.waiters.delete(waiter);
  }

  /** Puts the waiter, whose lines moved, at other places. */
  moveTo(waiter: Waiter, compiled: readonly CompiledTarget[]): void {
    for (const entry of waiter.entries) this.index.remove(entry);
    const { placed } = waiter;
    placed.claim = { ...placed.claim, targets: compiled.map(({ target }) => target) };
    placed.compiled = compiled;
    waiter.entries = entriesOf<Waiter>(waiter, compiled);
    for (const entry of waiter.entries) this.index.add(entry);
  }

  has(waiter: Waiter): boolean {
    return waiter.heapIndex !== -1;
  }

  /** The waiters whose targets touch one of `targets`, in queue order. */
  touching(targets: readonly CompiledTarget[]): readonly Waiter[] {
    if (this.index.size === 0) return [];
    const found = new Set<Waiter>();
    for (const target of targets) {
      for (const waiter of this.index.owners(target)) found.add(waiter);
    }
    return inOrder(found);
  }

  all(): readonly Waiter[] {
    return inOrder(this.#byTicket.values());
  }
}

function inOrder(waiters: Iterable<Waiter>): readonly Waiter[] {
  return [...waiters].sort((a, b) => (isAhead(a.placed, b.placed) ? -1 : 1));
}
