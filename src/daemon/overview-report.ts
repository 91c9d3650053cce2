/** What the dashboard and `watch` show, gathered from the services for those who look. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { BlockerView, OverviewView, UsageGlanceView, WaitView } from '../control/overview-views.ts';
import type { StatusView } from '../control/results.ts';
import type { Blocker, WaitingClaim } from '../lock/lock.ts';
import type { LockTransition } from '../lock/outcome.ts';
import { formatTarget } from '../lock/target.ts';
import { HotSpots } from '../overview/hot-spots.ts';
import { OverviewFeed, type Reading } from '../overview/overview-feed.ts';
import { Timeline } from '../overview/timeline.ts';
import type { UsageSum } from '../usage/usage-totals.ts';
import type { AgentHost } from './agent-host.ts';
import type { AuditService } from './audit-service.ts';
import type { DeltaService } from './delta-service.ts';
import type { LockService } from './lock-service.ts';
import { elsewhereView, lockView, waiterView } from './lock-views.ts';
import { auditView, deltaView, isoTime } from './views.ts';

export interface OverviewParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly locks: LockService;
  readonly audit: AuditService;
  readonly deltas: DeltaService;
  readonly agents: AgentHost;
  readonly status: () => Promise<StatusView>;
}

const maxShown = { locks: 200, waiters: 100, agents: 100, hotSpots: 10, names: 5 } as const;
/** Of the past, when somebody begins to watch. */
const timelineBacklog = 100;
/** Adding it up reads files. */
const usageEveryMs = 60_000;
const usageDays = 14;
const dayMs = 86_400_000;

export class OverviewReport {
  readonly feed: OverviewFeed<OverviewView>;
  readonly #parts: OverviewParts;
  readonly #timeline = new Timeline();
  readonly #hotSpots: HotSpots;
  /** Resolves when what happened before somebody watched is in the timeline. */
  #past: Promise<void> = Promise.resolve();
  #usage: { readonly glance: UsageGlanceView; readonly atMs: number } | undefined;

  constructor(parts: OverviewParts) {
    this.#parts = parts;
    this.#hotSpots = new HotSpots(parts.clock);
    const { clock, logger } = parts;
    this.feed = new OverviewFeed({ read: () => this.#read(), open: () => this.#open(), clock, logger });
  }

  /** Called from inside the lock table: quick, and never throws. */
  note(transition: LockTransition): void {
    this.#hotSpots.note(transition);
    this.feed.changed();
  }

  #open(): () => void {
    const { audit, deltas, logger } = this.#parts;
    let isOver = false;
    const ends = [
      audit.subscribe((event) => {
        this.#timeline.addAudit([auditView(event)]);
        this.feed.changed();
      }),
      deltas.subscribe((delta) => {
        this.#timeline.addDeltas([deltaView(delta)]);
        this.feed.changed();
      }),
    ];
    const past = Promise.all([
      audit.store.query({ limit: timelineBacklog }),
      deltas.store.getLatest({ limit: timelineBacklog }),
    ]);
    this.#past = past.then(
      ([page, latest]) => {
        if (isOver) return;
        this.#timeline.addAudit(page.events.map(auditView));
        this.#timeline.addDeltas(latest.map(deltaView));
      },
      (error: unknown) => logger.warn('the timeline has no past', { error: String(error) }),
    );
    return () => {
      isOver = true;
      for (const end of ends) end();
      this.#timeline.clear();
    };
  }

