/** The stores on disk: opened and checked on the main thread once, then written by the lanes alone. */
import type { Clock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { type HlcTime, hlcFromMs } from '../base/hybrid-clock.ts';
import type { Logger } from '../base/log.ts';
import type { ActivityView, LaneView, VerifyView } from '../control/results.ts';
import { DeltaRing } from '../delta/delta-ring.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { NodeKey } from '../home/node-key.ts';
import type { FenceBlock } from '../lock/fence.ts';
import { acceptedTail } from '../offload/accepted-tail.ts';
import type { LaneName, StorePlaces } from '../offload/contract.ts';
import { Lane } from '../offload/lane.ts';
import { type Lanes, Maintenance, type Report } from '../offload/maintenance.ts';
import { OffloadedAuditStore } from '../offload/offloaded-audit-store.ts';
import { OffloadedDeltaStore } from '../offload/offloaded-delta-store.ts';
import { ReadPool } from '../offload/read-pool.ts';
import { Retention } from '../offload/retention-requests.ts';
import { StoreHandles } from '../offload/store-handles.ts';
import { StoreWatch } from '../offload/store-watch.ts';
import { verifyInChild } from '../offload/verify-child.ts';
import { encodeNumbers, frameKind } from '../queue/lane-frames.ts';
import { asideDirectory } from '../store/set-aside.ts';
import { type StoreName, storeNames } from '../store/store-copy.ts';
import { refillRing } from './ring-refill.ts';
import { type PreparedStores, prepareStores } from './store-start.ts';
import type { OpenStores, ReclaimResult, SharedLog, StoreStart, WholeStoreWork } from './stores.ts';

/** A file below this size is left as it is: what it could give back is not worth the copy. */
const leastReclaimBytes = 256 * 1024;
/**
 * SPEC §5 wants a copy at over a half. When half of what is there is dropped less than that comes free, and in an index, whose old and
 * new entries share pages, a third. A copy has none, so that it is not made again for nothing.
 */
const leastFreeShare = 0.3;

/** The ring is filled with what was written within this time (SPEC §4). */
const ringRefillMs = 7 * 86_400_000;

export interface LmdbStoresOptions {
  readonly paths: HomePaths;
  readonly key: NodeKey;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mapSizeBytes: number;
  readonly ringCapacity: number;
  readonly onStep?: (what: string) => void;
  /** Whether the data directory still belongs to this daemon. @default it does */
  readonly isOurs?: () => Promise<boolean>;
}

/** @throws SCHEMA_NEWER, KEY_INVALID, STORE_DAMAGED, STORE_UNAVAILABLE; nothing stays open then. */
export async function openLmdbStores(options: LmdbStoresOptions): Promise<OpenStores> {
  const { paths, key, mapSizeBytes } = options;
  const places: StorePlaces = {
    delta: paths.deltaStore,
    index: paths.indexStore,
    audit: paths.auditStore,
    mapSizeBytes,
    node: key.nodeId,
  };
  const prepared = await prepareStores(places, options.onStep);
  const ring = new DeltaRing(options.ringCapacity);
  const handles = new StoreHandles(places, acceptedTail(ring));
  try {
    await handles.audit();
    await handles.deltas();
    ring.begin(prepared.state.head);
    return new LmdbStores(options, places, prepared, ring, handles);
  } catch (error) {
    await handles.close();
    throw error;
  }
}

class LmdbStores implements OpenStores {
  readonly kind = 'lmdb';
  readonly deltas: OffloadedDeltaStore;
  readonly audit: OffloadedAuditStore;
  readonly log: SharedLog;
  readonly fences: FenceBlock;
  readonly newest: HlcTime;
  readonly findings: readonly string[];
  readonly started: StoreStart;
  readonly #lanes: Lanes;
  readonly #places: StorePlaces;
  readonly #handles: StoreHandles;
  readonly #reads: ReadPool;
  readonly #maintenance: Maintenance;
  readonly #watch: StoreWatch;
  readonly #failures: string[] = [];
  readonly #ring: DeltaRing;
  #reservedUntil: number;
  #unreadable: string | undefined;
  #readOnlyReason: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: LmdbStoresOptions,
    places: StorePlaces,
    opened: PreparedStores,
    ring: DeltaRing,
    handles: StoreHandles,
  ) {
    const { key, clock, logger } = options;
    const parts = {
      clock,
      logger,
      onFailed: (lane: LaneName, error: CollabError) => this.#laneFailed(lane, error),
    };
    this.#places = places;
    this.#handles = handles;
    this.#lanes = {
      persist: new Lane('persist', { places, privateKey: key.toPkcs8() }, parts),
      index: new Lane('index', { places }, parts),
      audit: new Lane('audit', { places }, parts),
      compact: new Lane('compact', { places }, parts),
    };
    const { persist, index, audit, compact } = this.#lanes;
    const isOurs = options.isOurs ?? (async () => true);
    this.#maintenance = new Maintenance({ places, lanes: this.#lanes, handles, clock, isOurs });
    this.#watch = new StoreWatch({
      maintenance: this.#maintenance,
      lanes: this.#lanes,
      clock,
      logger,
      isOurs,
    });
    const reads = new ReadPool(places, handles);
    this.#reads = reads;
    const retention = new Retention(compact, handles, this.#maintenance);
    const onUnreadable = (error: unknown) => {
      this.#unreadable = error instanceof Error ? error.message : String(error);
    };
    const common = { handles, reads, retention, onUnreadable, node: key.nodeId };
    const readOnlyReason = () => this.#readOnlyReason;
    this.deltas = new OffloadedDeltaStore({ ...common, persist, index, ring, readOnlyReason }, opened.state);
    this.audit = new OffloadedAuditStore({ ...common, lane: audit });
    this.log = sharedLog(this.deltas, places, handles);
    this.fences = opened.fences;
    this.#reservedUntil = opened.fences.reservedUntil;
    this.#ring = ring;
    this.newest = opened.newest;
    this.findings = opened.findings;
    this.started = opened.started;
    const since = hlcFromMs(clock.wallMs() - ringRefillMs);
    const isClosing = () => this.#closing !== undefined;
    // A record that cannot be read is the business of `verify`; a store that cannot be opened, of whoever asks for it.
    refillRing({ ring, handles, floor: opened.state.floor, since, isClosing }).catch(onUnreadable);
  }

  async reserveFences(upTo: number): Promise<void> {
    const { persist } = this.#lanes;
    const payload = encodeNumbers(upTo);
    for (;;) {
      const ticket = persist.tryPush(frameKind.fences, payload);
      if (typeof ticket === 'number') {
        await persist.committed(ticket);
        this.#reservedUntil = Math.max(this.#reservedUntil, upTo);
        return;
      }
      if (ticket === 'closed') throw new CollabError('STORE_CLOSED', 'the store is closed');
      await persist.whileRunning(() => persist.queue.whenSpace(payload.length));
    }
  }

  lanes(): Readonly<Record<LaneName, LaneView>> {
    const { persist, index, audit, compact } = this.#lanes;
    return {
      persist: laneView(persist),
      index: laneView(index),
      audit: laneView(audit),
      compact: laneView(compact),
    };
  }

  warnings(): readonly string[] {
    const unreadable = this.#unreadable;
    this.#unreadable = undefined;
    return [...this.#failures, ...this.#watch.warnings, ...(unreadable === undefined ? [] : [unreadable])];
  }

  readOnlyReason(): string | undefined {
    return this.#readOnlyReason;
  }

  get activity(): ActivityView | null {
    return this.#maintenance.activity ?? null;
  }

  verify(): Promise<VerifyView> {
    const { mapSizeBytes, ...places } = this.#places;
    return this.#onFiles('verify', (report) =>
      this.#handles.pinned(() =>
        verifyInChild({ places, mapSizeBytes }, ({ done, total }) => report(done, total)),
      ),
    );
  }

  /** For as long as it takes the files belong to the child. What is accepted meanwhile waits in the queues. */
  repair(): Promise<VerifyView> {
    const { mapSizeBytes, node, ...places } = this.#places;
    return this.#onFiles('repair', (report) =>
      this.#maintenance.alone(async () => {
        await this.#lanes.compact.pause();
        const repair = {
          node,
          asideDirectory: asideDirectory(places.delta),
          witness: { head: this.#ring.committed, fence: this.#reservedUntil },
        };
        return verifyInChild({ places, mapSizeBytes, repair }, ({ done, total }) => report(done, total));
      }),
    );
  }

  inTurn<T>(what: string, work: WholeStoreWork<T>): Promise<T> {
    return this.#onFiles(what, (report) =>
      this.#handles.pinned(() => work(report, this.#maintenance.stopping)),
    );
  }

  async usedBytes(): Promise<number> {
    let used = 0;
    for (const store of ['delta', 'index'] as const) {
      const { fileBytes, freeBytes } = await this.#reads.free(store);
      used += fileBytes - freeBytes;
    }
    return used;
  }

  async reclaim(): Promise<ReclaimResult> {
    return this.#onFiles('reclaim', async () => {
      const wasteful: StoreName[] = [];
      let before = 0;
      for (const store of storeNames) {
        const { fileBytes, freeBytes } = await this.#reads.free(store);
        if (fileBytes < leastReclaimBytes || freeBytes < fileBytes * leastFreeShare) continue;
        wasteful.push(store);
        before += fileBytes;
      }
      if (wasteful.length === 0) return { stores: [], bytes: 0, stalledMs: 0 };
      await this.#maintenance.compact(wasteful);
      let after = 0;
      for (const store of wasteful) after += (await this.#reads.free(store)).fileBytes;
      return { stores: wasteful, bytes: before - after, stalledMs: this.#maintenance.stalledMs };
    });
  }

  /** In a turn of the maintenance; what was deleted a moment ago is brought back before. */
  async #onFiles<T>(what: string, work: (report: Report) => Promise<T>): Promise<T> {
    await this.#watch.look();
    return await this.#maintenance.inTurn(what, work);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** What was deleted is brought back while every lane lives. Then the compact lane first, so that no copy goes on; then side by side, and the handles of this thread last. */
  async #close(): Promise<void> {
    failpoint('stop.lanes');
    this.#maintenance.stop();
    await this.#watch.close();
    const compact = this.#lanes.compact.close();
    await Promise.allSettled([compact, this.#maintenance.close()]);
    const closed = await Promise.allSettled([compact, this.deltas.close(), this.audit.close()]);
    await this.#handles.close();
    for (const part of closed) if (part.status === 'rejected') throw part.reason;
  }

  /** A lane that dies and dies is a fault that nobody understands yet: what is stored stays as it is until somebody has looked. */
  #laneFailed(lane: LaneName, error: CollabError): void {
    const reason = `the ${lane} lane failed: ${error.message}`;
    this.#failures.push(reason);
    this.#readOnlyReason ??= reason;
  }
}

function sharedLog(deltas: OffloadedDeltaStore, places: StorePlaces, handles: StoreHandles): SharedLog {
  const { delta, index, mapSizeBytes } = places;
  return {
    directories: { delta, index, mapSizeBytes },
    shared: (read) => handles.shared(read),
    saveForeign: (foreign) => deltas.saveForeign(foreign),
    skip: (source, head) => deltas.skip(source, head),
    heads: () => deltas.heads(),
    own: (before, head) => deltas.own(before, head),
    generation: () => handles.generation,
  };
}

function laneView(lane: Lane<LaneName>): LaneView {
  const { state } = lane;
  return {
    state: state.state,
    pendingBytes: lane.queue.pendingBytes,
    capacityBytes: lane.queue.capacity,
    restarts: lane.restarts,
    ...('error' in state ? { error: state.error } : {}),
  };
}
