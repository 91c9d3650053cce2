/** The panels of `watch`: what of the overview each shows, as rows of a table. */
import { counted } from '../../base/counted.ts';
import { formatDuration } from '../../base/duration.ts';
import type { OverviewView, TimelineEntryView, WaitView } from '../../control/overview-views.ts';
import type { LaneView } from '../../control/results.ts';
import { onNode } from '../../lock/lock.ts';
import { formatBytes } from '../commands/status.ts';
import { targetTexts } from '../lock-text.ts';
import { oneLine, type Screen } from '../screen.ts';
import { clockTime } from '../show-time.ts';
import { type Column, textTable } from '../text-table.ts';
import type { PanelName } from './watch-state.ts';

/** What a panel may use, and which part of it shows. */
export interface PanelView {
  readonly screen: Screen;
  readonly nowMs: number;
  readonly filter: string;
  /** Rows to leave out at the top. */
  readonly skip: number;
  /** Lines that there is room for. */
  readonly height: number;
}

export interface Drawing {
  readonly lines: readonly string[];
  /** Rows that fit the filter. */
  readonly rows: number;
}

type Draw = (view: OverviewView, how: PanelView) => Promise<Drawing>;

interface Panel {
  /** Beside its name. */
  readonly count: (view: OverviewView) => number | undefined;
  readonly draw: Draw;
}

const barChars = 24;

/** A panel that is one table. `empty` says what to do when nothing is there. */
function tablePanel<Row>(
  rowsOf: (view: OverviewView) => readonly Row[],
  columns: readonly (Omit<Column<Row>, 'cell'> & {
    readonly cell: (row: Row, nowMs: number, view: OverviewView) => string;
  })[],
  empty: string,
): Draw {
  return async (view, { screen, nowMs, filter, skip, height }) => {
    const bound = columns.map(({ cell, ...rest }) => ({
      ...rest,
      cell: (row: Row) => cell(row, nowMs, view),
    }));
    const wanted = filter.toLowerCase();
    const rows = rowsOf(view).filter(
      (row) => wanted === '' || bound.some(({ cell }) => cell(row).toLowerCase().includes(wanted)),
    );
    if (rows.length === 0) return { lines: [filter === '' ? empty : 'nothing holds that text'], rows: 0 };
    // No more rows than there are lines: wrapping a long list costs more than all the rest.
    const shown = rows.slice(Math.min(skip, rows.length - 1)).slice(0, height);
    const text = await textTable<Row>(bound, shown, screen);
    return { lines: text.split('\n').slice(0, -1).slice(0, height), rows: rows.length };
  };
}

const leases = tablePanel(
  (view) => view.locks.shown,
  [
    { head: 'TARGETS', cell: targetTexts, wraps: true },
    { head: 'HOLDER', cell: (lock) => (lock.holderName ?? lock.holder) + onNode(lock), wraps: true },
    { head: 'INTENTION', cell: (lock) => lock.intention, wraps: true },
    { head: 'ENDS', cell: (lock, nowMs) => remaining(lock.expiresAt, nowMs) },
    {
      head: '',
      cell: (lock) =>
        [lock.mode === 'shared' ? 'shared' : '', lock.assurance === 'local' ? 'local' : ''].join(' ').trim(),
    },
    { head: 'WANTED BY', cell: (lock, _nowMs, view) => waitersFor(lock.id, view), wraps: true },
  ],
  'no leases; an agent takes one with: agent-collab lock acquire <file> -m "what you intend"',
);

const waiting = tablePanel(
  (view) => view.waiters.shown,
  [
    { head: 'WAITING', cell: (waiter) => (waiter.agentName ?? waiter.agent) + onNode(waiter), wraps: true },
    { head: 'FOR', cell: targetTexts, wraps: true },
    { head: 'BLOCKED BY', cell: blockers, wraps: true },
    {
      head: 'SINCE',
      cell: (waiter, nowMs) => formatDuration(Math.max(0, nowMs - Date.parse(waiter.waitingSince))),
    },
    { head: 'GIVES UP', cell: (waiter, nowMs) => remaining(waiter.until, nowMs) },
  ],
  'nobody waits',
);

