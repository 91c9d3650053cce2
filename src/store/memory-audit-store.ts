/** The audit store of `run --memory`, and the model that the others are tested against. */
import { type AuditEvent, decodeAuditEvent, encodeAuditEvent } from '../audit/audit-event.ts';
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { auditFits } from './audit-log.ts';
import {
  type AuditFilter,
  type AuditPage,
  type AuditStore,
  type AuditStoreStats,
  defaultAuditLimit,
} from './audit-store.ts';

export class MemoryAuditStore implements AuditStore {
  /** Oldest first. */
  #events: AuditEvent[] = [];
  #newest = 0 as HlcTime;
  #lost = 0;
  #closed = false;

  log(event: AuditEvent): void {
    void this.logAsync(event);
  }

  async logAsync(event: AuditEvent): Promise<'recorded' | 'lost'> {
    if (this.#closed || event.at <= this.#newest || !this.#take(event)) {
      this.#lost++;
      return 'lost';
    }
    this.#newest = event.at;
    return 'recorded';
  }

  async query(filter: AuditFilter): Promise<AuditPage> {
    this.#assertOpen();
    const limit = filter.limit ?? defaultAuditLimit;
    const fitting = this.#events.filter((event) => auditFits(event, filter)).reverse();
    const events = fitting.slice(0, limit);
    const last = events.at(-1);
    return last === undefined || fitting.length === events.length ? { events } : { events, cursor: last.at };
  }

  async compact(before: HlcTime): Promise<number> {
    this.#assertOpen();
    const kept = this.#events.filter(({ at }) => at >= before);
    const dropped = this.#events.length - kept.length;
    this.#events = kept;
    return dropped;
  }

  async stats(): Promise<AuditStoreStats> {
    this.#assertOpen();
    return { kind: 'memory', count: this.#events.length, lost: this.#lost, pending: 0, diskBytes: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(event: AuditEvent): boolean {
    try {
      this.#events.push(decodeAuditEvent(event.at, encodeAuditEvent(event)));
      return true;
    } catch {
      // An event that cannot be encoded is lost and counted, as with every other store.
      return false;
    }
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new CollabError('STORE_CLOSED', 'the audit store is closed', { next: 'Start the daemon again.' });
  }
}
