import type { AuditAction } from '../audit/audit-action.ts';
import type { AuditEvent } from '../audit/audit-event.ts';
import type { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { AgentId, LockId, ProjectId } from '../base/ids.ts';

export interface AuditFilter {
  readonly holder?: AgentId;
  readonly lock?: LockId;
  readonly project?: ProjectId;
  /** The path of a target, without its lines or symbol. */
  readonly path?: string;
  readonly action?: AuditAction;
  /** Inclusive. */
  readonly from?: HlcTime;
  /** Exclusive. */
  readonly to?: HlcTime;
  /** @default 100 */
  readonly limit?: number;
  /** Only events older than this one: the `cursor` of the page before. */
  readonly cursor?: HlcTime;
}

export const defaultAuditLimit = 100;

export interface AuditPage {
  /** Newest first. */
  readonly events: readonly AuditEvent[];
  /** Pass it to get the next older page; absent when there is none. */
  readonly cursor?: HlcTime;
  /** Why the newest events may not be among them: what writes them is down. Absent: every event that was logged before is there. */
  readonly behind?: CollabError;
}

export interface AuditStoreStats {
  readonly kind: string;
  readonly count: number;
  /** Events that could not be recorded since the start; each loss is itself recorded as a `gap` event. */
  readonly lost: number;
  /** Accepted and not yet committed. */
  readonly pending: number;
  readonly diskBytes: number;
}

/** The record of who did what. One contract suite (test/store/audit-store-contract.ts) runs against each implementation. */
export interface AuditStore extends AsyncDisposable {
  /** Takes an event and returns at once: what a lock pays for its record. A loss is counted in `stats`. */
  log(event: AuditEvent): void;
  /**
   * Takes an event without waiting for any disk; `at` must be above every `at` before. The promise resolves when the event
   * is committed; who does not care drops it (it never rejects: a loss is counted instead, and resolves to 'lost').
   */
  logAsync(event: AuditEvent): Promise<'recorded' | 'lost'>;
  query(filter: AuditFilter): Promise<AuditPage>;
  /** Drops events older than `before`. Returns how many. */
  compact(before: HlcTime): Promise<number>;
  stats(): Promise<AuditStoreStats>;
  close(): Promise<void>;
}
