import assert from 'node:assert/strict';
import { it } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { openAuditTables, targetPath } from '../../src/store/audit-tables.ts';
import { LmdbAuditStore } from '../../src/store/lmdb-audit-store.ts';
import { MemoryAuditStore } from '../../src/store/memory-audit-store.ts';
import { auditEvent, auditStoreContract } from './audit-store-contract.ts';
import { hasCode } from './contract-fixture.ts';
import { at, tempDirectory } from './store-fixture.ts';

auditStoreContract('MemoryAuditStore', () => ({ open: async () => new MemoryAuditStore() }), {
  durable: false,
});

auditStoreContract(
  'LmdbAuditStore',
  (t) => {
    const directory = tempDirectory(t);
    return { open: () => LmdbAuditStore.open(directory) };
  },
  { durable: true },
);

for (const [name, open] of [
  ['MemoryAuditStore', async () => new MemoryAuditStore()],
  ['LmdbAuditStore', (directory: string) => LmdbAuditStore.open(directory)],
] as const) {
  it(`${name} counts an event as lost when its time is not above the last`, async (t) => {
    const store = await open(tempDirectory(t));
    assert.equal(await store.logAsync(auditEvent(5)), 'recorded');
    assert.equal(await store.logAsync(auditEvent(5, { holder: 'other' })), 'lost');
    assert.equal(await store.logAsync(auditEvent(4)), 'lost');
    const { count, lost } = await store.stats();
    assert.deepEqual({ count, lost }, { count: 1, lost: 2 });
    await store.close();
    assert.equal(await store.logAsync(auditEvent(6)), 'lost');
  });
}

it('writes a batch that is applied again only once', async (t) => {
  const writer = await AuditWriter.open(tempDirectory(t));
  const records = [1, 2, 3].map((tick) => ({ at: at(tick), frame: encodeAuditEvent(auditEvent(tick)) }));
  assert.deepEqual(writer.append(records), { written: 3, newest: at(3) });
  assert.deepEqual(writer.append(records), { written: 0, newest: at(3) });
  const late = { at: at(5), frame: encodeAuditEvent(auditEvent(5)) };
  assert.deepEqual(writer.append([...records.slice(1), late]), { written: 1, newest: at(5) });
  assert.equal(new AuditReader(writer.tables).count(), 4);
  await writer.close();
});

it('never overwrites an event: another one under its time is refused and nothing of the batch is written', async (t) => {
  const writer = await AuditWriter.open(tempDirectory(t));
  const record = (tick: number, holder: string) => ({
    at: at(tick),
    frame: encodeAuditEvent(auditEvent(tick, { holder })),
  });
  writer.append([record(1, 'one'), record(2, 'one')]);
  assert.throws(() => writer.append([record(3, 'one'), record(2, 'two')]), hasCode('STORE_DAMAGED'));
  const reader = new AuditReader(writer.tables);
  assert.deepEqual(
    reader.query().events.map(({ holder }) => holder),
    ['one', 'one'],
  );
  await writer.close();
});

it('takes frames that lie in shared memory', async (t) => {
  const writer = await AuditWriter.open(tempDirectory(t));
  const frame = encodeAuditEvent(auditEvent(1));
  const shared = new Uint8Array(new SharedArrayBuffer(frame.length));
  shared.set(frame);
  writer.append([{ at: at(1), frame: shared }]);
  assert.equal(new AuditReader(writer.tables).query().events.length, 1);
  await writer.close();
});

it('says STORE_DAMAGED when an index names an event that is not there', async (t) => {
  const writer = await AuditWriter.open(tempDirectory(t));
  writer.append([{ at: at(1), frame: encodeAuditEvent(auditEvent(1)) }]);
  const [key] = [...writer.tables.events.keys()];
  assert.ok(key);
  writer.tables.environment.write(() => writer.tables.events.remove(key));
  const reader = new AuditReader(writer.tables);
  const { holder } = auditEvent(1);
  assert.ok(holder);
  assert.throws(() => reader.query({ holder }), hasCode('STORE_DAMAGED'));
  await writer.close();
});

it('refuses an audit log of a newer schema', async (t) => {
  const directory = tempDirectory(t);
  const tables = await openAuditTables(directory);
  tables.environment.write(() => tables.meta.put('schema', 2));
  await tables.environment.close();
  await assert.rejects(() => AuditWriter.open(directory), hasCode('SCHEMA_NEWER'));
});

it('takes the path from a target as people write it', () => {
  const expected = {
    'src/a.ts': 'src/a.ts',
    'src/a.ts:10-20': 'src/a.ts',
    'src/a.ts:10-': 'src/a.ts',
    'src/a.ts:10': 'src/a.ts',
    'src/a.ts:10--1': 'src/a.ts',
    'src/a.ts#function:login': 'src/a.ts',
    'src/a.ts#method:A#b:c': 'src/a.ts',
    'src/a#b.ts': 'src/a#b.ts',
    'src/a:b.ts': 'src/a:b.ts',
    'src/auth/**': 'src/auth/**',
    ':3': ':3',
    '': '',
  };
  for (const [target, path] of Object.entries(expected)) assert.equal(targetPath(target), path, target);
});
