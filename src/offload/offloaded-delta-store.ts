/**
 * The delta store of the daemon: accepts on the main thread, persists and indexes in worker lanes. What is accepted stands in
 * the delta ring until it is committed, so every query sees it.
 */
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaId, NodeId, Position } from '../base/ids.ts';
import type { StoredDelta } from '../delta/delta.ts';
import type { DeltaRing, RingRecord } from '../delta/delta-ring.ts';
import type { ChainHead, ForeignDelta } from '../delta/foreign-delta.ts';
import type { LogRecord } from '../delta/log-record.ts';
import { encodeSkippedHead } from '../delta/skipped-head.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { encodeNumbers, frameKind } from '../queue/lane-frames.ts';
import { type CommitListener, CommitListeners } from '../store/commit-listeners.ts';
import { DeltaIntake } from '../store/delta-intake.ts';
import { type DeltaQuery, runQuery, tryRunQuery } from '../store/delta-queries.ts';
import type {
  CompactResult,
  DeltaFilter,
  DeltaStore,
  DeltaStoreStats,
  Durability,
  IncomingDelta,
  PathQuery,
  SaveReceipt,
} from '../store/delta-store.ts';
import type { LogState } from '../store/log-view.ts';
import { mainThreadScanUs, ScanBudget } from '../store/scan-budget.ts';
import { CommitWatch } from './commit-watch.ts';
import { withinDrainTime } from './drain-time.ts';
import type { Lane } from './lane.ts';
import type { ReadPool } from './read-pool.ts';
import { RecordFeed } from './record-feed.ts';
import type { Retention } from './retention-requests.ts';
import { runInSlices } from './sliced-query.ts';
import type { StoreHandles } from './store-handles.ts';

export interface OffloadedDeltaStoreComponents {
  readonly node: NodeId;
  readonly persist: Lane<'persist'>;
  readonly index: Lane<'index'>;
  readonly ring: DeltaRing;
  readonly handles: StoreHandles;
  readonly reads: ReadPool;
  readonly retention: Retention;
  /** Set while the daemon refuses deltas for good. */
  readonly readOnlyReason: () => string | undefined;
  /** Told when the stores could not be read for a status. */
  readonly onUnreadable: (error: unknown) => void;
}

interface Measured {
  readonly floor: Position;
  readonly applied: Position;
  readonly diskBytes: number;
}

export class OffloadedDeltaStore implements DeltaStore {
  readonly #parts: OffloadedDeltaStoreComponents;
  readonly #listeners: CommitListeners;
  readonly #intake: DeltaIntake;
  readonly #feed: RecordFeed;
  readonly #commits: CommitWatch;
  readonly #vector: Record<NodeId, number> = {};
  #measured: Measured;
  #closing: Promise<void> | undefined;