  async #read(): Promise<Reading<OverviewView>> {
    const { clock } = this.#parts;
    const [status, usage] = await Promise.all([this.#parts.status(), this.#usageGlance(), this.#past]);
    const beganMs = clock.monotonicMs();
    const view = {
      at: isoTime(clock.wallMs()),
      status,
      ...this.#lockLists(),
      hotSpots: this.#hotSpots.worst(maxShown.hotSpots),
      timeline: this.#timeline.entries,
      usage,
    };
    return { view, heldMs: clock.monotonicMs() - beganMs };
  }

  #lockLists(): Pick<OverviewView, 'agents' | 'locks' | 'waiters'> {
    const locks = this.#parts.locks.list({});
    const waiters = this.#parts.locks.waiters();
    const shownWaiters = waiters.slice(0, maxShown.waiters).map((waiter) => this.#waitView(waiter));
    const wanted = new Set(shownWaiters.flatMap(({ blockedBy }) => blockedBy.map(({ lockId }) => lockId)));
    const newestFirst = locks.toReversed();
    const shown = [
      ...newestFirst.filter(({ id }) => wanted.has(id)),
      ...newestFirst.filter(({ id }) => !wanted.has(id)),
    ].slice(0, maxShown.locks);
    const agents = this.#parts.locks.agents(locks, waiters);
    return {
      agents: { shown: agents.slice(0, maxShown.agents), total: agents.length },
      locks: { shown: shown.map(lockView), total: locks.length },
      waiters: { shown: shownWaiters, total: waiters.length },
    };
  }

  #waitView(waiter: WaitingClaim): WaitView {
    const { agentName, deadlineAtMs } = waiter;
    return {
      ...waiterView(waiter),
      project: waiter.targets[0]?.project ?? '',
      ...(agentName === undefined ? {} : { agentName }),
      until: isoTime(deadlineAtMs),
      blockedBy: waiter.blockers.length > 0 ? waiter.blockers.map(blockerView) : this.#inTheWayOf(waiter),
    };
  }

  /** Of a claim whose node does not say what is in its way: the leases of others on the same. */
  #inTheWayOf({ agent, mode, targets }: WaitingClaim): readonly BlockerView[] {
    const found = new Map<string, BlockerView>();
    for (const target of targets.slice(0, 10)) {
      for (const lock of this.#parts.locks.why(target).locks) {
        if (lock.holder === agent || (mode === 'shared' && lock.mode === 'shared')) continue;
        found.set(lock.id, {
          kind: 'lease',
          agent: lock.holder,
          ...(lock.holderName === undefined ? {} : { agentName: lock.holderName }),
          target: formatTarget(target),
          lockId: lock.id,
          ...elsewhereView(lock),
        });
        if (found.size === 10) return [...found.values()];
      }
    }
    return [...found.values()];
  }

  async #usageGlance(): Promise<UsageGlanceView> {
    const nowMs = this.#parts.clock.wallMs();
    const isFresh = this.#usage !== undefined && Math.abs(nowMs - this.#usage.atMs) < usageEveryMs;
    if (this.#usage === undefined || !isFresh) {
      this.#usage = { glance: await this.#addUpUsage(nowMs), atMs: nowMs };
    }
    return this.#usage.glance;
  }

  async #addUpUsage(nowMs: number): Promise<UsageGlanceView> {
    const days = Array.from({ length: usageDays }, (_, at) =>
      isoTime(nowMs - (usageDays - 1 - at) * dayMs).slice(0, 10),
    );
    const { usage } = await this.#parts.agents.open();
    const totals = await usage.totals(days[0] ?? '', days.at(-1) ?? '');
    return {
      days: days.map((day) => ({ day, ...(totals.byDay[day] ?? { tokens: 0, cost: 0 }) })),
      agents: most(totals.byAgent),
      models: most(totals.byModel),
    };
  }
}

function blockerView(blocker: Blocker): BlockerView {
  return {
    kind: blocker.kind,
    agent: blocker.holder,
    ...(blocker.holderName === undefined ? {} : { agentName: blocker.holderName }),
    target: formatTarget(blocker.target),
    ...(blocker.kind === 'lease' ? { lockId: blocker.lockId } : {}),
    ...elsewhereView(blocker),
  };
}

function most(sums: Readonly<Record<string, UsageSum>>): UsageGlanceView['agents'] {
  return Object.entries(sums)
    .map(([name, sum]) => ({ name, ...sum }))
    .sort((a, b) => b.tokens - a.tokens)
    .slice(0, maxShown.names);
}
