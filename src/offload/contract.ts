/**
 * What crosses between the main thread and a worker, and nothing else does: the start of a lane (structured clone, once), frames
 * (shared queue), and the report when its `run` is over. An error would lose its code on the way, so a report carries its wire form.
 */
import type { WireError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { AuditFilter } from '../store/audit-store.ts';
import type { DeltaQuery } from '../store/delta-queries.ts';

export const laneNames = ['persist', 'index', 'audit', 'compact'] as const;
export type LaneName = (typeof laneNames)[number];

/** Where the environments are and how much address space each may map. */
export interface StorePlaces {
  readonly delta: string;
  readonly index: string;
  readonly audit: string;
  readonly mapSizeBytes: number;
  readonly node: NodeId;
}

export interface LaneStart {
  readonly queue: SharedArrayBuffer;
  readonly places: StorePlaces;
}

export interface PersistStart extends LaneStart {
  /** PKCS#8 DER of the node's Ed25519 key: one signature vouches for each committed run. */
  readonly privateKey: Uint8Array;
}

export interface LaneStarts {
  readonly persist: PersistStart;
  readonly index: LaneStart;
  readonly audit: LaneStart;
  readonly compact: LaneStart;
}

/** The end of a lane's `run`. `failed` leaves the unreleased frames for the next run. */
export type LaneReport =
  | { readonly ended: 'closed' }
  | { readonly ended: 'failed'; readonly error: WireError };

/** Long reads, which must not stall the main loop. One message, one answer. */
export type ReadTask =
  | { readonly task: 'query'; readonly places: StorePlaces; readonly query: DeltaQuery }
  | { readonly task: 'audit'; readonly places: StorePlaces; readonly filter: AuditFilter };

/** The records of a query, in the parts of codec/record-parts.ts. */
export interface RecordsAnswer {
  readonly parts: readonly Uint8Array[];
  /** Of an audit page that is not the last. */
  readonly cursor?: HlcTime;
}

/** A read that failed says why in a form that keeps its code. */
export type ReadAnswer<T> = { readonly value: T } | { readonly error: WireError };

/** What a verifying process is started with, as JSON. It answers by messages: progress, then one `ReadAnswer`. */
export interface VerifyTask {
  readonly places: Pick<StorePlaces, 'delta' | 'index' | 'audit'>;
  readonly mapSizeBytes?: number;
}
