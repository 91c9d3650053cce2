import type { OverviewView, TimelineEntryView } from '../../src/control/overview-views.ts';
import type { LockView } from '../../src/control/results.ts';

/** The moment of the sample. */
export const sampleMs = Date.UTC(2026, 0, 1, 12);
const iso = (afterMs: number) => new Date(sampleMs + afterMs).toISOString();

function lock(at: number, rest: Partial<LockView> = {}): LockView {
  const path = `src/f${at}.ts`;
  return {
    id: `lk_${at}`,
    fence: at,
    project: 'example.org/acme/app',
    targets: [{ path, scope: { kind: 'file' }, text: path }],
    mode: 'exclusive',
    holder: `agent-${at}`,
    intention: `work ${at}`,
    acquiredAt: iso(-1000),
    expiresAt: iso(120_000),
    assurance: 'cluster',
    ...rest,
  };
}

function happened(at: number): TimelineEntryView {
  return {
    key: `k${at}`,
    at: iso(-1000 * at),
    what: 'acquired',
    agent: `agent-${at}`,
    targets: [`src/f${at}.ts`],
    text: `work ${at}`,
  };
}

const lane = { state: 'running', pendingBytes: 0, capacityBytes: 1024, restarts: 0 } as const;

/** An overview of so many leases, the first of which somebody waits for. */
export function overviewSample(leases: number, rest: Partial<OverviewView> = {}): OverviewView {
  const locks = Array.from({ length: leases }, (_, at) => lock(at + 1));
  return {
    at: iso(0),
    status: {
      pid: 1,
      version: '0.5.0',
      node: '12D3KooWNode',
      startedAt: iso(-60_000),
      home: '/h',
      socket: null,
      port: 1,
      project: null,
      cluster: null,
      peers: [],
      storage: 'lmdb',
      readOnly: null,
      locks: { held: leases, waiting: 1, agents: 2, fence: 9, agreement: null },
      deltas: { head: 12, committed: 12, flushed: 10, indexed: 11, floor: 1, count: 12 },
      audit: { count: 7, pending: 0, lost: 0 },
      violations: { count: 0, newest: null },
      search: null,
      lanes: { persist: lane, index: lane, audit: lane, compact: lane },
      store: { diskBytes: 2048 },
      activity: null,
      warnings: [],
    },
    agents: { shown: [], total: 0 },
    locks: { shown: locks, total: leases },
    waiters: {
      shown: [
        {
          agent: 'waiter',
          targets: [{ path: 'src/f1.ts', scope: { kind: 'file' }, text: 'src/f1.ts' }],
          mode: 'exclusive',
          intention: 'i',
          priority: 0,
          project: 'example.org/acme/app',
          waitingSince: iso(-5000),
          until: iso(30_000),
          blockedBy: [{ kind: 'lease', agent: 'agent-1', target: 'src/f1.ts', lockId: 'lk_1' }],
        },
      ],
      total: 1,
    },
    hotSpots: [],
    timeline: Array.from({ length: 30 }, (_, at) => happened(at + 1)),
    usage: { days: [], agents: [], models: [] },
    ...rest,
  };
}
