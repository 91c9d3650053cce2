/** The stores on disk: opened and checked on the main thread once, then written by the lanes alone. */
import type { Clock } from '../base/clock.ts';
import type { CollabError } from '../base/errors.ts';
import { type HlcTime, hlcFromMs } from '../base/hybrid-clock.ts';
import type { Logger } from '../base/log.ts';
import type { LaneView, VerifyView } from '../control/results.ts';
import { DeltaRing } from '../delta/delta-ring.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { NodeKey } from '../home/node-key.ts';
import type { FenceBlock } from '../lock/fence.ts';
import type { LaneName, StorePlaces } from '../offload/contract.ts';
import { Lane } from '../offload/lane.ts';
import { OffloadedAuditStore } from '../offload/offloaded-audit-store.ts';
import { OffloadedDeltaStore } from '../offload/offloaded-delta-store.ts';
import { ReadPool } from '../offload/read-pool.ts';
import { Retention } from '../offload/retention-requests.ts';
import { encodeNumbers, frameKind } from '../queue/lane-frames.ts';
import { AuditReader, AuditWriter } from '../store/audit-log.ts';
import { DeltaIndexWriter } from '../store/delta-index.ts';
import { DeltaLogWriter } from '../store/delta-log.ts';
import { DeltaReader } from '../store/delta-reader.ts';
import type { LogState } from '../store/log-view.ts';
import { fenceBlock, type OpenStores } from './stores.ts';

/** The ring is filled with what was written within this time (SPEC §4). */
const ringRefillMs = 7 * 86_400_000;

export interface LmdbStoresOptions {
  readonly paths: HomePaths;
  readonly key: NodeKey;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mapSizeBytes: number;
  readonly ringCapacity: number;
}

interface Opened {
  readonly state: LogState;
  readonly fences: FenceBlock;
  readonly newest: HlcTime;
  readonly findings: readonly string[];
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
  const opened = await prepareStores(places);
  const ring = new DeltaRing(options.ringCapacity);
  const reader = await DeltaReader.open(places, {
    mapSizeBytes,
    accepted: { after: (position) => ring.after(position) },
  });
  const auditReader = await AuditReader.open(places.audit, { mapSizeBytes });
  refill(ring, reader, opened.state, hlcFromMs(options.clock.wallMs() - ringRefillMs));
  return new LmdbStores(options, places, opened, ring, reader, auditReader);
}

/**
 * The first look at each environment, before any worker has it: creates it, checks its schema, begins a missing index, and
 * reserves the fences of this process. Closed again: from here on the lanes are the only writers.
 */
async function prepareStores(places: StorePlaces): Promise<Opened> {
  const { mapSizeBytes, node } = places;
  const log = await DeltaLogWriter.open(places.delta, { node, mapSizeBytes });
  try {
    const state = log.headState();
    const startFloor = state.fence + 1;
    const fences = { startFloor, reservedUntil: startFloor + fenceBlock };
    log.reserveFences(fences.reservedUntil);
    const index = await DeltaIndexWriter.open(places.index, log.view, { mapSizeBytes });
    const findings =
      index.rebuilding && state.head > 0 ? ['the index was missing or damaged and is being rebuilt'] : [];
    await index.close();
    const audit = await AuditWriter.open(places.audit, { mapSizeBytes });
    const newest = Math.max(state.clock, audit.newest()) as HlcTime;
    await audit.close();
    return { state, fences, newest, findings };
  } finally {
    await log.close();
  }
}

function refill(ring: DeltaRing, reader: DeltaReader, { head, floor }: LogState, since: HlcTime): void {
  const recent = [...reader.positions(Math.max(floor, head - ring.capacity + 1), head)];
  const first = recent.findIndex(({ time }) => time >= since);
  ring.refill(first < 0 ? [] : recent.slice(first), head);
}

class LmdbStores implements OpenStores {
  readonly kind = 'lmdb';
  readonly deltas: OffloadedDeltaStore;
  readonly audit: OffloadedAuditStore;
  readonly fences: FenceBlock;
  readonly newest: HlcTime;
  readonly findings: readonly string[];
  readonly #lanes: { readonly [Name in LaneName]: Lane<Name> };
  readonly #reads: ReadPool;
  #readOnlyReason: string | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: LmdbStoresOptions,
    places: StorePlaces,
    opened: Opened,
    ring: DeltaRing,
    reader: DeltaReader,
    auditReader: AuditReader,
  ) {
    const { key, clock, logger } = options;
    const parts = {
      clock,
      logger,
      onFailed: (lane: LaneName, error: CollabError) => this.#turnReadOnly(lane, error),
    };
    this.#lanes = {
      persist: new Lane('persist', { places, privateKey: key.toPkcs8() }, parts),
      index: new Lane('index', { places }, parts),
      audit: new Lane('audit', { places }, parts),
      compact: new Lane('compact', { places }, parts),
    };
    const { persist, index, audit, compact } = this.#lanes;
    this.#reads = new ReadPool(places);
    const retention = new Retention(compact, {
      deltaFloor: () => reader.snapshot().floor,
      auditCount: () => auditReader.count(),
    });
    this.deltas = new OffloadedDeltaStore(
      {
        node: key.nodeId,
        persist,
        index,
        ring,
        reader,
        reads: this.#reads,
        retention,
        readOnlyReason: () => this.#readOnlyReason,
      },
      opened.state,
    );
    this.audit = new OffloadedAuditStore({ lane: audit, reader: auditReader, retention, node: key.nodeId });
    this.fences = opened.fences;
    this.newest = opened.newest;
    this.findings = opened.findings;
  }

  async reserveFences(upTo: number): Promise<void> {
    const { persist } = this.#lanes;
    const ticket = persist.tryPush(frameKind.fences, encodeNumbers(upTo));
    if (typeof ticket !== 'number') return;
    await persist.committed(ticket);
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

  readOnlyReason(): string | undefined {
    return this.#readOnlyReason;
  }

  verify(): Promise<VerifyView> {
    return this.#reads.verify();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The compact lane first: it uses the environments of the others. */
  async #close(): Promise<void> {
    await this.#lanes.compact.close();
    await Promise.all([this.deltas.close(), this.audit.close()]);
  }

  #turnReadOnly(lane: LaneName, error: CollabError): void {
    this.#readOnlyReason ??= `the ${lane} lane failed: ${error.message}`;
  }
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
