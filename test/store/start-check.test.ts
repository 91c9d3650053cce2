import assert from 'node:assert/strict';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import { AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { type Environment, openEnvironment } from '../../src/store/environment.ts';
import { MetaTable } from '../../src/store/meta-table.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import { positionKey } from '../../src/store/store-keys.ts';
import { auditEvent } from './audit-store-contract.ts';
import { hasCode } from './contract-fixture.ts';
import {
  alterFile,
  copyStores,
  makeStores,
  type Places,
  placesIn,
  type StoreName,
} from './damage-fixture.ts';
import { own } from './log-fixture.ts';
import { baseTime, tempDirectory } from './store-fixture.ts';

/** Writes past everything that keeps a store in order. */
async function alter(
  places: Places,
  store: StoreName,
  change: (environment: Environment, meta: MetaTable) => void,
): Promise<void> {
  const environment = openEnvironment(places[store], {
    durability: store === 'index' ? 'no-meta-sync' : 'flush',
  });
  const meta = new MetaTable(environment.table('meta'));
  environment.write(() => change(environment, meta));
  await environment.close();
}

/** What is wrong, and the words that say so. */
type Case = readonly [
  name: string,
  store: StoreName,
  words: RegExp,
  change: (environment: Environment, meta: MetaTable) => void,
];

function firstKey(environment: Environment, table: string): Buffer {
  for (const key of environment.table(table).keys()) return key;
  throw new Error(`${table} is empty`);
}

function firstValue(environment: Environment, table: string): Buffer {
  const value = environment.table(table).get(firstKey(environment, table));
  assert.ok(value);
  return value;
}

const logCases: readonly Case[] = [
  ['a head below the newest record', 'delta', /meta says/, (_, meta) => meta.put('head', 399)],
  ['a head above the newest record', 'delta', /meta says/, (_, meta) => meta.put('head', 401)],
  [
    'a record that is missing',
    'delta',
    /position 200: is missing/,
    (e) => void e.table('log').remove(positionKey(200)),
  ],
  ['the oldest record missing', 'delta', /meta says/, (e) => void e.table('log').remove(firstKey(e, 'log'))],
  [
    'a key that is no position',
    'delta',
    /log: has the positions|is missing from the log/,
    (e) => e.table('log').put(Buffer.from('nine bytes'), Buffer.from('x')),
  ],
  ['a floor above the head', 'delta', /fails/, (_, meta) => meta.put('floor', 500)],
  ['a floor below what is trimmed', 'delta', /fails/, (_, meta) => meta.put('floor', 2)],
  ['no floor', 'delta', /meta floor: is missing/, (_, meta) => meta.remove('floor')],
  ['no node', 'delta', /meta node: is missing/, (_, meta) => meta.remove('node')],
  ['no schema', 'delta', /meta schema: is missing, and log has/, (_, meta) => meta.remove('schema')],
  ['a meta value of the wrong form', 'delta', /wrong form/, (_, meta) => meta.put('clock', 'noon')],
  [
    'a meta value that fails its checksum',
    'delta',
    /checksum/,
    (e) => e.table('meta').put(Buffer.from('fence'), Buffer.from([1, 2, 3, 4, 5])),
  ],
];

const derivedCases: readonly Case[] = [
  [
    'a block missing',
    'index',
    /run \d+: has \d+ of its \d+ blocks/,
    (e) => void e.table('blocks').remove(firstKey(e, 'blocks')),
  ],
  [
    'a bit flipped in a block',
    'index',
    /block [0-9a-f]+: fails its checksum/,
    (e) => {
      const value = firstValue(e, 'blocks');
      value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
      e.table('blocks').put(firstKey(e, 'blocks'), value);
    },
  ],
  [
    'a block in the place of another',
    'index',
    /fails its checksum/,
    (e) => {
      const [first, last] = [firstKey(e, 'blocks'), [...e.table('blocks').keys()].at(-1)];
      e.table('blocks').put(Buffer.from(last ?? first), firstValue(e, 'blocks'));
    },
  ],
  [
    'a block whose key is none',
    'index',
    /block 7a7a: fails its checksum/,
    (e) => e.table('blocks').put(Buffer.from('zz'), Buffer.from([1])),
  ],
  ['no list of its runs', 'index', /runs: is missing/, (_, meta) => meta.remove('runs')],
  [
    'no mark of how far the index has come',
    'index',
    /applied: is missing/,
    (_, meta) => meta.remove('applied'),
  ],
  ...(['events', 'holder', 'lock', 'target', 'action'] as const).map(
    (table): Case => [
      `an entry missing from ${table}`,
      'audit',
      /entries than/,
      (e) => void e.table(table).remove(firstKey(e, table)),
    ],
  ),
  [
    'an event in the place of another',
    'audit',
    /events: has other entries/,
    (e) => e.table('events').put(firstKey(e, 'events'), Buffer.from(encodeAuditEvent(auditEvent(1)))),
  ],
];

describe('the check at the start', () => {
  const directory = tempDirectory({ after: (remove) => after(remove as () => void) });
  let original: Places;
  let places: Places;
  before(async () => {
    original = await makeStores(join(directory, 'original'));
  });

  async function problems(store: StoreName): Promise<string> {
    const check = await checkAtStart(places);
    const found = check[store].problems;
    assert.equal(check[store].state === 'damaged', found.length > 0);
    return found.map(({ where, what }) => `${where}: ${what}`).join('; ');
  }

  it('finds stores that are not there absent, and no damage', async (t) => {
    places = placesIn(tempDirectory(t));
    const { delta, index, audit, sound } = await checkAtStart(places);
    assert.deepEqual([delta.state, index.state, audit.state, sound], ['absent', 'absent', 'absent', true]);
  });

  it('finds no damage in stores that were only just begun', async (t) => {
    places = placesIn(tempDirectory(t));
    for (const store of ['delta', 'index', 'audit'] as const) {
      const environment = openEnvironment(places[store], { durability: 'flush' });
      environment.table('meta');
      await environment.close();
      assert.equal((await checkAtStart(places))[store].state, 'absent');
    }
    const log = await DeltaLogWriter.open(places.delta, { node: own.id });
    await (await DeltaIndexWriter.open(places.index, log.view)).close();
    await log.close();
    await (await AuditWriter.open(places.audit)).close();
    assert.equal((await checkAtStart(places)).sound, true);
  });

  it('finds stores sound that were worked with', async () => {
    places = copyStores(original, join(directory, 'work'));
    const { delta, index, audit, sound } = await checkAtStart(places);
    assert.deepEqual([delta.state, index.state, audit.state, sound], ['sound', 'sound', 'sound', true]);
  });

  for (const [name, store, words, change] of [...logCases, ...derivedCases])
    it(`finds ${name}`, async () => {
      places = copyStores(original, join(directory, 'work'));
      await alter(places, store, change);
      assert.match(await problems(store), words);
    });

  it('finds a table under another name', async () => {
    places = copyStores(original, join(directory, 'work'));
    alterFile(places.delta, (bytes) => {
      for (let at = bytes.indexOf('log\0'); at >= 0; at = bytes.indexOf('log\0', at)) bytes.write('low', at);
    });
    assert.match(await problems('delta'), /table log: is missing/);
  });

  it('finds a log that is gone beside its index', async () => {
    for (const damage of ['empty', 'remove'] as const) {
      places = copyStores(original, join(directory, 'work'));
      const file = join(places.delta, 'data.mdb');
      if (damage === 'empty') writeFileSync(file, '');
      else rmSync(file);
      assert.match(await problems('delta'), /is gone, the index was made from one that had 400 positions/);
    }
  });

  it('finds a log that was put back from before the index was made', async () => {
    places = copyStores(original, join(directory, 'work'));
    const log = await DeltaLogWriter.open(placesIn(join(directory, 'other')).delta, { node: own.id });
    await log.close();
    cpSync(join(directory, 'other', 'delta'), places.delta, { recursive: true });
    assert.match(await problems('delta'), /ends at position 0, the index was made from one that had 400/);
  });

  it('finds a trail that was emptied, removed or put back from before the last start', async () => {
    const newest = baseTime + 400;
    for (const damage of ['empty', 'remove', 'replace'] as const) {
      places = copyStores(original, join(directory, 'work'));
      const file = join(places.audit, 'data.mdb');
      if (damage === 'empty') writeFileSync(file, '');
      if (damage === 'remove') rmSync(file);
      if (damage === 'replace') {
        rmSync(file);
        const audit = await AuditWriter.open(places.audit);
        audit.append([{ at: auditEvent(5).at, frame: encodeAuditEvent(auditEvent(5)) }]);
        await audit.close();
      }
      const ends = damage === 'replace' ? baseTime + 5 : 0;
      assert.match(
        await problems('audit'),
        new RegExp(`end at ${ends}, the log has seen them reach ${newest}`),
      );
    }
  });

  it('takes a store of a newer version for no damage, so that it is refused as what it is', async () => {
    places = copyStores(original, join(directory, 'work'));
    for (const store of ['delta', 'index', 'audit'] as const)
      await alter(places, store, (_, meta) => meta.put('schema', 9));
    assert.equal((await checkAtStart(places)).sound, true);
    await assert.rejects(DeltaLogWriter.open(places.delta, { node: own.id }), hasCode('SCHEMA_NEWER'));
    await assert.rejects(AuditWriter.open(places.audit), hasCode('SCHEMA_NEWER'));
  });

  it('asks for no digests of stores from before there were any, and their writers make them', async () => {
    places = copyStores(original, join(directory, 'work'));
    await alter(places, 'audit', (_, meta) => meta.remove('digest'));
    await alter(places, 'delta', (_, meta) => meta.remove('auditNewest'));
    assert.equal((await checkAtStart(places)).sound, true);
    const log = await DeltaLogWriter.open(places.delta, { node: own.id });
    await (await AuditWriter.open(places.audit)).close();
    await log.close();
    assert.equal((await checkAtStart(places)).sound, true);
    await alter(places, 'audit', (e) => void e.table('lock').remove(firstKey(e, 'lock')));
    assert.equal((await checkAtStart(places)).audit.state, 'damaged');
  });
});
