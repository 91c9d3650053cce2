/** The stores on disk: opened and checked on the main thread once, then written by the lanes alone. */
import type { Clock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
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
  try {
    const auditReader = await AuditReader.open(places.audit, { mapSizeBytes });
    const damage = refill(ring, reader, opened.state, hlcFromMs(options.clock.wallMs() - ringRefillMs));
    const found = { ...opened, findings: [...opened.findings, ...damage] };
    return new LmdbStores(options, places, found, ring, reader, auditReader);
  } catch (error) {
    await reader.close();
    throw error;
  }
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
    const audit = await AuditWriter.open(places.audit, { mapSizeBytes });
    const newest = Math.max(state.clock, audit.newest()) as HlcTime;
    await audit.close();
    if (state.fence === 0 && newest > 0) throw logIsGone(places.delta);
    const startFloor = state.fence + 1;
    const fences = { startFloor, reservedUntil: startFloor + fenceBlock };
    log.reserveFences(fences.reservedUntil);
    const index = await DeltaIndexWriter.open(places.index, log.view, { mapSizeBytes });
    const findings =
      index.rebuilding && state.head > 0 ? ['the index was missing or damaged and is being rebuilt'] : [];
    await index.close();
    return { state, fences, newest, findings };
  } finally {
    await log.close();
  }
}

/** Each start reserves fences in the log before it audits anything: a trail beside a log without fences had another log. */
function logIsGone(directory: string): CollabError {
  return new CollabError(
    'STORE_DAMAGED',
    `the log in ${directory} is empty, but the audit trail beside it is not`,
    {
      next: 'Put the log back. To begin anew, with a new identity, move the whole data directory away.',
      details: { directory },
    },
  );
}

/** Begins behind the newest record that cannot be read: that one is `verify`'s business, and locks need not wait for it. */
function refill(
  ring: DeltaRing,
  reader: DeltaReader,
  { head, floor }: LogState,
  since: HlcTime,
): readonly string[] {
  const damage: string[] = [];
  for (let from = Math.max(floor, head - ring.capacity + 1); ; ) {
    try {
      const recent = [...reader.positions(from, head)];
      const first = recent.findIndex(({ time }) => time >= since);
      ring.refill(first < 0 ? [] : recent.slice(first), head);
      return damage;
    } catch (error) {
      const position = error instanceof CollabError ? error.details?.position : undefined;
      if (typeof position !== 'number' || position < from) throw error;
      damage.push(`${(error as CollabError).message}; run agent-collab verify`);
      from = position + 1;
    }
  }
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
  readonly #failures: string[] = [];
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
      onFailed: (lane: LaneName, error: CollabError) => this.#laneFailed(lane, error),
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
    this.audit = new OffloadedAuditStore({
      lane: audit,
      reader: auditReader,
      reads: this.#reads,
      retention,
      node: key.nodeId,
    });
    this.fences = opened.fences;
    this.newest = opened.newest;
    this.findings = opened.findings;
  }

  async reserveFences(upTo: number): Promise<void> {
    const { persist } = this.#lanes;
    const payload = encodeNumbers(upTo);
    for (;;) {
      const ticket = persist.tryPush(frameKind.fences, payload);
      if (typeof ticket === 'number') return persist.committed(ticket);
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
    return this.#failures;
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

  /** Side by side: each lane has handles of its own, and the last handle closes an environment. */
  async #close(): Promise<void> {
    const parts = [this.#lanes.compact.close(), this.deltas.close(), this.audit.close()];
    for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
  }

  /** Without the persist lane nothing can be kept. Without another one what it does is missing, which is no reason to refuse deltas. */
  #laneFailed(lane: LaneName, error: CollabError): void {
    const reason = `the ${lane} lane failed: ${error.message}`;
    this.#failures.push(reason);
    if (lane === 'persist') this.#readOnlyReason ??= reason;
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
