import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { homePaths } from '../../src/home/home-paths.ts';
import { openAuditTables } from '../../src/store/audit-tables.ts';
import { DigestBook } from '../../src/store/table-digest.ts';
import { auditEvent } from '../store/audit-store-contract.ts';
import { at } from '../store/store-fixture.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const burst = 24_000;

it('the audit lane writes a burst first and its index afterwards, and answers all the while', async (t) => {
  const disk = new StoresOnDisk();
  t.after(() => disk.remove());
  const stores = await disk.open();
  const holders = 240;
  for (let tick = 1; tick < burst; tick += 1)
    stores.audit.log(auditEvent(tick, { holder: `claude:${tick % holders}`, lock: `lock-${tick}` }));
  assert.equal(await stores.audit.logAsync(auditEvent(burst, { holder: 'claude:0' })), 'recorded');
  const tables = await openAuditTables(homePaths(disk.root).auditStore, { create: false });
  t.after(() => tables.environment.close());
  const indexed = () => {
    tables.environment.refresh();
    return new DigestBook(tables.meta).indexed;
  };
  const behind = burst - tables.holder.count();
  assert.ok(behind > 0, 'the index waits');
  const ask = async () => {
    const { events } = await stores.audit.query({ holder: 'claude:7' as never, limit: 1000 });
    assert.equal(events.length, burst / holders);
    const one = await stores.audit.query({ lock: 'lock-11' as never });
    assert.deepEqual(
      one.events.map((event) => event.at),
      [at(11)],
    );
  };
  await ask();
  while (indexed() < at(burst)) await delay(20);
  assert.equal(tables.holder.count(), burst);
  await ask();
  // And beside a quiet stream of events there is nothing to wait for.
  assert.equal(await stores.audit.logAsync(auditEvent(burst + 1)), 'recorded');
  assert.equal(indexed(), at(burst + 1));
  const { lost } = await stores.audit.stats();
  assert.equal(lost, 0);
  assert.deepEqual((await stores.verify()).problems, []);
});
