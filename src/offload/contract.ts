/**
 * What crosses between the main thread and a worker, and nothing else does: the start of a lane (structured clone, once), frames
 * (shared queue), and the report when its `run` is over. An error would lose its code on the way, so a report carries its wire form.
 */
import type { FenceTask } from '../backup/carry-fence.ts';
import type { CopiedStores } from '../backup/check-stores.ts';
import type { BackupManifest, BackupReason } from '../backup/manifest.ts';
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
  /** The frames up to this ticket are released unapplied: the one who asked for them has been told that they failed. */
  readonly dropUpTo?: number;
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

/** What a lane's thread is given, once a run. */
export interface LaneTask<Name extends LaneName> {
  readonly lane: Name;
  readonly start: LaneStarts[Name];
}

/**
 * The end of a lane's `run`. `paused` and `failed` leave the unreleased frames for the next run; `ticket` is the end of the batch
 * that failed, undefined when it was not a batch that did.
 */
export type LaneReport =
  | { readonly ended: 'closed' }
  | { readonly ended: 'paused' }
  | { readonly ended: 'failed'; readonly error: WireError; readonly ticket: number | undefined };

/** Long reads, which must not stall the main loop. One message, one answer. */
export type ReadTask =
  | { readonly task: 'query'; readonly places: StorePlaces; readonly query: DeltaQuery }
  | { readonly task: 'audit'; readonly places: StorePlaces; readonly filter: AuditFilter }
  /** How much of a store's file is free pages. */
  | { readonly task: 'free'; readonly directory: string };

/** What a reading thread is given: the task, and what keeps it from being ended at the wrong moment (queue/load-gate.ts). */
export type GatedReadTask = ReadTask & { readonly gate: SharedArrayBuffer };

/** The records of a query, in the parts of codec/record-parts.ts. */
export interface RecordsAnswer {
  readonly parts: readonly Uint8Array[];
  /** Of an audit page that is not the last. */
  readonly cursor?: HlcTime;
}

/** A read that failed says why in a form that keeps its code. */
export type ReadAnswer<T> = { readonly value: T } | { readonly error: WireError };

/** What a repair is told by who starts it. */
export interface RepairOrder {
  /** Where damaged files are put. */
  readonly asideDirectory: string;
  /** The node that owns the stores, for when the log itself cannot tell any more. */
  readonly node?: NodeId;
  /** What a daemon that served these stores knows: no repaired log may fall below. */
  readonly witness?: { readonly head?: number; readonly fence?: number; readonly auditNewest?: number };
}

/** What a verifying process is started with, as JSON. It answers by messages: progress, then one `ReadAnswer`. */
export interface VerifyTask {
  readonly places: Pick<StorePlaces, 'delta' | 'index' | 'audit'>;
  readonly mapSizeBytes?: number;
  /** Without `repair`: a directory to work in, made and removed. */
  readonly scratch?: string;
  /** Repairs first what is damaged. Only while nobody else has the stores open. */
  readonly repair?: RepairOrder;
}

/** What a backup process is started with, as JSON. It answers by messages: progress, then one `ReadAnswer`. */
export type BackupTask =
  | {
      readonly task: 'create';
      readonly home: string;
      readonly to?: string;
      readonly reason: BackupReason;
      readonly lmdb: 'copy-files' | 'online';
    }
  /** The process that a backup process starts in its turn. */
  | { readonly task: 'check-stores'; readonly stores: CopiedStores }
  | ({ readonly task: 'carry-fence' } & FenceTask);

/** What a backup process says of the backup that it made: the manifest without its entries. */
export interface BackupReport extends Omit<BackupManifest, 'tree'> {
  /** Absolute. */
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}
