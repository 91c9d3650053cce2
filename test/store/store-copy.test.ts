import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId } from '../../src/base/ids.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { inspectEnvironment } from '../../src/store/inspect.ts';
import { compactAudit, compactLog } from '../../src/store/retention.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import {
  copyAudit,
  copyDirectory,
  copyIndex,
  copyLog,
  storeNames,
  tighten,
} from '../../src/store/store-copy.ts';
import type { Table } from '../../src/store/table.ts';
import { verifyStores } from '../../src/store/verify.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { auditEvent } from './audit-store-contract.ts';
import { placesIn, type StoreName } from './damage-fixture.ts';
import { append, openParts, own, type Parts } from './log-fixture.ts';
import { Author, baseTime } from './store-fixture.ts';

interface Original extends Parts {
  readonly audit: AuditWriter;
  readonly author: Author;
}

/** Deltas and events whose older half retention has dropped. */
async function original(t: TestContext): Promise<Original> {
  const parts = await openParts(t);
  const audit = await AuditWriter.open(join(parts.directory, 'audit'));
  t.after(() => audit.close());
  const stores = { ...parts, audit, author: new Author(own) };
  for (let part = 0; part < 30; part++) add(stores);
  const { index, log } = parts;
  index.applyUpTo(Number.MAX_SAFE_INTEGER);
  const middle = log.view.delta(1500).time;
  for (const _ of compactLog(log.view, index.tables, { before: middle }));
  for (const _ of compactAudit(audit.tables, (baseTime + 1500) as HlcTime));
  return stores;
}

function add(stores: Original, toIndex?: number): void {
  append(stores, stores.author.owns(100, { payload: { path: 'src/a.ts', text: 'x'.repeat(300) } }));
  const tick = Math.max(stores.audit.newest(), baseTime) - baseTime;
  const events = Array.from({ length: 100 }, (_, at) => auditEvent(tick + at + 1));
  stores.audit.append(
    events.map((event) => ({ at: event.at, frame: encodeAuditEvent(event) })),
    toIndex,
  );
}

function copyOf({ log, audit, directory }: Original, store: StoreName): AsyncGenerator<undefined> {
  const to = copyDirectory(join(directory, store));
  if (store === 'delta') return copyLog(log.view, to);
  return store === 'index' ? copyIndex(log.view, to) : copyAudit(audit.tables, to);
}

function contents(table: Table): readonly string[] {
  return [...table.entries()].map(({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`);
}

async function assertEqual(stores: Original): Promise<void> {
  const { directory, log, reader, audit } = stores;
  const [delta, index, trail] = storeNames.map((store) => copyDirectory(join(directory, store)));
  const places = { delta: delta ?? '', index: index ?? '', audit: trail ?? '' };
  const { sound, problems } = await verifyStores(places);
  assert.deepEqual([problems, sound], [[], true]);
  const copy = await DeltaReader.open(places);
  assert.deepEqual(contents(copy.log.log), contents(log.view.log));
  assert.deepEqual(copy.log.state(), log.view.state());
  assert.equal(copy.snapshot().applied, log.headState().head);
  const [all, copied] = [reader, copy].map((of) => of.getBySource(own.id, 10_000).map(({ id }) => id));
  assert.deepEqual(copied, all);
  await copy.close();
  const copiedAudit = await AuditWriter.open(places.audit);
  assert.deepEqual(contents(copiedAudit.tables.events), contents(audit.tables.events));
  assert.equal(copiedAudit.newest(), audit.newest());
  const query = { limit: 10_000, holder: 'claude:one' as AgentId };
  assert.deepEqual(
    new AuditReader(copiedAudit.tables).query(query),
    new AuditReader(audit.tables).query(query),
  );
  await copiedAudit.close();
}

describe('a copy of the stores', () => {
  it('goes on wherever it was stopped, with what was written meanwhile, and ends up equal', async (t) => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const stores = await original(t);
    for (const store of storeNames)
      for (let pass = 0; pass < 4; pass++) {
        let left = pass === 3 ? Number.MAX_SAFE_INTEGER : random.int(0, 2);
        // Left like this by a kill: what was committed is there, the generator is gone.
        for await (const _ of copyOf(stores, store)) if (left-- === 0) break;
        if (pass < 3) add(stores);
      }
    for (const store of storeNames) for await (const _ of copyOf(stores, store));
    stores.index.applyUpTo(Number.MAX_SAFE_INTEGER);
    await assertEqual(stores);
    t.diagnostic(`seed ${seed}`);
  });

  it('of a trail has its index as far as the trail has, and goes on from there', async (t) => {
    const stores = await original(t);
    const entries = stores.audit.tables.holder.count();
    for (let part = 0; part < 30; part++) add(stores, 0);
    for (const store of storeNames) for await (const _ of copyOf(stores, store));
    stores.index.applyUpTo(Number.MAX_SAFE_INTEGER);
    for await (const _ of copyOf(stores, 'index'));
    await assertEqual(stores);
    const copy = await AuditWriter.open(copyDirectory(join(stores.directory, 'audit')));
    t.after(() => copy.close());
    assert.equal(copy.tables.events.count(), entries + 3000);
    assert.equal(copy.tables.holder.count(), entries);
    while (copy.unindexed > 0) copy.indexOldest(1000);
    assert.equal(copy.tables.holder.count(), entries + 3000);
  });

  it('ends where the stores ended, also beside authors who never pause', async (t) => {
    const stores = await original(t);
    for (const store of storeNames) {
      let steps = 0;
      for await (const _ of copyOf(stores, store)) {
        add(stores);
        steps += 1;
        assert.ok(steps < 20, `${store}: no end after ${steps} steps`);
      }
    }
    stores.index.applyUpTo(Number.MAX_SAFE_INTEGER);
    for (const store of storeNames) for await (const _ of copyOf(stores, store));
    await assertEqual(stores);
  });

  it('is no store until it is finished', async (t) => {
    const stores = await original(t);
    for (let part = 0; part < 30; part++) add(stores);
    const place = copyDirectory(join(stores.directory, 'delta'));
    for await (const _ of copyOf(stores, 'delta')) break;
    const { delta } = await checkAtStart({ ...placesIn(stores.directory), delta: place });
    assert.equal(delta.state, 'damaged');
  });

  it('has no free pages to speak of when it is written once more, and is the same', async (t) => {
    const stores = await original(t);
    stores.index.applyUpTo(Number.MAX_SAFE_INTEGER);
    for (const store of storeNames) {
      for await (const _ of copyOf(stores, store));
      const place = copyDirectory(join(stores.directory, store));
      for await (const _ of tighten(place));
      const { problems, freePages } = inspectEnvironment(place);
      assert.deepEqual([problems, freePages], [[], 0], store);
      assert.deepEqual(readdirSync(place), ['data.mdb']);
      assert.equal(statSync(join(place, 'data.mdb')).mode & 0o777, 0o600);
    }
    await assertEqual(stores);
  });

  it('stays sound through the first transactions after it was written once more', async (t) => {
    const stores = await original(t);
    for (const store of storeNames) {
      for await (const _ of copyOf(stores, store));
      for await (const _ of tighten(copyDirectory(join(stores.directory, store))));
    }
    for (let round = 0; round < 5; round++) {
      add(stores);
      stores.index.applyUpTo(Number.MAX_SAFE_INTEGER);
      for (const store of storeNames) {
        for await (const _ of copyOf(stores, store));
        const { problems } = inspectEnvironment(copyDirectory(join(stores.directory, store)));
        assert.deepEqual(problems, [], `${store}, round ${round}`);
      }
    }
    await assertEqual(stores);
  });
});
