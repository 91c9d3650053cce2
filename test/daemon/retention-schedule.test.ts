/** What a run of retention drops, and what it gives back to the disk, on real stores. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { HybridClock } from '../../src/base/hybrid-clock.ts';
import type { AgentId, ProjectId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/log.ts';
import { DeltaService } from '../../src/daemon/delta-service.ts';
import { createMemoryStores } from '../../src/daemon/memory-stores.ts';
import { type RetentionLimits, RetentionSchedule } from '../../src/daemon/retention-schedule.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import { StoresOnDisk } from '../offload/offload-fixture.ts';

const project = 'github.com/acme/app' as ProjectId;
const agent = 'claude:one' as AgentId;
const mib = 2 ** 20;

async function share(stores: OpenStores, disk: StoresOnDisk, count: number): Promise<void> {
  const clock = new HybridClock(systemClock, stores.newest);
  const { nodeId } = disk.key;
  const deltas = new DeltaService({ store: stores.deltas, clock, node: nodeId, logger: silentLogger });
  for (let number = 0; number < count; number++) {
    const payload = { path: `src/file-${number % 9}.ts`, content: `text ${number} ${'x'.repeat(1500)}` };
    await deltas.append({ agent, project, type: 'context', payload }, 'accepted');
    if (number % 500 === 0) await stores.deltas.committed();
  }
  await stores.deltas.committed();
}

function schedule(t: TestContext, stores: OpenStores, limits: Partial<RetentionLimits>): RetentionSchedule {
  const all = { deltaDays: 30, deltaBytes: null, auditDays: 90, ...limits };
  const made = new RetentionSchedule({ stores, clock: systemClock, logger: silentLogger }, all);
  t.after(() => made.close());
  return made;
}

it('cuts a log over its size to below it, the oldest first, and nothing of one below it', async (t) => {
  const disk = new StoresOnDisk();
  t.after(() => disk.remove());
  const stores = await disk.open();
  await share(stores, disk, 6000);
  const used = await stores.usedBytes();
  assert.ok(used > 8 * mib, `${used}`);
  const limit = Math.floor(used / 3);
  assert.equal((await schedule(t, stores, { deltaBytes: used + mib }).run()).dropped, 0);
  const { dropped, floor, reclaimedBytes } = await schedule(t, stores, { deltaBytes: limit }).run();
  assert.ok(dropped > 0 && floor === dropped + 1, `${dropped} ${floor}`);
  const cut = await stores.usedBytes();
  assert.ok(cut <= limit, `${cut} of ${limit}`);
  const left = await stores.deltas.getSince({}, { limit: 10_000 });
  assert.deepEqual([left.length, left[0]?.position], [6000 - dropped, floor]);
  // Not much more went than had to.
  assert.ok(cut > limit / 2, `${cut} of ${limit}`);
  const file = statSync(join(disk.root, 'lmdb', 'delta', 'data.mdb')).size;
  assert.ok(reclaimedBytes > 0 && file < limit * 2, `${reclaimedBytes} ${file}`);
  assert.deepEqual((await stores.verify()).problems, []);
});

it('has nothing to cut in memory', async (t) => {
  const stores = createMemoryStores({ clock: systemClock });
  t.after(() => stores.close());
  const result = await schedule(t, stores, { deltaBytes: 16 * mib }).run();
  assert.deepEqual(result, { dropped: 0, floor: 1, auditDropped: 0, reclaimedBytes: 0 });
});
