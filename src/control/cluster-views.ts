/** What is shown of a cluster, its members and its invites. Times are ISO 8601 in UTC. */

export interface ClusterView {
  readonly id: string;
  readonly name: string;
  /** How often the key has been changed. */
  readonly epoch: number;
  readonly members: number;
  /** Members that this node has a connection to. */
  readonly connected: number;
  /** Where this node listens for members. */
  readonly addresses: readonly string[];
  /** Messages with deltas that others have told, and those among all messages that had been heard before. */
  readonly gossip: { readonly runs: number; readonly repeated: number };
}

export interface PeerView {
  readonly node: string;
  readonly name: string;
  readonly state: 'self' | 'connected' | 'away' | 'cut off' | 'left' | 'evicted';
  readonly address: string | null;
  readonly direction: 'inbound' | 'outbound' | null;
  /** True when it is reached through another member. */
  readonly relayed: boolean;
  readonly roundTripMs: number | null;
  /** Deltas that it has and this node lacks; and the other way round. Null when it has not told yet. */
  readonly behind: number | null;
  readonly ahead: number | null;
  readonly lastSeen: string | null;
  readonly version: string | null;
  /** What it did that no sound node does. */
  readonly offences: { readonly count: number; readonly last: string } | null;
}

export interface InviteView {
  readonly id: string;
  readonly state: 'open' | 'used' | 'expired' | 'revoked';
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly usedBy: string | null;
}
