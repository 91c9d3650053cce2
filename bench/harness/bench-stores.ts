import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openLmdbStores } from '../../src/daemon/lmdb-stores.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { nodeKey } from './records.ts';

/** The stores as the daemon has them: queues, four lanes in threads of their own, and this thread's handles. */
export function openBenchStores(directory: string): Promise<OpenStores> {
  return openLmdbStores({
    paths: homePaths(directory),
    key: nodeKey,
    clock: systemClock,
    logger: silentLogger,
    mapSizeBytes: 16 * 2 ** 30,
    ringCapacity: 10_000,
  });
}

/** Resolves when all that was saved is on disk and in the index. */
export async function settled(stores: OpenStores): Promise<void> {
  await stores.deltas.committed();
  for (;;) {
    const { head, indexed } = await stores.deltas.stats();
    if (indexed >= head) return;
    await delay(1);
  }
}

/** Resolves when every lane has its store open: threads take a moment to start. */
export async function lanesReady(stores: OpenStores): Promise<void> {
  await stores.reserveFences(1);
  await stores.audit.query({ limit: 1 });
  await stores.deltas.compact(0 as HlcTime);
}
