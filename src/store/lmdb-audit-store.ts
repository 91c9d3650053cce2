/** The audit store in one thread, over LMDB: events are gathered and committed together once per event-loop turn. */
import { type AuditEvent, encodeAuditEvent } from '../audit/audit-event.ts';
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { AuditReader, type AuditRecord, AuditWriter } from './audit-log.ts';
import type { AuditFilter, AuditPage, AuditStore, AuditStoreStats } from './audit-store.ts';
import type { AuditEnvironmentOptions } from './audit-tables.ts';
import { compactAudit, type RetentionOptions } from './retention.ts';

export interface LmdbAuditStoreOptions extends AuditEnvironmentOptions, RetentionOptions {}

type Outcome = 'recorded' | 'lost';

interface Waiting extends AuditRecord {
  readonly settle: (outcome: Outcome) => void;
}

export class LmdbAuditStore implements AuditStore {
  readonly #writer: AuditWriter;
  readonly #reader: AuditReader;
  readonly #options: LmdbAuditStoreOptions;
  #newest: HlcTime;
  #lost = 0;
  #waiting: Waiting[] = [];
  #closing: Promise<void> | undefined;

  private constructor(writer: AuditWriter, options: LmdbAuditStoreOptions) {
    this.#writer = writer;
    this.#reader = new AuditReader(writer.tables);
    this.#options = options;
    this.#newest = writer.newest();
  }

  static async open(directory: string, options: LmdbAuditStoreOptions = {}): Promise<LmdbAuditStore> {
    return new LmdbAuditStore(await AuditWriter.open(directory, options), options);
  }

  log(event: AuditEvent): void {
    void this.logAsync(event);
  }

  logAsync(event: AuditEvent): Promise<Outcome> {
    const frame = this.#admit(event);
    if (frame === undefined) {
      this.#lost++;
      return Promise.resolve('lost');
    }
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    return new Promise((settle) => this.#waiting.push({ at: event.at, frame, settle }));
  }

  async query(filter: AuditFilter): Promise<AuditPage> {
    this.#assertOpen();
    this.#flush();
    return this.#reader.query(filter);
  }

  async compact(before: HlcTime): Promise<number> {
    this.#assertOpen();
    this.#flush();
    const steps = compactAudit(this.#writer.tables, before, this.#options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  async stats(): Promise<AuditStoreStats> {
    this.#assertOpen();
    return {
      kind: 'lmdb',
      count: this.#reader.count(),
      lost: this.#lost,
      pending: this.#waiting.length,
      diskBytes: this.#reader.diskBytes(),
    };
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#flush();
      this.#closing = this.#writer.close();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Undefined when the event cannot be taken: the store is closed, its time is not above the last, or it is too large. */
  #admit(event: AuditEvent): Uint8Array | undefined {
    if (this.#closing !== undefined || event.at <= this.#newest) return undefined;
    try {
      const frame = encodeAuditEvent(event);
      this.#newest = event.at;
      return frame;
    } catch {
      // An event that cannot be encoded is lost and counted; a lock must not fail because of its record.
      return undefined;
    }
  }

  #flush(): void {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    let outcome: Outcome = 'recorded';
    try {
      this.#writer.append(batch);
    } catch {
      // Counted, as the contract has it; the next query or `verify` names the cause if the store is damaged.
      outcome = 'lost';
      this.#lost += batch.length;
    }
    for (const { settle } of batch) settle(outcome);
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new CollabError('STORE_CLOSED', 'the audit store is closed', { next: 'Start the daemon again.' });
  }
}
