import assert from 'node:assert/strict';
import type { LockId } from '../base/ids.ts';
import { ClaimIndex } from './claim-index.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { entriesOf } from './entry-list.ts';
import type { Lease } from './lease.ts';
import type { EndedLock } from './lock.ts';
import type { CompiledTarget } from './target.ts';

/**
 * The leases that are held, by id, by target, by deadline and with their agents; and the newest that have ended, by id,
 * so that `check` can say what became of one. Both share a map: an end then costs no look-up of its own.
 */
export class LeaseBook {
  readonly index = new ClaimIndex<Lease>();
  readonly #byId = new Map<LockId, Lease>();
  readonly #deadlines = new DeadlineHeap<Lease>();
  /** A ring of `endedKept`: who comes in takes the place of the oldest. */
  readonly #ended: Lease[] = [];
  readonly #endedKept: number;
  #endedAt = 0;
  #size = 0;

  constructor(endedKept: number) {
    this.#endedKept = endedKept;
  }

  /** Leases that are held. */
  get size(): number {
    return this.#size;
  }

  get(id: LockId): Lease | undefined {
    const lease = this.#byId.get(id);
    return lease?.ended === undefined ? lease : undefined;
  }

  /** How a lease ended, if it did and is remembered. */
  endOf(id: LockId): EndedLock | undefined {
    return this.#byId.get(id)?.ended;
  }

  /** The leases that are held, in the order of their grants. */
  all(): readonly Lease[] {
    return [...this.#byId.values()].filter((lease) => lease.ended === undefined);
  }

  add(lease: Lease): void {
    const before = this.#byId.size;
    this.#byId.set(lease.id, lease);
    if (this.#byId.size === before) assert.fail('two locks of one id');
    for (const entry of lease.entries) this.index.add(entry);
    this.#deadlines.push(lease);
    lease.agent.leases.add(lease);
    this.#size += 1;
  }

  end(lease: Lease, ended: EndedLock): void {
    if (lease.ended !== undefined) assert.fail('a lease ends once');
    for (const entry of lease.entries) this.index.remove(entry);
    this.#deadlines.remove(lease);
    lease.agent.leases.delete(lease);
    lease.ended = ended;
    const oldest = this.#ended[this.#endedAt];
    if (oldest !== undefined) this.#byId.delete(oldest.id);
    this.#ended[this.#endedAt] = lease;
    this.#endedAt = (this.#endedAt + 1) % this.#endedKept;
    this.#size -= 1;
  }

  /** Puts the lease, whose lines moved, at other places. */
  moveTo(lease: Lease, compiled: readonly CompiledTarget[]): void {
    for (const entry of lease.entries) this.index.remove(entry);
    lease.claim = { ...lease.claim, targets: compiled.map(({ target }) => target) };
    lease.entries = entriesOf<Lease>(lease, compiled);
    for (const entry of lease.entries) this.index.add(entry);
  }

  /** After the ttl of a lease changed: an earlier deadline must be seen in time. */
  deadlineChanged(lease: Lease): void {
    if (lease.expiresMs() < lease.dueMs) this.#deadlines.reschedule(lease, lease.expiresMs());
  }

  /**
   * The lease that ends first if that is at or before `nowMs`. A lease on top that was renewed since it was put
   * there is put where it belongs now: once per ttl at most, however often it is renewed.
   */
  firstDue(nowMs: number): Lease | undefined {
    for (;;) {
      const lease = this.#deadlines.top();
      if (lease === undefined || lease.dueMs > nowMs) return undefined;
      const expiresMs = lease.expiresMs();
      if (expiresMs <= lease.dueMs) return lease;
      this.#deadlines.reschedule(lease, expiresMs);
    }
  }
}
