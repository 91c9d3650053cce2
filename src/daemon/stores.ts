/** What the daemon needs of its stores, whatever they are kept in. */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { ActivityView, LaneView, StatusView, VerifyView } from '../control/results.ts';
import type { RingRecord } from '../delta/delta-ring.ts';
import type { ChainHead, ForeignDelta } from '../delta/foreign-delta.ts';
import type { FenceBlock } from '../lock/fence.ts';
import type { AuditStore } from '../store/audit-store.ts';
import type { DeltaStore } from '../store/delta-store.ts';

/** What compact copies gave back to the disk. */
export interface ReclaimResult {
  readonly stores: readonly string[];
  readonly bytes: number;
  /** How long the persist lane stood still meanwhile, in ms. */
  readonly stalledMs: number;
}

/** Where the log and its index stood when the stores were opened. */
export interface StoreStart {
  readonly head: number;
  readonly indexed: number;
}

/** Work that counts on the stores' files to stay the ones that it found. `report` tells how far it is. */
export type WholeStoreWork<T> = (
  report: (done: number, total: number) => void,
  stopping: AbortSignal,
) => Promise<T>;

/** The log as the peers' thread needs it. */
export interface SharedLog {
  readonly directories: { readonly delta: string; readonly index: string; readonly mapSizeBytes: number };
  /** While `read` runs the files stay the ones that they are. @throws STORE_CLOSED */
  shared<T>(read: () => Promise<T>): Promise<T>;
  /** See OffloadedDeltaStore. */
  saveForeign(deltas: readonly ForeignDelta[]): Promise<void>;
  skip(source: NodeId, head: ChainHead): Promise<void>;
  heads(): ReadonlyMap<NodeId, ChainHead>;
  own(before: number, head: number): readonly RingRecord[] | undefined;
  /** See StoreHandles. */
  generation(): number;
}

export interface OpenStores {
  readonly kind: 'lmdb' | 'memory';
  readonly deltas: DeltaStore;
  readonly audit: AuditStore;
  /** Undefined in memory: a node that may forget its own deltas must not tell them. */
  readonly log: SharedLog | undefined;
  /** The block of fences that this process may give out; on disk already. */
  readonly fences: FenceBlock;
  /** The newest time in the stores: the clock goes on behind it. */
  readonly newest: HlcTime;
  /** What was found and done at the start, for people. */
  readonly findings: readonly string[];
  readonly started: StoreStart;
  /** Resolves once fences below `upTo` are reserved on disk. */
  reserveFences(upTo: number): Promise<void>;
  lanes(): Readonly<Record<keyof StatusView['lanes'], LaneView>>;
  /** What does not work at the moment, in sentences. */
  warnings(): readonly string[];
  /** Why deltas are refused for good, if they are. */
  readOnlyReason(): string | undefined;
  /** What is being done to the stores, such as a verification. */
  readonly activity: ActivityView | null;
  verify(): Promise<VerifyView>;
  /** Sets damaged files aside and writes what can be read anew; locks go on meanwhile, the rest waits. */
  repair(): Promise<VerifyView>;
  /**
   * Runs `work` while nothing else is done to the stores as wholes, and says so in `activity`. `stopping` is aborted when they close.
   * @throws STORE_CLOSED
   */
  inTurn<T>(what: string, work: WholeStoreWork<T>): Promise<T>;
  /** Bytes of the log and its index that hold something: their files without free pages. 0 in memory. */
  usedBytes(): Promise<number>;
  /** Replaces each store whose file is half free pages by a compact copy. @throws STORE_UNAVAILABLE; the store stays as it was. */
  reclaim(): Promise<ReclaimResult>;
  close(): Promise<void>;
}
