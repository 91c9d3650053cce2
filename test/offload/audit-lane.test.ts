import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import type { LaneStart } from '../../src/offload/contract.ts';
import { encodeNumbers, frameKind } from '../../src/queue/lane-frames.ts';
import type { Frame } from '../../src/queue/queue-consumer.ts';
import { openAuditTables } from '../../src/store/audit-tables.ts';
import { DigestBook } from '../../src/store/table-digest.ts';
import { open } from '../../workers/audit-lane.ts';
import { auditEvent } from '../store/audit-store-contract.ts';
import { at, tempDirectory } from '../store/store-fixture.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const burst = 24_000;
const mapSizeBytes = 2 ** 30;

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

it('the audit lane leaves the index to the next start when it is closed', async (t) => {
  const audit = tempDirectory(t);
  const tables = await openAuditTables(audit, { mapSizeBytes });
  t.after(() => tables.environment.close());
  // The lane itself needs no more of it.
  const start = { places: { audit, mapSizeBytes } } as unknown as LaneStart;
  const work = await open(start);
  const frame = (tick: number): Frame => {
    const event = auditEvent(tick);
    const payload = Buffer.concat([encodeNumbers(event.at), encodeAuditEvent(event)]);
    return { kind: frameKind.event, payload: Uint8Array.from(payload), ticket: tick };
  };
  const counts = () => {
    tables.environment.refresh();
    return [tables.events.count(), tables.holder.count(), work.hasMore?.()];
  };
  work.apply([frame(1)], false);
  assert.deepEqual(counts(), [1, 1, false]);
  work.apply([frame(2), frame(3)], true);
  assert.deepEqual(counts(), [3, 1, true]);
  await work.close();
  const next = await open(start);
  assert.equal(next.hasMore?.(), true);
  next.idle?.();
  assert.equal(next.hasMore?.(), false);
  assert.equal(counts()[1], 3);
  await next.close();
});
