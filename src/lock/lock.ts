/** What is shown of leases and waiting claims: plain data, JSON-friendly, never changed later. */
import type { AgentId, LockId, NodeId } from '../base/ids.ts';
import type { LockMode } from './claim.ts';
import type { Overlap } from './scope.ts';
import type { Target } from './target.ts';

/** Where something is that is another node's. */
export interface Elsewhere {
  readonly node?: NodeId;
  /** The name that the node goes by. */
  readonly nodeName?: string;
}

/** Behind an agent's name: where it is, when that is another node. */
export function onNode({ node, nodeName }: { readonly node?: string; readonly nodeName?: string }): string {
  return node === undefined ? '' : ` on ${nodeName ?? node}`;
}

/** A lease as it was when asked for. */
export interface Lock extends Elsewhere {
  readonly id: LockId;
  readonly fence: number;
  readonly targets: readonly Target[];
  readonly mode: LockMode;
  readonly holder: AgentId;
  readonly holderName?: string;
  readonly intention: string;
  /** Epoch ms on the wall clock. */
  readonly acquiredAtMs: number;
  /** Epoch ms, estimated: the lease ends by the monotonic clock, and later if its holder is active. */
  readonly expiresAtMs: number;
  readonly assurance: 'cluster' | 'local';
  readonly contentHash?: string;
  readonly priority: number;
  readonly ttlMs: number;
}

/** A claim that waits. */
export interface WaitingClaim extends Elsewhere {
  /** Names the wait in `cancelWait`; rises with arrival. */
  readonly ticket: number;
  readonly agent: AgentId;
  readonly agentName?: string;
  readonly targets: readonly Target[];
  readonly mode: LockMode;
  readonly intention: string;
  readonly priority: number;
  /** Epoch ms. */
  readonly waitingSinceMs: number;
  /** Epoch ms at which the wait ends without a grant. */
  readonly deadlineAtMs: number;
  /** At most 10, strongest first. */
  readonly blockers: readonly Blocker[];
}

interface BlockerBase extends Elsewhere {
  readonly holder: AgentId;
  readonly holderName?: string;
  readonly intention: string;
  readonly mode: LockMode;
  readonly overlap: Overlap;
  /** The blocker's target that is in the way. */
  readonly target: Target;
}

/** Why a claim cannot be granted now: somebody's lease, or somebody's claim that waits ahead of it. */
export type Blocker =
  | (BlockerBase & {
      readonly kind: 'lease';
      readonly lockId: LockId;
      /** Absent when only another node knows it. */
      readonly fence?: number;
      readonly expiresAtMs: number;
    })
  | (BlockerBase & { readonly kind: 'waiter'; readonly ticket: number });

/** One step of a wait-for cycle: `agent` waits for `waitsFor`, who holds or waits ahead for `path`. */
export interface CycleStep {
  readonly agent: AgentId;
  readonly waitsFor: AgentId;
  /** The lease waited for; absent when it is a claim ahead in the queue. */
  readonly lockId?: LockId;
  /** What `waitsFor` wants it for. */
  readonly intention: string;
  readonly path: string;
}

/** How a lease ends. `restart` and `lost`: the node cannot vouch for it any more. */
export type EndCause = 'released' | 'expired' | 'forced' | 'restart' | 'lost';

export interface EndedLock {
  /** As it was when it ended. */
  readonly lock: Lock;
  readonly cause: EndCause;
  /** Epoch ms. */
  readonly atMs: number;
  /** Who ended it, where somebody did. */
  readonly by?: string;
  readonly reason?: string;
}

/** A lease that ended although its holder did not release it; told to the holder once. */
export interface Notice extends EndedLock {
  readonly cause: Exclude<EndCause, 'released'>;
}

export interface NoticeBatch {
  /** Oldest first. */
  readonly notices: readonly Notice[];
  /** Older notices that were not kept. */
  readonly dropped: number;
}
