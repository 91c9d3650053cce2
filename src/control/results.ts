/** What the daemon answers, operation by operation. Times are ISO 8601 in UTC. */

import type { Cohesion } from '../search/cohesion.ts';
import type { VectorState } from '../search/context-search.ts';
import type { ClusterView, InviteView, PeerView } from './cluster-views.ts';
import type { ContextView, SearchHitView } from './context-views.ts';
import type { InterestResults } from './interest-views.ts';
import type { OperationName } from './operations.ts';
import type { AgentView, OverviewView } from './overview-views.ts';
import type { ShareView } from './share-view.ts';
import type { UsageView } from './usage-views.ts';

/** The envelope of every answer, on the socket and on standard output. */
export type Envelope<T> =
  | { readonly ok: true; readonly data: T; readonly notices?: readonly Notice[] }
  | { readonly ok: false; readonly error: EnvelopeError; readonly notices?: readonly Notice[] };

export interface EnvelopeError {
  readonly code: string;
  readonly message: string;
  readonly next?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A lease of the calling agent that ended early. Told once, with the next answer that agent gets. */
export interface Notice {
  readonly kind: 'expired' | 'forced' | 'restart' | 'lost';
  readonly lockId: string;
  readonly targets: readonly string[];
  readonly message: string;
  readonly at: string;
}

/** Where something is that is another node's; nothing of it for what is here. */
export interface ElsewhereView {
  readonly node?: string;
  readonly nodeName?: string;
}

export interface LockView extends ElsewhereView {
  readonly id: string;
  readonly fence: number;
  readonly project: string;
  readonly targets: readonly TargetView[];
  readonly mode: 'exclusive' | 'shared';
  readonly holder: string;
  readonly holderName?: string;
  readonly intention: string;
  readonly acquiredAt: string;
  readonly expiresAt: string;
  readonly assurance: 'cluster' | 'local';
  readonly contentHash?: string;
}

export interface TargetView {
  readonly path: string;
  readonly scope:
    | { readonly kind: 'file' }
    | { readonly kind: 'lines'; readonly start: number; readonly end: number }
    | { readonly kind: 'symbol'; readonly symbol: string; readonly name: string };
  /** The same as people write it. */
  readonly text: string;
}

export interface WaiterView extends ElsewhereView {
  readonly agent: string;
  readonly targets: readonly TargetView[];
  readonly mode: 'exclusive' | 'shared';
  readonly intention: string;
  readonly priority: number;
  readonly waitingSince: string;
}

export type CheckView =
  | { readonly valid: true; readonly lock: LockView }
  | {
      readonly valid: false;
      readonly reason: string;
      readonly message: string;
      readonly endedAt?: string;
      readonly by?: string;
    };

export interface WhyView {
  readonly target: string;
  readonly project: string;
  readonly free: boolean;
  readonly locks: readonly LockView[];
  readonly waiters: readonly WaiterView[];
  /** The same in a sentence. */
  readonly explanation: string;
}

export interface DeltaView {
  readonly id: string;
  readonly position: number;
  readonly source: string;
  readonly seq: number;
  readonly agent: string;
  readonly project: string;
  readonly type: string;
  readonly time: string;
  /** The hybrid logical time as a number; it orders deltas of all nodes. */
  readonly hlc: number;
  readonly deps: Readonly<Record<string, number>>;
  readonly prev: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface AuditView {
  readonly at: string;
  /** Unique on the node and rising: the cursor of a paged query. */
  readonly cursor: number;
  readonly action: string;
  readonly node: string;
  readonly lock?: string;
  readonly fence?: number;
  readonly holder?: string;
  readonly holderName?: string;
  readonly project?: string;
  readonly targets?: readonly string[];
  readonly intention?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface LaneView {
  readonly state: 'running' | 'paused' | 'restarting' | 'failed' | 'closed';
  /** Bytes accepted and not yet committed. */
  readonly pendingBytes: number;
  readonly capacityBytes: number;
  readonly restarts: number;
  readonly error?: EnvelopeError;
}

/** Work on the stores that takes its time. */
export interface ActivityView {
  readonly what: string;
  readonly done: number;
  /** An estimate in the unit of `done`; 0 while it is not known. */
  readonly total: number;
}

/** The nodes that agree on locks. */
export interface AgreementView {
  /** Rises with each change of the members; 0 while others have not taken this node in. */
  readonly epoch: number;
  readonly members: number;
  /** Heard of in the last two seconds, with this node. */
  readonly reachable: number;
  /** Whether these can grant locks with assurance `cluster`. */
  readonly majority: boolean;
}

export interface StatusView {
  readonly pid: number;
  readonly version: string;
  readonly node: string;
  readonly startedAt: string;
  readonly home: string;
  readonly socket: string | null;
  readonly port: number;
  /** The project of the asking directory; null when none was given. */
  readonly project: string | null;
  /** Null: this node is in no cluster. */
  readonly cluster: ClusterView | null;
  readonly peers: readonly PeerView[];
  readonly storage: 'lmdb' | 'memory';
  readonly readOnly: null | { readonly reason: string };
  readonly locks: {
    readonly held: number;
    readonly waiting: number;
    readonly agents: number;
    readonly fence: number;
    /** Null while this node decides alone. */
    readonly agreement: AgreementView | null;
  };
  readonly deltas: {
    readonly head: number;
    readonly committed: number;
    readonly flushed: number;
    readonly indexed: number;
    readonly floor: number;
    readonly count: number;
  };
  readonly audit: { readonly count: number; readonly pending: number; readonly lost: number };
  /** Writes past somebody's lease that were seen since the start. */
  readonly violations: {
    readonly count: number;
    readonly newest: { readonly at: string; readonly what: string } | null;
  };
  /** How far shared context has vectors; null before the first search, and once it was idle. */
  readonly search: VectorState | null;
  readonly lanes: Readonly<Record<'persist' | 'index' | 'audit' | 'compact', LaneView>>;
  readonly store: { readonly diskBytes: number };
  /** What is being done to the stores at the moment. */
  readonly activity: ActivityView | null;
  readonly warnings: readonly string[];
}

/** What concerns the asking agent and it was not told yet. Told once; under 2 KB. */
export interface UpdatesView {
  readonly updates: readonly {
    /** A lease of its own ended; somebody was denied because of it; a file of its own changed; new shared context. */
    readonly kind: 'lost' | 'denied' | 'changed' | 'context';
    readonly path?: string;
    readonly text: string;
    readonly at: string;
    /** Of the delta that has it whole. */
    readonly id?: string;
  }[];
  /** Unread ones that did not fit; they are not told again. */
  readonly more: number;
  /** How to get the rest. */
  readonly next?: string;
}

/** A path of a commit that another agent has leased. */
export interface CommitConflict {
  readonly path: string;
  readonly lock: LockView;
}

export interface VerifyView {
  readonly sound: boolean;
  readonly checked: Readonly<Record<string, number>>;
  readonly problems: readonly { readonly store: string; readonly where: string; readonly what: string }[];
  readonly problemCount: number;
  /** When a repair was asked for; the rest then tells how the stores are after it. */
  readonly repaired?: {
    /** Where the damaged files are kept. */
    readonly aside: readonly string[];
    /** Records that could not be had any more. */
    readonly lost: {
      readonly deltas: number;
      readonly auditEvents: number;
      /** True when what counted them is gone as well: there may have been more. */
      readonly atLeast: boolean;
    };
    /** The stores that were written anew. */
    readonly rebuilt: readonly string[];
  };
}

export interface BackupView {
  readonly name: string;
  /** Where it is. */
  readonly directory: string;
  readonly createdAt: string;
  readonly files: number;
  readonly bytes: number;
  /** SHA-256 over paths, modes, contents and link targets. */
  readonly checksum: string;
  /** What a walk through the copied stores found; null when there are none. */
  readonly stores: {
    readonly sound: boolean;
    readonly deltas: number;
    readonly auditEvents: number;
    readonly problems: readonly string[];
  } | null;
  readonly leftOut: readonly { readonly path: string; readonly why: string }[];
}

interface Results extends InterestResults {
  status: StatusView;
  'lock.acquire': { readonly lock: LockView };
  'lock.release': { readonly released: LockView };
  'lock.renew': { readonly lock: LockView };
  'lock.check': CheckView;
  'lock.list': { readonly locks: readonly LockView[]; readonly waiters: readonly WaiterView[] };
  'lock.force': { readonly released: LockView };
  why: WhyView;
  'context.share': ShareView;
  'context.list': { readonly contexts: readonly ContextView[] };
  'context.show': { readonly context: ContextView };
  'context.search': {
    /** `lexical`: by words alone. */
    readonly method: 'lexical' | 'hybrid';
    readonly hits: readonly SearchHitView[];
    readonly vectors: VectorState;
  };
  'context.cohesion': Cohesion;
  'agent.list': { readonly agents: readonly AgentView[] };
  'agent.updates': UpdatesView;
  'agent.identify': { readonly agent: string | null };
  'hook.endpoint': { readonly port: number; readonly token: string };
  'usage.totals': UsageView;
  'usage.report': { readonly id: string };
  'commit.check': { readonly conflicts: readonly CommitConflict[] };
  'commit.report': { readonly violations: readonly CommitConflict[] };
  log: { readonly deltas: readonly DeltaView[]; readonly before?: number };
  audit: {
    readonly events: readonly AuditView[];
    readonly cursor?: number;
    /** Why the newest events may not be among them: what writes the trail is down. */
    readonly behind?: string;
  };
  verify: VerifyView;
  backup: BackupView;
  compact: {
    readonly dropped: number;
    readonly floor: number;
    readonly auditDropped: number;
    readonly reclaimedBytes: number;
  };
  'cluster.init': { readonly cluster: ClusterView };
  /** The token is a secret: whoever has it can join. */
  'cluster.invite': { readonly invite: InviteView; readonly token: string };
  'cluster.invites': { readonly invites: readonly InviteView[] };
  'cluster.revokeInvite': { readonly invite: InviteView };
  'cluster.join': { readonly cluster: ClusterView };
  /** How many members were told. */
  'cluster.leave': { readonly told: number };
  /** Members that have the new key, and those that will ask for it when they are back. */
  'cluster.rotate': { readonly epoch: number; readonly told: number; readonly later: number };
  'peers.list': { readonly peers: readonly PeerView[] };
  'peers.evict': { readonly peer: PeerView };
  /** The link holds a secret: it opens the dashboard once, until then. */
  'dashboard.link': { readonly url: string; readonly expiresAt: string };
  shutdown: { readonly pid: number };
}

export type OperationResult<Name extends OperationName> = Results[Name];

/** What the event stream (`GET /v1/events`, SSE) carries: the event's name says which. */
export type StreamEvent =
  | { readonly kind: 'delta'; readonly data: DeltaView }
  | { readonly kind: 'audit'; readonly data: AuditView }
  /** Everything that people look at, whole each time. */
  | { readonly kind: 'overview'; readonly data: OverviewView };

export type StreamKind = StreamEvent['kind'];
