/** What the snapshots of the tests are made of: all of one made-up moment. */
import type { OverviewView, TimelineEntryView, WaitView } from '../../src/control/overview-views.ts';
import type { LockView, StatusView, TargetView } from '../../src/control/results.ts';

export const sampleTimeMs = Date.parse('2026-03-02T10:15:00.000Z');
export const project = 'github.com/acme/shop';
export const selfNode = '12D3KooWHsZsvF6EUYejj8KUwWLHQFAr5iYBrJ8ziYYWwgPhHzRv';

export function isoAfter(ms: number): string {
  return new Date(sampleTimeMs + ms).toISOString();
}

export function target(text: string): TargetView {
  const lines = /^(.*):(\d+)-(\d+)$/.exec(text);
  if (lines !== null) {
    const [, path = '', start, end] = lines;
    return { path, scope: { kind: 'lines', start: Number(start), end: Number(end) }, text };
  }
  const [path = '', symbol] = text.split('#');
  return symbol === undefined
    ? { path, scope: { kind: 'file' }, text }
    : { path, scope: { kind: 'symbol', symbol, name: symbol }, text };
}

export function lock(id: string, holder: string, text: string, rest: Partial<LockView> = {}): LockView {
  return {
    id,
    fence: 12,
    project,
    targets: [target(text)],
    mode: 'exclusive',
    holder,
    intention: 'Use the new session API',
    acquiredAt: isoAfter(-45_000),
    expiresAt: isoAfter(75_000),
    assurance: 'cluster',
    ...rest,
  };
}

export function wait(agent: string, text: string, by: LockView, rest: Partial<WaitView> = {}): WaitView {
  return {
    agent,
    targets: [target(text)],
    mode: 'exclusive',
    intention: 'Log failed logins',
    priority: 0,
    project,
    waitingSince: isoAfter(-24_000),
    until: isoAfter(96_000),
    blockedBy: [{ kind: 'lease', agent: by.holder, target: by.targets[0]?.text ?? '', lockId: by.id }],
    ...rest,
  };
}

export function entry(
  key: string,
  what: string,
  agent: string,
  text: string,
  rest: Partial<TimelineEntryView> = {},
): TimelineEntryView {
  return { key, at: isoAfter(-60_000), what, agent, project, targets: [text], text: '', ...rest };
}

export const lane = {
  state: 'running',
  pendingBytes: 0,
  capacityBytes: 8 * 1024 * 1024,
  restarts: 0,
} as const;

export const quietStatus: StatusView = {
  pid: 13143,
  version: '0.5.0',
  node: selfNode,
  startedAt: isoAfter(-8_520_000),
  home: '~/.agent-collab',
  socket: '~/.agent-collab/daemon.sock',
  port: 35563,
  project: null,
  cluster: null,
  peers: [],
  storage: 'lmdb',
  readOnly: null,
  locks: { held: 0, waiting: 0, agents: 0, fence: 0, agreement: null },
  deltas: { head: 0, committed: 0, flushed: 0, indexed: 0, floor: 0, count: 0 },
  audit: { count: 0, pending: 0, lost: 0 },
  violations: { count: 0, newest: null },
  search: null,
  lanes: { persist: lane, index: lane, audit: lane, compact: lane },
  store: { diskBytes: 81_920 },
  activity: null,
  warnings: [],
};

export const emptyOverview: OverviewView = {
  at: isoAfter(0),
  status: quietStatus,
  agents: { shown: [], total: 0 },
  locks: { shown: [], total: 0 },
  waiters: { shown: [], total: 0 },
  hotSpots: [],
  timeline: [],
  usage: { days: usageDays(() => 0), agents: [], models: [] },
};

/** Fourteen days up to that of the samples. */
export function usageDays(tokensOf: (day: number) => number): OverviewView['usage']['days'] {
  return Array.from({ length: 14 }, (_, at) => {
    const tokens = tokensOf(at);
    return { day: isoAfter((at - 13) * 86_400_000).slice(0, 10), tokens, cost: tokens * 0.0000042 };
  });
}