const timeline = tablePanel<TimelineEntryView>(
  (view) => view.timeline,
  [
    { head: 'TIME', cell: (entry, nowMs) => clockTime(Date.parse(entry.at), nowMs) },
    { head: 'WHAT', cell: (entry) => entry.what.replaceAll('_', ' ') },
    { head: 'AGENT', cell: (entry) => entry.agent ?? '', wraps: true },
    { head: 'WHERE', cell: (entry) => entry.targets.join(', '), wraps: true },
    { head: 'TEXT', cell: (entry) => oneLine(entry.text, 120), wraps: true },
  ],
  'nothing happened yet',
);

const agents = tablePanel(
  (view) => view.agents.shown,
  [
    { head: 'AGENT', cell: (agent) => (agent.name ?? agent.agent) + onNode(agent), wraps: true },
    { head: 'HOLDS', cell: ({ held }) => String(held) },
    { head: 'WAITS', cell: (agent) => String(agent.waiting) },
    { head: 'FOR', cell: ({ intention = '' }) => intention, wraps: true },
    {
      head: 'SEEN',
      cell: ({ lastSeen }, nowMs) =>
        lastSeen === null ? '' : `${formatDuration(Math.max(0, nowMs - Date.parse(lastSeen)))} ago`,
    },
  ],
  'no agent was seen within the hour',
);

const hotSpots = tablePanel(
  (view) => view.hotSpots,
  [
    { head: 'PATH', cell: ({ path }) => path, wraps: true },
    { head: 'DENIED', cell: ({ denied }) => String(denied) },
    { head: 'WAITED', cell: ({ waited }) => String(waited) },
    { head: 'AGENTS', cell: (spot) => String(spot.agents) },
    {
      head: '',
      cell: (spot, _nowMs, view) =>
        bar(
          spot.denied + spot.waited,
          view.hotSpots.map((it) => it.denied + it.waited),
        ),
    },
  ],
  'no two agents wanted the same within the hour',
);

const peers = tablePanel(
  (view) => view.status.peers,
  [
    { head: 'NAME', cell: ({ name }) => name, wraps: true },
    { head: 'STATE', cell: (peer) => (peer.relayed ? `${peer.state}, by relay` : peer.state) },
    { head: 'LACKS', cell: ({ ahead }) => (ahead === null ? '' : String(ahead)) },
    { head: 'HAS MORE', cell: ({ behind }) => (behind === null ? '' : String(behind)) },
    {
      head: 'ROUND TRIP',
      cell: ({ roundTripMs }) => (roundTripMs === null ? '' : `${Math.round(roundTripMs)} ms`),
    },
    { head: 'VERSION', cell: ({ version }) => version ?? '' },
  ],
  'this node works alone; others join with: agent-collab init, invite, join',
);

const store = tablePanel(
  ({ status }) => storeRows(status),
  [
    { head: 'PART', cell: ([part]) => part },
    { head: 'STATE', cell: ([, state]) => state, wraps: true },
  ],
  '',
);

const usage = tablePanel(
  ({ usage: { days, agents: byAgent, models } }) => [
    ...days.map(({ day, ...sum }) => ({ name: day, ...sum, of: days })),
    ...byAgent.map((sum) => ({ ...sum, of: byAgent })),
    ...models.map((sum) => ({ ...sum, of: models })),
  ],
  [
    { head: 'DAY, AGENT, MODEL', cell: ({ name }) => name, wraps: true },
    { head: 'TOKENS', cell: ({ tokens }) => String(tokens) },
    { head: 'COST', cell: ({ cost }) => `$${cost.toFixed(2)}` },
    {
      head: '',
      cell: ({ tokens, of }) =>
        bar(
          tokens,
          of.map((it) => it.tokens),
        ),
    },
  ],
  '',
);

