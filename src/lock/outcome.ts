/** What the lock table answers. Refusals are values: they are expected and say what to do next. */
import type { AgentId, LockId } from '../base/ids.ts';
import type { Claim } from './claim.ts';
import type { Blocker, CycleStep, EndCause, EndedLock, Lock } from './lock.ts';
import type { Overlap } from './scope.ts';

export interface Grant {
  readonly outcome: 'granted';
  readonly lock: Lock;
  /** The agent held just these targets in this mode already: the same lock, with its fence, was renewed. */
  readonly renewed: boolean;
}

/** `no-majority`, `not-member`, `disk`: of a node in a cluster (docs/AGREEMENT.md). */
export type DenialReason =
  | 'held'
  | 'queued'
  | 'timeout'
  | 'deadlock'
  | 'rate'
  | 'limit'
  | 'cancelled'
  | 'no-majority'
  | 'not-member'
  | 'disk';

/** The named holder and its fields are those of the first blocker, where there is one. */
export interface Denial {
  readonly outcome: 'denied';
  readonly reason: DenialReason;
  readonly holder?: AgentId;
  readonly holderName?: string;
  readonly intention?: string;
  readonly expiresAtMs?: number;
  readonly overlap?: Overlap;
  readonly lockId?: LockId;
  /** When asking again may help: the named lease is over, or the rate limit has a token. */
  readonly retryAfterMs?: number;
  readonly cycle?: readonly CycleStep[];
  /** At most 10: leases before waiting claims, the widest overlap first, then the earliest. */
  readonly blockers: readonly Blocker[];
  readonly next: string;
}

export interface Waiting {
  readonly outcome: 'waiting';
  readonly ticket: number;
  readonly blockers: readonly Blocker[];
  /** Epoch ms. */
  readonly deadlineAtMs: number;
}

export interface Released {
  readonly outcome: 'released';
  readonly lock: Lock;
}

export interface Renewed {
  readonly outcome: 'renewed';
  readonly lock: Lock;
}

export interface Valid {
  readonly outcome: 'valid';
  readonly lock: Lock;
}

/** Why a lock id, agent and fence do not fit a lease that is held. */
export interface Refusal {
  readonly outcome: 'refused';
  /**
   * `unknown`: no lock of this id within memory. `stale-fence`, `not-holder`: it is held, but not like that. `elsewhere`: an agent of
   * another node holds it. `unconfirmed`: the machine slept, and the cluster has not said yet whether the lease still is.
   * `no-majority`: it is held, and could not be extended.
   */
  readonly reason:
    | EndCause
    | 'unknown'
    | 'stale-fence'
    | 'not-holder'
    | 'elsewhere'
    | 'unconfirmed'
    | 'no-majority';
  /** The lock, when it is held or ended within memory. */
  readonly lock?: Lock;
  /** How it ended, when that is within memory. */
  readonly ended?: EndedLock;
  readonly next: string;
}

/** What happened, for the audit log. `atMs` is epoch ms. */
export type LockTransition =
  | { readonly action: 'acquired'; readonly lock: Lock; readonly atMs: number; readonly waitedMs: number }
  | { readonly action: 'renewed'; readonly lock: Lock; readonly atMs: number }
  | { readonly action: 'released'; readonly lock: Lock; readonly atMs: number }
  | { readonly action: 'expired'; readonly lock: Lock; readonly atMs: number }
  | {
      readonly action: 'forced';
      readonly lock: Lock;
      readonly atMs: number;
      readonly by: string;
      readonly reason: string;
    }
  | {
      readonly action: 'lost';
      readonly lock: Lock;
      readonly atMs: number;
      readonly cause: 'restart' | 'lost';
      readonly reason: string;
    }
  | {
      readonly action: 'waited';
      readonly claim: Claim;
      readonly atMs: number;
      readonly ticket: number;
      readonly blockers: readonly Blocker[];
    }
  /** Of a run of `rate` denials only the first is reported: the limit exists to stop floods, this one too. */
  | { readonly action: 'denied'; readonly claim: Claim; readonly atMs: number; readonly denial: Denial };