  /** @param state the log as it was opened; the ring is filled up to its head. */
  constructor(components: OffloadedDeltaStoreComponents, state: LogState) {
    this.#parts = components;
    this.#measured = { floor: state.floor, applied: (state.floor - 1) as Position, diskBytes: 0 };
    this.#listeners = new CommitListeners(state.head);
    this.#intake = new DeltaIntake(state.head, state.sources, components.node);
    for (const [source, { seq }] of state.sources) this.#vector[source] = seq;
    this.#commits = new CommitWatch(components.persist.queue, (position) => {
      components.ring.commit(position);
      this.#listeners.tell(position);
      // Full: an earlier notice is still unread, and the lane reads as far as the log goes.
      components.index.tryPush(frameKind.committed, encodeNumbers(position));
    });
    this.#feed = new RecordFeed(components.persist.queue, (record, ticket) =>
      this.#commits.add(record.position, ticket),
    );
    components.index.tryPush(frameKind.committed, encodeNumbers(state.head));
  }

  save(incoming: IncomingDelta, durability?: Durability): Promise<SaveReceipt> {
    return this.saveBatch([incoming], durability);
  }

  /** Everything up to the first `await` happens at once: what is accepted shows in `vector` when the call returns. */
  async saveBatch(
    incoming: readonly IncomingDelta[],
    durability: Durability = 'flushed',
  ): Promise<SaveReceipt> {
    this.#assertWritable();
    const { records, duplicates, take } = this.#intake.admit(incoming);
    const receipt = { positions: records.map(({ position }) => position), duplicates };
    if (records.length === 0) {
      if (durability !== 'accepted') await this.committed();
      return receipt;
    }
    this.#feed.reserve(records.reduce((bytes, { body }) => bytes + body.length, 0));
    take();
    for (const record of records) this.#accept(record);
    const queued = this.#feed.push(records);
    const { persist } = this.#parts;
    const ticket = typeof queued === 'number' ? queued : await persist.whileRunning(() => queued);
    // Committed is flushed: the persist lane commits synchronously.
    if (durability !== 'accepted') await this.#whenCommitted(ticket);
    return receipt;
  }

  /**
   * Deltas of other nodes, as another thread has checked them. Resolves once they are committed, which is what holds the sender back.
   * @throws SEQ_GAP, CHAIN_BROKEN, STORE_UNAVAILABLE, STORE_READ_ONLY, STORE_CLOSED.
   */
  async saveForeign(incoming: readonly ForeignDelta[]): Promise<void> {
    this.#assertWritable();
    const { records, take } = this.#intake.admitForeign(incoming);
    if (records.length === 0) return;
    this.#feed.reserve(records.reduce((bytes, { body }) => bytes + body.length, 0));
    take();
    for (const record of records) this.#accept(record);
    const queued = this.#feed.push(records);
    const { persist } = this.#parts;
    await this.#whenCommitted(typeof queued === 'number' ? queued : await persist.whileRunning(() => queued));
  }

  /** See `DeltaIntake.skip`. Resolves once it is committed. @throws STORE_READ_ONLY, STORE_CLOSED. */
  async skip(source: NodeId, head: ChainHead): Promise<void> {
    this.#assertWritable();
    const { persist } = this.#parts;
    const payload = encodeSkippedHead(source, head);
    for (;;) {
      await persist.whileRunning(() => this.#feed.drained());
      const ticket = persist.tryPush(frameKind.skip, payload);
      if (ticket === 'closed') throw new CollabError('STORE_CLOSED', 'the store is closed');
      if (typeof ticket === 'number') {
        if (this.#intake.skip(source, head)) this.#vector[source] = head.seq;
        return this.#whenCommitted(ticket);
      }
      await persist.whileRunning(() => persist.queue.whenSpace(payload.length));
    }
  }

  /**
   * This node's own deltas at positions above `before` up to `head`, which are committed, oldest first: their seqs follow each other.
   * Undefined when not all of them are hot any more.
   */
  own(before: number, head: number): readonly RingRecord[] | undefined {
    const { ring, node } = this.#parts;
    if (ring.oldest > before + 1) return undefined;
    const found: RingRecord[] = [];
    for (let at = before + 1; at <= head; at += 1) {
      const record = ring.at(at);
      if (record?.source === node) found.push(record);
    }
    return found;
  }

  /** Where the sources stand, accepted; of this node's own the hash is not known here. */
  heads(): ReadonlyMap<NodeId, ChainHead> {
    return this.#intake.heads();
  }

  async committed(): Promise<void> {
    await this.#parts.persist.whileRunning(() => this.#feed.drained());
    await this.#whenCommitted(this.#parts.persist.queue.written);
  }

  getSince(vector: VersionVector, filter: DeltaFilter = {}): Promise<readonly StoredDelta[]> {
    return this.#read({ name: 'getSince', arguments: [vector, filter] });
  }

  getRange(from: HlcTime, to: HlcTime, filter: DeltaFilter = {}): Promise<readonly StoredDelta[]> {
    return this.#read({ name: 'getRange', arguments: [from, to, filter] });
  }

  getBySource(source: NodeId, limit?: number): Promise<readonly StoredDelta[]> {
    return this.#read({ name: 'getBySource', arguments: [source, limit] });
  }

  getByPath(query: PathQuery): Promise<readonly StoredDelta[]> {
    return this.#read({ name: 'getByPath', arguments: [query] });
  }

  getLatest(filter: DeltaFilter = {}, before?: Position): Promise<readonly StoredDelta[]> {
    return this.#read({ name: 'getLatest', arguments: [filter, before] });
  }

  async get(id: DeltaId): Promise<StoredDelta | undefined> {
    const [found] = await this.#read({ name: 'get', arguments: [id] });
    return found;
  }

  onCommitted(listener: CommitListener): () => void {
    return this.#listeners.add(listener);
  }

  vector(): VersionVector {
    return this.#vector;
  }

  async compact(before: HlcTime, below?: Position): Promise<CompactResult> {
    this.#assertOpen();
    await this.committed();
    await this.#indexed();
    return this.#parts.retention.dropDeltas(before, below);
  }

  async stats(): Promise<DeltaStoreStats> {
    this.#assertOpen();
    this.#commits.settle();
    const { floor, applied, diskBytes } = await this.#measure();
    const committed = this.#parts.ring.committed;
    return {
      kind: 'lmdb',
      head: this.#intake.head,
      committed,
      flushed: committed,
      indexed: applied,
      floor,
      count: this.#intake.head - floor + 1,
      diskBytes,
    };
  }

  /** As it is, or as it was last while the stores are being worked on or cannot be read: a status must come all the same. */
  async #measure(): Promise<Measured> {
    if (this.#parts.handles.areTaken) return this.#measured;
    try {
      const reader = await this.#parts.handles.deltas();
      const { floor, applied } = reader.snapshot();
      const { log, index } = reader;
      const diskBytes = log.environment.diskBytes() + index.environment.diskBytes();
      this.#measured = { floor, applied, diskBytes };
    } catch (error) {
      this.#parts.onUnreadable(error);
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
    const { persist, index, reads } = this.#parts;
    await withinDrainTime(persist.whileRunning(() => this.#feed.drained()));
    // The index need not catch up: it does so at the next start.
    const lanes = await Promise.allSettled([persist.close(), index.close(), reads.close()]);
    this.#commits.settle();
    for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  }

  #accept(record: LogRecord): void {
    this.#vector[record.source] = record.seq;
    this.#parts.ring.push(record);
  }

  async #whenCommitted(ticket: number): Promise<void> {
    await this.#parts.persist.committed(ticket);
    this.#commits.settle();
  }

  /** Retention drops nothing that the index has not applied: so it is given time to catch up. */
  async #indexed(): Promise<void> {
    const { index, ring } = this.#parts;
    index.tryPush(frameKind.committed, encodeNumbers(ring.committed));
    await index.committed(index.queue.written);
  }

  /**
   * Here when that is quick, else in a worker: what a query looks at decides, and only asking tells. A worker sees only what is
   * committed; so before it is asked, everything accepted so far must be.
   */
  async #read(query: DeltaQuery): Promise<readonly StoredDelta[]> {
    this.#assertOpen();
    const { handles, reads } = this.#parts;
    const reader = () => handles.deltas();
    const quick =
      (await runInSlices(query, { reader, moment: () => this.#intake.head })) ??
      tryRunQuery(await reader(), query, new ScanBudget(mainThreadScanUs));
    if (quick !== undefined) return quick;
    const allCommitted = await this.#allCommitted();
    this.#assertOpen();
    return allCommitted ? reads.query(query) : runQuery(await handles.deltas(), query);
  }

  /** False while the persist lane is down: then the ring has what no worker can see, and a slow answer is better than none. */
  #allCommitted(): Promise<boolean> {
    return this.committed().then(
      () => true,
      () => false,
    );
  }

  #assertWritable(): void {
    this.#assertOpen();
    const reason = this.#parts.readOnlyReason();
    if (reason !== undefined) {
      throw new CollabError('STORE_READ_ONLY', `the daemon takes no deltas any more: ${reason}`, {
        next: 'See agent-collab status, mend the cause and run agent-collab daemon restart.',
      });
    }
    const refusal = this.#parts.persist.refusal;
    if (refusal !== undefined) throw refusal;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new CollabError('STORE_CLOSED', 'the delta store is closed');
  }
}
