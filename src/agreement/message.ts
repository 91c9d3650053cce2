/** What members send each other. Each message says why it exists; message-codec.ts has the form in which it travels. */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { LockId, NodeId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import type { Assurance, Obstacle } from './outcome.ts';
import type { View } from './view.ts';

/** A claim with what makes it one claim among those of the cluster. */
export interface PlacedWireClaim extends Claim {
  /** Names the claim, and the lock that it becomes. */
  readonly id: LockId;
  /** Arrival by the hybrid clock: decides the order of claims that wait and who wins a race. */
  readonly stamp: HlcTime;
  /** Whether it stands in line when others are in the way. */
  readonly waits: boolean;
}

/** A promise or lease as a member knows it, for another that begins or was behind. */
export interface CarriedEntry {
  readonly claim: PlacedWireClaim;
  readonly node: NodeId;
  readonly boot: number;
  readonly granted: boolean;
  readonly assurance: Assurance;
  readonly fence: number;
  /** On the clock of the sender. */
  readonly remainingMs: number;
}

export interface KeptLease {
  readonly id: LockId;
  readonly fence: number;
  readonly assurance: Assurance;
  readonly remainingMs: number;
  /** Left out when the member is known to have it. */
  readonly claim?: PlacedWireClaim;
}

export interface Refused {
  readonly id: LockId;
  /** `lost`: the lease has to give way. `contested`: another claim is being decided, ask again. */
  readonly verdict: 'lost' | 'contested';
  readonly winner: Obstacle;
}

export type Body =
  /** Shows life, epoch, boot and round; `ready` when the sender takes part in promises. */
  | { readonly kind: 'heartbeat'; readonly ready: boolean }
  /** Asks for a promise, and again until it is answered; counts anew what the claimant gave back. */
  | {
      readonly kind: 'claim';
      readonly claim: PlacedWireClaim;
      readonly attempt: number;
      readonly yields: number;
    }
  /** Nobody else gets what this claim overlaps for a while; and no fence so far is above that round. */
  | {
      readonly kind: 'promise';
      readonly id: LockId;
      readonly attempt: number;
      readonly yields: number;
      readonly promisedRound: number;
    }
  /** Why not, or not yet. */
  | {
      readonly kind: 'refuse';
      readonly id: LockId;
      readonly attempt: number;
      readonly reason: RefusalReason;
      readonly obstacle?: Obstacle;
      readonly cycle?: readonly Obstacle[];
    }
  /** Promises came with different rounds: has the member note the highest before the grant. */
  | { readonly kind: 'raise'; readonly id: LockId; readonly to: number }
  | { readonly kind: 'raised'; readonly id: LockId; readonly to: number }
  /** An earlier claim is blocked by this promise (`yield`), or a claim by what may be over (`verify`). */
  | { readonly kind: 'inquire'; readonly id: LockId; readonly why: 'yield' | 'verify' }
  /** Gives a promise back, because an earlier claim wants it. */
  | { readonly kind: 'yield'; readonly id: LockId; readonly yields: number }
  /** Extends leases; tells of new ones and of those that a member may not know. */
  | {
      readonly kind: 'keep';
      readonly batch: number;
      readonly recheck: boolean;
      readonly leases: readonly KeptLease[];
    }
  /** All leases of the batch are extended but those named. */
  | {
      readonly kind: 'kept';
      readonly batch: number;
      readonly unknown: readonly LockId[];
      readonly refused: readonly Refused[];
    }
  /** Claims and leases of the sender that are over. */
  | { readonly kind: 'end'; readonly ids: readonly LockId[] }
  /** A lease of the receiver had to give way. */
  | { readonly kind: 'lost'; readonly id: LockId; readonly winner: Obstacle }
  /** A person ends a lease of the receiver. */
  | {
      readonly kind: 'force';
      readonly request: number;
      readonly id: LockId;
      readonly by: string;
      readonly reason: string;
    }
  | { readonly kind: 'forced'; readonly request: number; readonly done: boolean }
  /** Phase 1 of deciding the next view: freezes the receiver's promises in this one. */
  | { readonly kind: 'prepare'; readonly ballot: number }
  | {
      readonly kind: 'prepared';
      readonly ballot: number;
      readonly vote?: {
        readonly ballot: number;
        readonly members: readonly NodeId[];
        readonly departed: boolean;
      };
      /** The sender has forgotten promises: `entries` are only what it holds and claims itself. */
      readonly forgetful: boolean;
      readonly departed: boolean;
      readonly entries: readonly CarriedEntry[];
    }
  /** Phase 2. */
  | {
      readonly kind: 'accept';
      readonly ballot: number;
      readonly members: readonly NodeId[];
      readonly departed: boolean;
    }
  | { readonly kind: 'accepted'; readonly ballot: number }
  /** A higher ballot was promised. */
  | { readonly kind: 'outvoted'; readonly ballot: number; readonly promised: number }
  /** A decided view; with the promises of the one before, where the sender has them. */
  | { readonly kind: 'view'; readonly view: View; readonly entries?: readonly CarriedEntry[] }
  | { readonly kind: 'ask-view' };

/** `undecided`: a race with another claim is under way. `unready`: the member takes no part in promises now. */
export type RefusalReason = 'held' | 'queued' | 'deadlock' | 'limit' | 'undecided' | 'unready';
export type BodyKind = Body['kind'];
export type BodyOf<K extends BodyKind> = Extract<Body, { readonly kind: K }>;

export interface Message {
  /** The view in which the sender speaks. */
  readonly epoch: number;
  /** The life of the sender: rises with every restart. */
  readonly boot: number;
  /** The highest round that the sender knows of. */
  readonly round: number;
  readonly time: HlcTime;
  readonly body: Body;
}
