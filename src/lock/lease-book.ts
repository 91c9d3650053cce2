import assert from 'node:assert/strict';
import type { LockId } from '../base/ids.ts';
import { ClaimIndex } from './claim-index.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { entriesOf } from './entry-list.ts';
import type { Lease } from './lease.ts';
import type { EndedLock } from './lock.ts';
import type { CompiledTarget } from './target.ts';

/** The leases that are held, by id, by target, by deadline and with their agents. */
export class LeaseBook {
  readonly index = new ClaimIndex<Lease>();
  readonly #byId = new Map<LockId, Lease>();
  readonly #deadlines = new DeadlineHeap<Lease>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: LockId): Lease | undefined {
    return this.#byId.get(id);
  }

  /** In the order of their grants. */
  all(): IterableIterator<Lease> {
    return this.#byId.values();
  }

  add(lease: Lease): void {
    const before = this.#byId.size;
    this.#byId.set(lease.id, lease);
    if (this.#byId.size === before) assert.fail('two locks of one id');
    for (const entry of lease.entries) this.index.add(entry);
    this.#deadlines.push(lease);
    lease.agent.leases.add(lease);
  }

  remove(lease: Lease): void {
    this.#byId.delete(lease.id);
    for (const entry of lease.entries) this.index.remove(entry);
    this.#deadlines.remove(lease);
    lease.agent.leases.delete(lease);
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

/** The newest ended locks, so that `check` can say what became of one. A ring: ended locks come by the million. */
export class EndedLocks {
  readonly #capacity: number;
  readonly #ids: LockId[] = [];
  readonly #byId = new Map<LockId, EndedLock>();
  #at = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(id: LockId): EndedLock | undefined {
    return this.#byId.get(id);
  }

  add(ended: EndedLock): void {
    const oldest = this.#ids[this.#at];
    if (oldest !== undefined) this.#byId.delete(oldest);
    this.#ids[this.#at] = ended.lock.id;
    this.#at = (this.#at + 1) % this.#capacity;
    this.#byId.set(ended.lock.id, ended);
  }
}
