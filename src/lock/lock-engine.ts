/** What decides about locks: the table of a node that is alone (lock-table.ts), or the agreement of a cluster's nodes. */
import type { AgentId, LockId } from '../base/ids.ts';
import type { Claim } from './claim.ts';
import type { LineEdit } from './line-edit.ts';
import type { Lock, Notice, NoticeBatch, WaitingClaim } from './lock.ts';
import type { LockFilter } from './lock-table.ts';
import type { Denial, Grant, Refusal, Released, Renewed, Valid, Waiting } from './outcome.ts';
import type { Target } from './target.ts';
import type { Settle } from './wait-queue.ts';

/** Others are being asked: `settle` is called with the answer, after this was returned. */
export interface Pending {
  readonly outcome: 'pending';
  readonly ticket: number;
}

/** Of the current moment. */
export interface EngineStats {
  readonly locks: number;
  readonly waiters: number;
  readonly agents: number;
  /** The newest fence given out, 0 before the first. */
  readonly lastFence: number;
}

/** See `LockTable` for what each call does; what others have to be asked for comes later here. */
export interface LockEngine {
  acquireOrWait(claim: Claim, waitMs: number, settle: Settle): Grant | Denial | Waiting | Pending;
  cancelWait(ticket: number): boolean;
  release(id: LockId, agent: AgentId, fence?: number): Released | Refusal;
  renew(
    id: LockId,
    agent: AgentId,
    change: { readonly ttlMs?: number; readonly fence?: number },
    settle: (outcome: Renewed | Refusal) => void,
  ): Renewed | Refusal | Pending;
  check(id: LockId, fence?: number): Valid | Refusal;
  force(
    id: LockId,
    by: string,
    reason: string,
    settle: (outcome: Released | Refusal) => void,
  ): Released | Refusal | Pending;
  touch(agent: AgentId): void;
  releaseAll(agent: AgentId): readonly Lock[];
  moveLines(edit: LineEdit): readonly Lock[];
  list(filter: LockFilter): readonly Lock[];
  why(target: Target): { readonly locks: readonly Lock[]; readonly waiters: readonly WaitingClaim[] };
  waiters(): readonly WaitingClaim[];
  takeNotices(agent: AgentId): NoticeBatch;
  addNotice(notice: Notice): void;
  /** When, on the monotonic clock, `expireDue` has something to do. */
  nextDeadlineMs(): number | undefined;
  expireDue(): void;
  stats(): EngineStats;
  close(): void;
}
