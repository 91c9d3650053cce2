import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaId, NodeId, Position, ProjectId } from '../base/ids.ts';
import type { Delta, DeltaType, StoredDelta } from '../delta/delta.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import type { CommitListener } from './commit-listeners.ts';

/**
 * What a writer waits for. `accepted`: in the queue of the persist lane. `committed`: its transaction is visible and
 * survives SIGKILL. `flushed`: on disk, survives power loss.
 */
export type Durability = 'accepted' | 'committed' | 'flushed';

/** A delta as it comes in. One of this node has neither `prev` nor `signature`: the persist lane makes both. */
export interface IncomingDelta {
  readonly delta: Delta;
  /** The author's exact bytes, when there are such; they are stored as they are. @default the delta, encoded */
  readonly body?: Uint8Array;
  /** Must be the hash of the source's previous delta, else CHAIN_BROKEN. @default computed */
  readonly prev?: Uint8Array;
  /** The author's signature of the delta's hash, checked against the source's key. */
  readonly signature?: Uint8Array;
}

export interface SaveReceipt {
  /** Positions of the deltas that were new, in the order given. */
  readonly positions: readonly Position[];
  /** How many were in the log already and were ignored. */
  readonly duplicates: number;
}

export interface DeltaFilter {
  readonly project?: ProjectId;
  readonly type?: DeltaType;
  /**
   * Not older than this by their authors' clocks. `getLatest` may end at the first older delta of this node: an own delta is
   * never older than anything that stood in the log before it.
   */
  readonly since?: HlcTime;
  /** Only deltas of these nodes; none when the list is empty. */
  readonly sources?: readonly NodeId[];
  /** Only deltas whose payload has this among its `tags`. */
  readonly tag?: string;
  /** At most so many; the default of every query is `defaultQueryLimit`. */
  readonly limit?: number;
}

export interface PathQuery extends DeltaFilter {
  readonly project: ProjectId;
  readonly path: string;
  /** Everything below `path` too. @default false */
  readonly subtree?: boolean;
  /** Only positions below this one: the cursor of a paged listing. */
  readonly before?: Position;
}

export const defaultQueryLimit = 1000;

export interface DeltaStoreStats {
  /** 'lmdb' or 'memory'. */
  readonly kind: string;
  /** Newest position accepted, committed, flushed, indexed; and the oldest one kept. */
  readonly head: number;
  readonly committed: number;
  readonly flushed: number;
  readonly indexed: number;
  readonly floor: number;
  /** Deltas kept. */
  readonly count: number;
  /** Bytes of the files on disk; 0 in memory. */
  readonly diskBytes: number;
}

export interface CompactResult {
  readonly dropped: number;
  /** The oldest position kept. */
  readonly floor: Position;
}

/**
 * The log of deltas and the views on it. Every query sees every delta that was accepted before it was asked, indexed or not.
 * One contract suite (test/store/delta-store-contract.ts) runs against each implementation.
 */
export interface DeltaStore extends AsyncDisposable {
  /** @throws SEQ_GAP, CHAIN_BROKEN, DELTA_TOO_LARGE, STORE_UNAVAILABLE, STORE_READ_ONLY, STORE_CLOSED. */
  save(incoming: IncomingDelta, durability?: Durability): Promise<SaveReceipt>;
  /** All or none are accepted, in the order given. @throws as `save`. */
  saveBatch(incoming: readonly IncomingDelta[], durability?: Durability): Promise<SaveReceipt>;
  /** Everything that `vector` does not cover, also what is concurrent to it, in log order (which is causal). */
  getSince(vector: VersionVector, filter?: DeltaFilter): Promise<readonly StoredDelta[]>;
  /** `from` ≤ time < `to`, oldest first. */
  getRange(from: HlcTime, to: HlcTime, filter?: DeltaFilter): Promise<readonly StoredDelta[]>;
  /** Newest seq first. */
  getBySource(source: NodeId, limit?: number): Promise<readonly StoredDelta[]>;
  /** Newest position first. */
  getByPath(query: PathQuery): Promise<readonly StoredDelta[]>;
  /** Newest position first, below `before` when given: the cursor of a paged listing. */
  getLatest(filter?: DeltaFilter, before?: Position): Promise<readonly StoredDelta[]>;
  get(id: DeltaId): Promise<StoredDelta | undefined>;
  /** Resolves when everything accepted so far is committed. @throws as `save`. */
  committed(): Promise<void>;
  /** Calls `listener` each time more is committed, without a gap, until the returned function is called. */
  onCommitted(listener: CommitListener): () => void;
  /** The newest accepted seq of every source, dropped deltas included. A `save` that was accepted shows as soon as the call returns its promise. */
  vector(): VersionVector;
  /**
   * Drops the oldest deltas up to the first that is neither older than `before` nor below the position `below`; floors stay, so that
   * no seq is reused. @param below @default the floor: age alone counts
   */
  compact(before: HlcTime, below?: Position): Promise<CompactResult>;
  stats(): Promise<DeltaStoreStats>;
  /** Waits for what was accepted. Idempotent. */
  close(): Promise<void>;
}
