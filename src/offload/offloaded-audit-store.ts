/** The audit trail behind its lane: events go through a queue to the worker that writes them, short queries are read here, long ones in a worker. */
import type { AuditEvent } from '../audit/audit-event.ts';
import { CollabError, toCollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { AuditFilter, AuditPage, AuditStore, AuditStoreStats } from '../store/audit-store.ts';
import { mainThreadScanUs, ScanBudget } from '../store/scan-budget.ts';
import { AuditFeed } from './audit-feed.ts';
import { withinDrainTime } from './drain-time.ts';
import type { Lane } from './lane.ts';
import type { ReadPool } from './read-pool.ts';
import type { Retention } from './retention-requests.ts';
import type { StoreHandles } from './store-handles.ts';

export class OffloadedAuditStore implements AuditStore {
  readonly #lane: Lane<'audit'>;
  readonly #handles: StoreHandles;
  readonly #onUnreadable: (error: unknown) => void;
  #measured = { count: 0, diskBytes: 0 };
  readonly #reads: ReadPool;
  readonly #retention: Retention;
  readonly #feed: AuditFeed;
  #closing: Promise<void> | undefined;

  constructor(components: {
    readonly lane: Lane<'audit'>;
    readonly handles: StoreHandles;
    /** Told when the store could not be read for a status. */
    readonly onUnreadable: (error: unknown) => void;
    readonly reads: ReadPool;
    readonly retention: Retention;
    readonly node: NodeId;
  }) {
    this.#lane = components.lane;
    this.#handles = components.handles;
    this.#onUnreadable = components.onUnreadable;
    this.#reads = components.reads;
    this.#retention = components.retention;
    this.#feed = new AuditFeed(components.lane.queue, components.node);
    void components.lane.failed.then(() => this.#feed.giveUp());
  }

  log(event: AuditEvent): void {
    this.#feed.take(event);
  }

  logAsync(event: AuditEvent): Promise<'recorded' | 'lost'> {
    return new Promise((resolve) => {
      this.#feed.take(event, (ticket) => {
        if (ticket === 'lost') resolve('lost');
        else this.#whenRecorded(ticket).then(resolve);
      });
    });
  }

  /** Events that were taken before are seen: a query waits until they are committed. While the lane is down it does not, and says so. */
  async query(filter: AuditFilter): Promise<AuditPage> {
    this.#assertOpen();
    // A lane that is down holds back what is newest, not the whole trail.
    const behind = await this.#lane.whileRunning(() => this.#recorded()).catch(toCollabError);
    this.#assertOpen();
    // The worker sees what this thread sees: both read what is committed.
    const reader = await this.#handles.audit();
    const page =
      reader.tryQuery(filter, new ScanBudget(mainThreadScanUs)) ?? (await this.#reads.audit(filter));
    return behind === undefined ? page : { ...page, behind };
  }

  compact(before: HlcTime): Promise<number> {
    return this.#retention.dropAudit(before);
  }

  async stats(): Promise<AuditStoreStats> {
    return {
      kind: 'lmdb',
      ...(await this.#measure()),
      lost: this.#feed.lost,
      pending: this.#feed.pending,
    };
  }

  /** As it is, or as it was last while the store is being worked on or cannot be read: a status must come all the same. */
  async #measure(): Promise<{ readonly count: number; readonly diskBytes: number }> {
    if (this.#handles.areTaken) return this.#measured;
    try {
      const reader = await this.#handles.audit();
      this.#measured = { count: reader.count(), diskBytes: reader.diskBytes() };
    } catch (error) {
      this.#onUnreadable(error);
    }
    return this.#measured;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await withinDrainTime(this.#lane.whileRunning(() => this.#feed.flushed()));
    await this.#lane.close();
  }

  async #recorded(): Promise<void> {
    await this.#feed.flushed();
    await this.#lane.queue.whenReleased(this.#lane.queue.written);
  }

  /** A lane that is interrupted applies the event later: it is recorded all the same, only when is not known. */
  async #whenRecorded(ticket: number): Promise<'recorded' | 'lost'> {
    try {
      await this.#lane.queue.whenReleased(ticket);
      return 'recorded';
    } catch {
      return 'lost';
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new CollabError('STORE_CLOSED', 'the audit store is closed');
  }
}
