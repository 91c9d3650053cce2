/**
 * Takes audit events off the main thread's hot path: `take` only appends to a list; encoding and queueing happen in slices
 * between other work, so that recording a transition never delays a lock.
 */
import { type AuditDraft, type AuditEvent, auditFrameParts } from '../audit/audit-event.ts';
import { type HlcTime, hlcToMs } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { frameKind } from '../queue/lane-frames.ts';
import type { QueueProducer } from '../queue/queue-producer.ts';
import { maxAuditBacklog } from './lane-policy.ts';

interface Pending {
  readonly event: AuditEvent;
  readonly queued: ((ticket: number | 'lost') => void) | undefined;
}

/** Of so many tickets those that are released are forgotten. */
const ticketsBetweenTrims = 16_384;
/** Events encoded in one go: about 0.5 ms, a tenth of the longest pause that the main loop may have. */
const sliceEvents = 256;

export class AuditFeed {
  readonly #queue: QueueProducer;
  readonly #node: NodeId;
  readonly #maxBacklog: number;
  #pending: Pending[] = [];
  #sent = 0;
  /** Of the events in the queue, but for gaps: what they stand for is counted already. Some of them are released. */
  #tickets: number[] = [];
  #nextTrim = ticketsBetweenTrims;
  /** True once the lane has died for good. */
  #gone = false;
  #scheduled = false;
  #lost = 0;
  #lostUnrecorded = 0;
  #firstLostMs = 0;
  #lastLost: HlcTime = 0 as HlcTime;
  #idle: (() => void)[] = [];
  /** As `encodeNumbers` writes it, without memory of its own for each event. */
  readonly #at = new Float64Array(1);
  readonly #atBytes = new Uint8Array(this.#at.buffer);

  /** @param maxBacklog events that may wait to be encoded. @default maxAuditBacklog */
  constructor(queue: QueueProducer, node: NodeId, maxBacklog = maxAuditBacklog) {
    this.#maxBacklog = maxBacklog;
    this.#queue = queue;
    this.#node = node;
  }

  /** Events that will never be recorded, since the start. */
  get lost(): number {
    return this.#lost;
  }

  get pending(): number {
    return this.#pending.length - this.#sent;
  }

  /** @param queued told the event's ticket, or that it is lost. */
  take(event: AuditEvent, queued?: (ticket: number | 'lost') => void): void {
    if (this.#gone || this.#queue.isClosed || this.pending >= this.#maxBacklog) {
      this.#lose(event);
      queued?.('lost');
      return;
    }
    this.#recordLoss();
    this.#pending.push({ event, queued });
    this.#schedule();
  }

  /** Resolves once everything taken so far is in the queue or lost. */
  async flushed(): Promise<void> {
    const recordsNoLoss = this.#lostUnrecorded === 0 || this.#gone || this.#queue.isClosed;
    if (this.pending === 0 && recordsNoLoss) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      this.#schedule();
    });
  }

  /** The lane has died for good: what is in its queue, and what comes, is lost. A batch that was committed but not released counts too. */
  giveUp(): void {
    this.#gone = true;
    const { released } = this.#queue;
    this.#lost += this.#tickets.filter((ticket) => ticket > released).length;
    this.#tickets = [];
    this.#loseAll();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#scheduled = false;
    if (this.#gone) return;
    const end = Math.min(this.#sent + sliceEvents, this.#pending.length);
    while (this.#sent < end) {
      const pending = this.#pending[this.#sent];
      if (pending === undefined) break;
      const pushed = this.#push(pending.event);
      if (pushed === 'full') {
        this.#waitForSpace();
        return;
      }
      this.#sent += 1;
      if (pushed === 'closed') this.#lose(pending.event);
      else if (pending.event.action !== 'gap') this.#tickets.push(pushed);
      pending.queued?.(pushed === 'closed' ? 'lost' : pushed);
    }
    this.#forget();
    this.#recordLoss();
    if (this.pending > 0) this.#schedule();
    else for (const resolve of this.#idle.splice(0)) resolve();
  }

  #push(event: AuditEvent): number | 'full' | 'closed' {
    this.#at[0] = event.at;
    return this.#queue.tryPushParts([this.#atBytes, ...auditFrameParts(event)], frameKind.event);
  }

  #waitForSpace(): void {
    this.#scheduled = true;
    // Half the queue, so that a full queue is not filled up event by event with a wake-up each.
    this.#queue.whenSpace(this.#queue.capacity / 2).then(
      () => this.#drain(),
      () => this.#loseAll(),
    );
  }

  /** The lane is gone for good. */
  #loseAll(): void {
    this.#scheduled = false;
    for (const pending of this.#pending.splice(this.#sent)) {
      this.#lose(pending.event);
      pending.queued?.('lost');
    }
    this.#forget();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #lose(event: AuditEvent): void {
    if (this.#lostUnrecorded === 0) this.#firstLostMs = hlcToMs(event.at);
    this.#lastLost = event.at;
    // A gap that is lost itself stands for losses that are counted already.
    if (event.action !== 'gap') this.#lost += 1;
    this.#lostUnrecorded += event.action === 'gap' ? Number(event.metadata?.lost) : 1;
  }

  /** A loss is itself an event. It takes the place of the last event that was lost, so that times still rise. */
  #recordLoss(): void {
    if (this.#lostUnrecorded === 0 || this.#gone || this.#queue.isClosed) return;
    if (this.pending >= this.#maxBacklog) return;
    const gap: AuditDraft = {
      action: 'gap',
      metadata: { lost: this.#lostUnrecorded, since: new Date(this.#firstLostMs).toISOString() },
    };
    this.#pending.push({ event: { ...gap, at: this.#lastLost, node: this.#node }, queued: undefined });
    this.#lostUnrecorded = 0;
  }

  #forget(): void {
    if (this.#tickets.length >= this.#nextTrim) {
      const { released } = this.#queue;
      this.#tickets = this.#tickets.filter((ticket) => ticket > released);
      this.#nextTrim = this.#tickets.length + ticketsBetweenTrims;
    }
    // Half of it at least, so that a long backlog is not copied again and again.
    if (this.#sent < this.#pending.length && (this.#sent < 4096 || this.#sent * 2 < this.#pending.length))
      return;
    this.#pending = this.#pending.slice(this.#sent);
    this.#sent = 0;
  }
}
