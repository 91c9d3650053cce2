/** What people look at: the dashboard and `watch`. All of one moment, and bounded however much there is. */
import type { UsageSum } from '../usage/usage-totals.ts';
import type { ElsewhereView, LockView, StatusView, WaiterView } from './results.ts';

/** The part of a list that is shown, and how long it is. */
export interface Excerpt<T> {
  readonly shown: readonly T[];
  readonly total: number;
}

export interface OverviewView {
  /** When it was so, by the clock of the daemon: what a countdown starts from. */
  readonly at: string;
  readonly status: StatusView;
  /** Those that hold or wait first, then by their last sign of life, the newest first. */
  readonly agents: Excerpt<AgentView>;
  /** Those that somebody waits for first, then the newest grants. */
  readonly locks: Excerpt<LockView>;
  /** In the order in which they wait. */
  readonly waiters: Excerpt<WaitView>;
  /** Where agents got in each other's way lately, the worst first. */
  readonly hotSpots: readonly HotSpotView[];
  /** Newest first. */
  readonly timeline: readonly TimelineEntryView[];
  readonly usage: UsageGlanceView;
}

export interface AgentView extends ElsewhereView {
  readonly agent: string;
  readonly name?: string;
  /** The projects of what it holds and waits for. */
  readonly projects: readonly string[];
  readonly held: number;
  readonly waiting: number;
  /** The intention of its newest claim. */
  readonly intention?: string;
  /** Null: of an agent of another node. */
  readonly lastSeen: string | null;
}

/** A claim that waits, and for whom. */
export interface WaitView extends WaiterView {
  readonly project: string;
  readonly agentName?: string;
  /** When the wait ends without a grant. */
  readonly until: string;
  /** Strongest first, at most ten. */
  readonly blockedBy: readonly BlockerView[];
}

export interface BlockerView extends ElsewhereView {
  readonly kind: 'lease' | 'waiter';
  readonly agent: string;
  readonly agentName?: string;
  /** The path or range that is in the way, as people write it. */
  readonly target: string;
  /** Of a lease. */
  readonly lockId?: string;
}

/** Counted over the last half an hour to an hour, on this node. */
export interface HotSpotView {
  readonly project: string;
  readonly path: string;
  readonly denied: number;
  readonly waited: number;
  readonly granted: number;
  readonly agents: number;
}

export interface TimelineEntryView {
  /** Unique in the timeline, for lists that are redrawn. */
  readonly key: string;
  readonly at: string;
  /** An action of the audit trail, such as `acquired` or `denied`, or a type of delta: `context`, `file_change`, `custom`. */
  readonly what: string;
  readonly agent?: string;
  readonly project?: string;
  /** Paths and ranges, as people write them. */
  readonly targets: readonly string[];
  /** The intention, what was shared, or why, on one line and cut. */
  readonly text: string;
}

export interface UsageGlanceView {
  /** UTC, the last fourteen, oldest first, without gaps. */
  readonly days: readonly (UsageSum & { readonly day: string })[];
  /** Of these days, the most tokens first, at most five. */
  readonly agents: readonly (UsageSum & { readonly name: string })[];
  readonly models: readonly (UsageSum & { readonly name: string })[];
}
