/** What the agreement tells the node that it runs on: values, in order, next to the messages and the writes. */
import type { AgentId, LockId, NodeId } from '../base/ids.ts';
import type { LockMode } from '../lock/claim.ts';
import type { Overlap } from '../lock/scope.ts';
import type { Target } from '../lock/target.ts';
import type { DurableState } from './durable-state.ts';
import type { Message } from './message.ts';
import type { View } from './view.ts';

/** `cluster`: a majority of the view promised. `local`: a majority was out of reach, others may hold the same. */
export type Assurance = 'cluster' | 'local';

/** Who is in the way: a lease, a claim that is being decided, or one that waits ahead. */
export interface Obstacle {
  readonly id: LockId;
  readonly node: NodeId;
  readonly agent: AgentId;
  readonly agentName?: string;
  readonly intention: string;
  readonly mode: LockMode;
  readonly target: Target;
  readonly overlap: Overlap;
  readonly state: 'granted' | 'promised' | 'queued';
  readonly assurance: Assurance;
  /** Until it ends by itself, on the clock of the node that says so. */
  readonly remainingMs: number;
}

/** A lease of this node. Times are durations from now: what stands on whose clock is nobody else's business. */
export interface AgreedLock {
  readonly id: LockId;
  readonly agent: AgentId;
  readonly targets: readonly Target[];
  readonly mode: LockMode;
  readonly fence: number;
  readonly assurance: Assurance;
  readonly remainingMs: number;
  readonly ttlMs: number;
}

export type DenialCause =
  /** A lease, or a claim that won the race, is in the way. */
  | 'held'
  /** A claim waits ahead. */
  | 'queued'
  /** The wait is over. */
  | 'timeout'
  | 'deadlock'
  | 'limit'
  | 'cancelled'
  /** No majority answered, and `partition` is `refuse`. */
  | 'no-majority'
  /** This node's own disk did not write in time what has to be there before a grant. */
  | 'disk'
  /** The node leaves, or was put out. */
  | 'not-member';

export type Output =
  | {
      readonly kind: 'granted';
      readonly request: number;
      readonly lock: AgreedLock;
      readonly renewed: boolean;
    }
  | {
      readonly kind: 'denied';
      readonly request: number;
      readonly cause: DenialCause;
      readonly obstacle?: Obstacle;
      readonly cycle?: readonly Obstacle[];
    }
  /** The claim stands in line; told once. */
  | { readonly kind: 'waiting'; readonly request: number; readonly obstacle: Obstacle }
  | { readonly kind: 'renewed'; readonly request: number; readonly lock: AgreedLock }
  /** The lease lives on as it was, but could not be extended in time. */
  | {
      readonly kind: 'not-renewed';
      readonly request: number;
      readonly cause: 'no-majority' | 'not-held' | 'not-holder';
    }
  | {
      readonly kind: 'ended';
      readonly lock: AgreedLock;
      readonly cause: 'released' | 'expired' | 'forced' | 'lost';
      /** Of `lost`: it gave way after a partition, no majority extended it, the clocks told of a suspend, or the node left. */
      readonly why?: 'gave-way' | 'no-majority' | 'suspended' | 'left';
      readonly winner?: Obstacle;
      readonly by?: string;
      readonly reason?: string;
    }
  | { readonly kind: 'force-answered'; readonly request: number; readonly done: boolean }
  /** A new view counts from here on. */
  | { readonly kind: 'view'; readonly view: View; readonly isMember: boolean };

export interface Effects {
  /** To be put on disk in this order; `written` is called with the ticket of each that is there. */
  readonly writes: readonly { readonly ticket: number; readonly state: DurableState }[];
  readonly sends: readonly { readonly to: NodeId; readonly message: Message }[];
  readonly outputs: readonly Output[];
}
