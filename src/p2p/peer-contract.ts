/** What crosses between the main thread and the peers' thread. Types only. */

import type { WireError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import type { ChainHead } from '../delta/foreign-delta.ts';
import type { ForeignBatch } from './foreign-batch.ts';
import type { OwnDeltas } from './own-deltas.ts';

export interface PeerSettings {
  readonly listen: string;
  readonly port: number;
  readonly doorPort: number;
  readonly mdns: boolean;
  readonly behindNat: boolean;
}

/** Given once, by structured clone. */
export interface PeerStart {
  readonly node: NodeId;
  /** PKCS#8 DER. Secret. */
  readonly privateKey: Uint8Array;
  /** How others see this node. */
  readonly name: string;
  readonly version: string;
  readonly clusterFile: string;
  /** JSON lines: what shows that a node has signed two deltas of one number. */
  readonly forkFile: string;
  readonly stores: { readonly delta: string; readonly index: string; readonly mapSizeBytes: number };
  readonly settings: PeerSettings;
}

export interface PeerView {
  readonly node: NodeId;
  readonly name: string;
  readonly state: 'self' | 'connected' | 'away' | 'cut off' | 'left' | 'evicted';
  readonly address: string | null;
  readonly direction: 'inbound' | 'outbound' | null;
  /** True when it is reached through another member. */
  readonly relayed: boolean;
  readonly roundTripMs: number | null;
  /** Deltas that it has and this node lacks, and the other way round, as far as it has told. */
  readonly behind: number | null;
  readonly ahead: number | null;
  readonly lastSeenMs: number | null;
  readonly version: string | null;
  /** What it did that no sound node does. */
  readonly offences: { readonly count: number; readonly last: string } | null;
}

export interface ClusterView {
  readonly id: string;
  readonly name: string;
  readonly epoch: number;
  readonly members: number;
  readonly connected: number;
  readonly addresses: readonly string[];
  /** Messages with deltas that others have told, and those among all messages that had been heard before. */
  readonly gossip: { readonly runs: number; readonly repeated: number };
}

export interface InviteView {
  readonly id: string;
  readonly state: 'open' | 'used' | 'expired' | 'revoked';
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly usedBy: NodeId | null;
}

/** Something that people should know of. */
export interface PeerReport {
  readonly level: 'info' | 'warn';
  readonly what: 'cut off' | 'fork' | 'joined' | 'left' | 'evicted' | 'key changed' | 'removed' | 'trouble';
  readonly message: string;
  readonly peer?: NodeId;
}

/** What the peers' thread asks of the main one. */
export interface MainAsks {
  /** Resolves once they are committed. */
  save(batch: ForeignBatch): Promise<void>;
  skip(input: { readonly source: NodeId; readonly head: ChainHead }): Promise<void>;
  heads(input: undefined): Promise<ReadonlyMap<NodeId, ChainHead>>;
  /** Until `endRead` the files of the stores stay the ones that they are. Their generation: see StoreHandles. */
  beginRead(input: undefined): Promise<number>;
  endRead(input: undefined): void;
  report(report: PeerReport): void;
  /** A message that another member has sent to this one. */
  message(input: { readonly from: NodeId; readonly bytes: Uint8Array }): void;
  /** A connection to these members was made; or, of all members, can be made from now on. */
  met(nodes: readonly NodeId[]): void;
  failed(error: WireError): void;
}

/** What the main thread asks of the peers' one. */
export interface PeerAsks {
  init(input: { readonly name: string }): Promise<ClusterView>;
  invite(input: { readonly ttlMs: number }): Promise<InviteView & { readonly token: string }>;
  invites(input: undefined): Promise<readonly InviteView[]>;
  revokeInvite(input: { readonly id: string }): Promise<InviteView>;
  join(input: { readonly token: string }): Promise<ClusterView>;
  leave(input: undefined): Promise<{ readonly told: number }>;
  evict(input: { readonly node: string }): Promise<PeerView>;
  rotate(
    input: undefined,
  ): Promise<{ readonly epoch: number; readonly told: number; readonly later: number }>;
  cluster(input: undefined): Promise<ClusterView | null>;
  peers(input: undefined): Promise<readonly PeerView[]>;
  /** The member that an id, its end or a name stands for. @throws NOT_FOUND */
  find(input: { readonly node: string }): PeerView;
  /** What the member sent made no sense. */
  blame(input: { readonly node: NodeId; readonly what: string }): void;
  /** More of this node's own deltas are flushed. */
  grew(input: OwnDeltas): void;
  /** Best effort: false when the member is not connected. */
  send(input: { readonly to: NodeId; readonly bytes: Uint8Array }): Promise<boolean>;
  close(input: undefined): Promise<void>;
}
