import type { PeerView } from '../../src/control/cluster-views.ts';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { busyOverview } from './busy-overview.ts';
import { isoAfter, lane, selfNode } from './overview-parts.ts';

export function peer(name: string, node: string, rest: Partial<PeerView>): PeerView {
  return {
    node,
    name,
    state: 'connected',
    address: '/ip4/192.0.2.7/tcp/4001',
    direction: 'outbound',
    relayed: false,
    roundTripMs: 2.4,
    behind: 0,
    ahead: 0,
    lastSeen: isoAfter(-1_000),
    version: '0.5.0',
    offences: null,
    ...rest,
  };
}

/** The same on one of four nodes, one of which is away. */
export const clusterOverview: OverviewView = {
  ...busyOverview,
  status: {
    ...busyOverview.status,
    cluster: {
      id: 'cl_5e1',
      name: 'shop',
      epoch: 2,
      members: 4,
      connected: 2,
      addresses: [],
      gossip: { runs: 912, repeated: 40 },
    },
    peers: [
      peer('desk', selfNode, {
        state: 'self',
        address: null,
        direction: null,
        roundTripMs: null,
        behind: null,
        ahead: null,
      }),
      peer('laptop', '12D3KooWB1tP2qYw9uJkZt5vXW3mD8rEo4sHfLg6nCiA7jQbxa2c', { behind: 12 }),
      peer('build-1', '12D3KooWQ7mN4kRz8yPdLs2cVb6tGhJw3xKf5uEa9oTiY1qSnrMd', {
        relayed: true,
        roundTripMs: 48.2,
        ahead: 3,
      }),
      peer('build-2', '12D3KooWZ9xC8vBn7mLkJhGfDsAqWeRtYuIoP1a2S3d4F5g6H7j8', {
        state: 'away',
        address: null,
        direction: null,
        roundTripMs: null,
        behind: null,
        ahead: null,
        lastSeen: isoAfter(-900_000),
      }),
    ],
    locks: {
      ...busyOverview.status.locks,
      agreement: { epoch: 9, members: 4, reachable: 3, majority: true },
    },
  },
  locks: {
    ...busyOverview.locks,
    shown: busyOverview.locks.shown.map((it, at) =>
      at % 4 === 3
        ? { ...it, node: '12D3KooWB1tP2qYw9uJkZt5vXW3mD8rEo4sHfLg6nCiA7jQbxa2c', nodeName: 'laptop' }
        : it,
    ),
  },
};

/** What can be wrong with a daemon, all at once. */
export const brokenOverview: OverviewView = {
  ...clusterOverview,
  status: {
    ...clusterOverview.status,
    readOnly: { reason: 'the disk is full: 0 B are free' },
    storage: 'memory',
    warnings: ['the disk has 1.2 MiB left', 'the budget of this month is used up to 92 %'],
    violations: {
      count: 3,
      newest: { at: isoAfter(-5_000), what: 'src/session/login.ts was written past the lease of ada' },
    },
    audit: { count: 52_118, pending: 311, lost: 17 },
    activity: { what: 'writing the index anew', done: 340, total: 1_000 },
    locks: {
      ...clusterOverview.status.locks,
      agreement: { epoch: 9, members: 4, reachable: 1, majority: false },
    },
    deltas: { head: 18_422, committed: 18_110, flushed: 17_004, indexed: 12_001, floor: 0, count: 18_422 },
    peers: clusterOverview.status.peers.map((it, at) =>
      at === 2
        ? { ...it, state: 'cut off', offences: { count: 2, last: 'a signature that does not hold' } }
        : it,
    ),
    search: { model: 'voyage-3', embedded: 10, entries: 1_210, problem: 'the key was refused' },
    lanes: {
      persist: { ...lane, state: 'paused', pendingBytes: 7_900_000 },
      index: { ...lane, state: 'restarting', pendingBytes: 5_000_000, restarts: 4 },
      audit: { ...lane, state: 'failed', error: { code: 'DISK_FULL', message: 'no space left on device' } },
      compact: { ...lane, state: 'closed' },
    },
  },
};
