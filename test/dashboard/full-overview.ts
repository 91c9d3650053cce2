import type { OverviewView } from '../../src/control/overview-views.ts';
import { busyOverview } from './busy-overview.ts';
import { entry, isoAfter, lock, wait } from './overview-parts.ts';

/** As much as the daemon sends at most. */
export function fullOverview(leases: number, waiters: number): OverviewView {
  const locks = Array.from({ length: leases }, (_, at) =>
    lock(`lk_${at}`, `agent-${at % 30}`, `src/part-${at % 17}/file-${at}.ts:${at}-${at + 20}`, {
      intention: `Do part ${at} of it`,
      expiresAt: isoAfter(30_000 + at * 500),
    }),
  );
  const waits = Array.from({ length: waiters }, (_, at) => {
    const by = locks[at % 40];
    if (by === undefined) throw new Error('a wait needs a lease');
    return wait(`waiter-${at}`, by.targets[0]?.text ?? '', by);
  });
  return {
    ...busyOverview,
    status: {
      ...busyOverview.status,
      locks: { ...busyOverview.status.locks, held: leases, waiting: waiters },
    },
    locks: { shown: locks, total: leases + 40 },
    waiters: { shown: waits, total: waiters },
    timeline: Array.from({ length: 200 }, (_, at) =>
      entry(`t${at}`, 'acquired', `agent-${at % 30}`, `src/file-${at}.ts`),
    ),
  };
}
