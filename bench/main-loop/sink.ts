import type { AuditEvent } from '../../src/audit/audit-event.ts';
import type { Delta } from '../../src/delta/delta.ts';

/** Where the work goes that the main thread is to be kept free of: each delta and event is written, synced and indexed. */
export interface Sink {
  /** Resolves when more may be given. */
  deltas(batch: readonly Delta[]): Promise<void> | void;
  events(batch: readonly AuditEvent[]): Promise<void> | void;
  /** Resolves when all is written. */
  close(): Promise<void>;
}

export interface SinkSpec {
  readonly name: string;
  open(directory: string): Promise<Sink>;
}