/** Leases and waits as far as they fit in two thirds, and what happened last below. */
const now: Draw = async (view, how) => {
  const parts: string[] = [];
  const third = Math.max(3, Math.floor(how.height / 3));
  for (const [title, draw] of [
    ['leases', leases],
    ['waiting', waiting],
  ] as const) {
    const { lines } = await draw(view, { ...how, skip: 0, height: third - 1 });
    parts.push(how.screen.paint('cyan', title), ...lines);
  }
  const { lines, rows } = await timeline(view, {
    ...how,
    height: Math.max(1, how.height - parts.length - 1),
  });
  return { lines: [...parts, how.screen.paint('cyan', 'timeline'), ...lines], rows };
};

export const panels: Readonly<Record<PanelName, Panel>> = {
  now: { count: () => undefined, draw: now },
  leases: { count: ({ locks }) => locks.total, draw: leases },
  waiting: { count: ({ waiters }) => waiters.total, draw: waiting },
  agents: { count: (view) => view.agents.total, draw: agents },
  timeline: { count: () => undefined, draw: timeline },
  'hot spots': { count: (view) => view.hotSpots.length, draw: hotSpots },
  peers: { count: ({ status }) => status.peers.length, draw: peers },
  store: { count: () => undefined, draw: store },
  usage: { count: () => undefined, draw: usage },
};

function remaining(until: string, nowMs: number): string {
  const leftMs = Date.parse(until) - nowMs;
  return leftMs <= 0 ? 'over' : formatDuration(Math.ceil(leftMs / 1000) * 1000);
}

function waitersFor(lockId: string, { waiters }: OverviewView): string {
  return waiters.shown
    .filter(({ blockedBy }) => blockedBy.some((blocker) => blocker.lockId === lockId))
    .map(({ agent, agentName }) => agentName ?? agent)
    .join(', ');
}

function blockers({ blockedBy }: WaitView): string {
  return blockedBy
    .map((blocker) => {
      const who = (blocker.agentName ?? blocker.agent) + onNode(blocker);
      return `${who} ${blocker.kind === 'lease' ? 'holds' : 'waits ahead for'} ${blocker.target}`;
    })
    .join('; ');
}

function bar(value: number, all: readonly number[]): string {
  return '█'.repeat(Math.ceil((value / Math.max(1, ...all)) * barChars));
}

function storeRows({
  deltas,
  audit,
  lanes,
  store: { diskBytes },
  storage,
  readOnly,
  search,
  activity,
}: OverviewView['status']): readonly (readonly [string, string])[] {
  const { head, committed, flushed, indexed, count } = deltas;
  return [
    [
      'storage',
      storage === 'memory'
        ? 'MEMORY ONLY: nothing survives the end of the daemon'
        : `${storage}, ${formatBytes(diskBytes)} on disk`,
    ],
    ['writes', readOnly === null ? 'taken' : `REFUSED: ${readOnly.reason}`],
    [
      'log',
      `${counted(count, 'delta')}; newest ${head}, ${head - committed} not committed, ${head - flushed} not flushed, ${committed - indexed} not indexed`,
    ],
    ['audit', `${counted(audit.count, 'event')}, ${audit.pending} pending, ${audit.lost} lost`],
    ...Object.entries(lanes).map(([name, lane]) => [`lane ${name}`, laneState(lane)] as const),
    [
      'search',
      search === null ? 'not in use' : `${search.embedded} of ${search.entries} contexts have vectors`,
    ],
    [
      'doing',
      activity === null
        ? 'nothing'
        : `${activity.what}${activity.total > 0 ? `, ${Math.floor((activity.done / activity.total) * 100)} %` : ''}`,
    ],
  ];
}

function laneState({ state, pendingBytes, capacityBytes, restarts, error }: LaneView): string {
  const fill = `${formatBytes(pendingBytes)} of ${formatBytes(capacityBytes)} queued`;
  const again = restarts === 0 ? '' : `, restarted ${restarts} times`;
  return `${state === 'running' ? state : state.toUpperCase()}, ${fill}${again}${error === undefined ? '' : `: ${error.message}`}`;
}
