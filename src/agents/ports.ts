/** What the agents' part needs of the daemon; daemon/ supplies it. */
import type { AuditDraft } from '../audit/audit-event.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { AgentId, ProjectId, RepoPath } from '../base/ids.ts';
import type { Notice as NoticeView } from '../control/results.ts';
import type { DeltaDraft, StoredDelta } from '../delta/delta.ts';
import type { LineEdit } from '../lock/line-edit.ts';
import type { Lock, Notice, NoticeBatch } from '../lock/lock.ts';
import type { LockFilter } from '../lock/lock-table.ts';
import type { Denial, Grant } from '../lock/outcome.ts';
import type { DeltaFilter, PathQuery } from '../store/delta-store.ts';

/** A path of a project, and where it is on this machine. */
export interface PlacedPath {
  readonly project: ProjectId;
  readonly path: RepoPath;
  readonly root: string;
}

export interface AgentPlaces {
  /** @throws INVALID_PATH, PATH_OUTSIDE_PROJECT, PROJECT_NOT_FOUND, PROJECT_UNREADABLE. */
  place(cwd: string, path: string): Promise<PlacedPath>;
}

export interface AgentLocks {
  tryAcquire(claim: Readonly<Record<string, unknown>>): Promise<Grant | Denial>;
  list(filter: LockFilter): readonly Lock[];
  touch(agent: AgentId): void;
  takeNotices(agent: AgentId): NoticeBatch;
  release(id: Lock['id'], agent: AgentId): Lock;
  releaseAll(agent: AgentId): readonly Lock[];
  moveLines(edit: LineEdit): readonly Lock[];
}

export interface AgentLog {
  append(draft: DeltaDraft): Promise<void>;
  latest(filter: DeltaFilter): Promise<readonly StoredDelta[]>;
  byPath(query: PathQuery): Promise<readonly StoredDelta[]>;
  /** Position of the newest delta. */
  head(): Promise<number>;
}

export interface InterestLog {
  /** On disk when it resolves. */
  append(draft: DeltaDraft): Promise<void>;
  /** Position of the newest delta. */
  head(): Promise<number>;
  /** Positions above `after`, up to `upTo`. */
  between(after: number, upTo: number): Promise<readonly StoredDelta[]>;
  /** Deltas of type `custom` from a time of their authors on, the oldest first, `limit` at most. */
  customSince(from: HlcTime, limit: number): Promise<readonly StoredDelta[]>;
}

export interface AgentAudit {
  record(draft: AuditDraft): void;
}

/** Words for what the lock table tells; they belong to the daemon. */
export type NoticeText = (notice: Notice) => NoticeView;
