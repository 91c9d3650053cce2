/**
 * Puts log records into the queue of the persist lane, in order. When the queue is full they wait here, bounded, and follow as
 * room comes free: lossless, and never blocking the main thread.
 */
import { CollabError } from '../base/errors.ts';
import { encodeLogRecord, type LogRecord } from '../delta/log-record.ts';
import { frameKind } from '../queue/lane-frames.ts';
import type { QueueProducer } from '../queue/queue-producer.ts';
import { maxBacklogBytes } from './lane-policy.ts';

interface Waiting {
  readonly record: LogRecord;
  readonly bytes: number;
  /** On the last record of a batch: settles whoever waits for the batch. */
  readonly resolve?: (ticket: number) => void;
  readonly reject?: (error: unknown) => void;
}

/** Head, prev and signature of a record: what it takes beside its body, at most. */
const overheadBytes = 64 + 32 + 64;

export class RecordFeed {
  readonly #queue: QueueProducer;
  /** Called with the position of each record that entered the queue and its ticket, in order. */
  readonly #onQueued: (record: LogRecord, ticket: number) => void;
  #backlog: Waiting[] = [];
  #backlogBytes = 0;
  #isPumping = false;
  #pumping: Promise<void> = Promise.resolve();

  constructor(queue: QueueProducer, onQueued: (record: LogRecord, ticket: number) => void) {
    this.#queue = queue;
    this.#onQueued = onQueued;
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** @throws STORE_UNAVAILABLE when `bytes` more would be too much to keep in memory; nothing has been taken then. */
  reserve(bytes: number): void {
    if (this.#backlogBytes + bytes <= maxBacklogBytes) return;
    throw new CollabError('STORE_UNAVAILABLE', 'deltas come in faster than the disk takes them', {
      next: 'Wait for the answer to earlier deltas before sending more.',
      details: { backlogBytes: this.#backlogBytes },
    });
  }

  /** Resolves with the ticket of the last record once all are in the queue. Takes them at once; call `reserve` before. */
  push(records: readonly LogRecord[]): number | Promise<number> {
    let ticket = 0;
    for (const [at, record] of records.entries()) {
      const pushed = this.#backlog.length === 0 ? this.#tryPush(record) : undefined;
      if (pushed === undefined) return this.#defer(records.slice(at));
      ticket = pushed;
    }
    return ticket;
  }

  #tryPush(record: LogRecord): number | undefined {
    const pushed = this.#queue.tryPushParts(encodeLogRecord(record), frameKind.record);
    if (typeof pushed !== 'number') return undefined;
    this.#onQueued(record, pushed);
    return pushed;
  }

  #defer(records: readonly LogRecord[]): Promise<number> {
    const last = records.length - 1;
    const queued = new Promise<number>((resolve, reject) => {
      for (const [at, record] of records.entries()) {
        const bytes = record.body.length + overheadBytes;
        this.#backlogBytes += bytes;
        this.#backlog.push({ record, bytes, ...(at === last ? { resolve, reject } : {}) });
      }
    });
    if (!this.#isPumping) this.#pumping = this.#pump();
    return queued;
  }

  /** Runs while records wait. When the lane is closed or has failed, all that wait are refused: they will never be written. */
  async #pump(): Promise<void> {
    this.#isPumping = true;
    try {
      for (;;) {
        this.#backlog.splice(0, this.#sendWhatFits());
        const next = this.#backlog[0];
        if (next === undefined) return;
        if (this.#queue.isClosed) throw new CollabError('STORE_CLOSED', 'the store was closed');
        await this.#queue.whenSpace(next.bytes);
      }
    } catch (error) {
      for (const waiting of this.#backlog) waiting.reject?.(error);
      this.#backlog = [];
      this.#backlogBytes = 0;
    } finally {
      // In the same turn in which the backlog was found empty: what is deferred from here on needs a pump of its own.
      this.#isPumping = false;
    }
  }

  #sendWhatFits(): number {
    let sent = 0;
    for (const waiting of this.#backlog) {
      const ticket = this.#tryPush(waiting.record);
      if (ticket === undefined) break;
      this.#backlogBytes -= waiting.bytes;
      waiting.resolve?.(ticket);
      sent += 1;
    }
    return sent;
  }

  /** Resolves once nothing waits here any more. */
  async drained(): Promise<void> {
    while (this.#isPumping) await this.#pumping;
  }
}
