import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { AuditWriter } from '../../src/store/audit-log.ts';
import { openEnvironment } from '../../src/store/environment.ts';
import { MetaTable } from '../../src/store/meta-table.ts';
import { repairStores } from '../../src/store/repair.ts';
import { positionKey } from '../../src/store/store-keys.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { hasCode } from './contract-fixture.ts';
import {
  alterFile,
  copyStores,
  makeStores,
  type Places,
  readFiles,
  type StoreName,
  storeNames,
} from './damage-fixture.ts';
import { own } from './log-fixture.ts';
import { mendAndServe } from './mend-and-serve.ts';
import { type Contents, type RecordPlace, readContents, recordPlaces } from './record-places.ts';
import { assertKept, assertOwnSeqs, keptRecords } from './repair-fixture.ts';
import { tempDirectory } from './store-fixture.ts';

const page = 4096;
const nothingLost = { deltas: 0, auditEvents: 0, atLeast: false };

/** What happens to a file, and which records it takes with it. */
type Loss = readonly [
  name: string,
  damage: (bytes: Buffer) => unknown,
  takes: (place: RecordPlace, fileBytes: number) => boolean,
];

const losses: readonly Loss[] = [
  ['is empty', () => Buffer.alloc(0), () => true],
  ['is all zeros', (bytes) => Buffer.alloc(bytes.length), () => true],
  [
    'is bytes drawn at random',
    (bytes) => {
      const random = seededRandom(7);
      for (let at = 0; at < bytes.length; at++) bytes[at] = random.int(0, 255);
    },
    () => true,
  ],
  ['is cut in its head', (bytes) => bytes.subarray(0, 1000), () => true],
  ['is cut after its meta pages', (bytes) => bytes.subarray(0, 2 * page), () => true],
  [
    'is cut in its middle',
    (bytes) => bytes.subarray(0, half(bytes.length)),
    ({ to }, fileBytes) => to > half(fileBytes),
  ],
  ['lost both meta pages', (bytes) => void bytes.fill(0x5a, 0, 2 * page), () => false],
  ['lost one meta page', (bytes) => void bytes.fill(0, page, 2 * page), () => false],
];

function half(bytes: number): number {
  return Math.floor(bytes / 2 / page) * page + 100;
}

describe('a repair', () => {
  const directory = tempDirectory({ after: (remove) => after(remove as () => void) });
  let original: Places;
  let was: Contents;
  let records: readonly RecordPlace[];
  let places: Places;
  let asideDirectory: string;
  before(async () => {
    original = await makeStores(join(directory, 'original'));
    was = await readContents(copyStores(original, join(directory, 'read')));
    records = recordPlaces(original);
  });

  function fresh(): void {
    places = copyStores(original, join(directory, 'work'));
    asideDirectory = join(directory, 'work', 'aside');
  }

  const options = () => ({ node: own.id, asideDirectory });

  it('leaves sound stores as they are', async () => {
    fresh();
    const files = readFiles(places);
    assert.deepEqual(await repairStores(places, options()), { aside: [], rebuilt: [], lost: nothingLost });
    assert.deepEqual(readFiles(places), files);
    assert.ok(!readdirSync(join(directory, 'work')).includes('aside'));
  });

  for (const store of ['delta', 'audit'] as const)
    for (const [name, damage, takes] of losses)
      it(`gets all that is left of ${store} when its file ${name}`, async () => {
        fresh();
        const bytes = readFiles(places)[store].length;
        alterFile(places[store], damage);
        const kept = keptRecords(was, records, (place) => place.store === store && takes(place, bytes));
        const damaged = readFiles(places)[store];
        const mended = await mendAndServe(places, asideDirectory);
        assertKept(was, kept, mended);
        assertOwnSeqs(was, mended.contents, own.id);
        assert.deepEqual(mended.repair.rebuilt, store === 'delta' ? ['delta', 'index'] : ['audit']);
        if (!takes({ store, record: 0, from: 0, to: Number.MAX_SAFE_INTEGER }, bytes))
          assert.deepEqual(mended.repair.lost, nothingLost);
        const [aside = ''] = mended.repair.aside;
        assert.deepEqual(readFileSync(join(aside, 'data.mdb')), damaged, 'the damaged file is kept');
      });

  it('makes an index anew, whatever its file is like', async () => {
    for (const [name, damage] of losses) {
      fresh();
      alterFile(places.index, damage);
      const { repair, contents } = await mendAndServe(places, asideDirectory);
      // One that is empty was merely never made: whoever opens it makes it.
      const rebuilt = name === 'is empty' ? [] : ['index'];
      assert.deepEqual([repair.rebuilt, repair.lost, contents], [rebuilt, nothingLost, was], name);
    }
  });

  it('gets every undamaged record out of files with many damaged pages', async () => {
    /** For a long run: REPAIRS=500. */
    const rounds = Number(process.env.REPAIRS ?? 10);
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < rounds; round++) {
      fresh();
      const hit = { delta: new Set<number>(), index: new Set<number>(), audit: new Set<number>() };
      for (const store of storeNames)
        alterFile(places[store], (bytes) => {
          for (let left = random.int(0, 12); left > 0; left--) {
            const at = random.int(0, bytes.length / page - 1);
            hit[store].add(at);
            const fill = random.pick([0, 0xff, 0x5a, random.int(0, 255)]);
            bytes.fill(fill, at * page, (at + 1) * page);
          }
        });
      const touches = ({ store, from, to }: RecordPlace) => {
        for (let at = Math.floor(from / page); at * page < to; at++) if (hit[store].has(at)) return true;
        return false;
      };
      const what = JSON.stringify([seed, round, [...hit.delta], [...hit.index], [...hit.audit]]);
      try {
        const mended = await mendAndServe(places, asideDirectory);
        assertKept(was, keptRecords(was, records, touches), mended);
        assertOwnSeqs(was, mended.contents, own.id);
      } catch (error) {
        throw new Error(`seed, round and pages: ${what}: ${error instanceof Error ? error.stack : error}`);
      }
    }
  });

  it('falls below nothing that others know of a log that is gone', async () => {
    fresh();
    for (const store of ['delta', 'index', 'audit'] as const) rmSync(join(places[store], 'data.mdb'));
    const witness = { head: 500, fence: 70_000, auditNewest: 9_000_000 as HlcTime };
    // Stores that were never there are no damage: only a daemon knows better.
    assert.deepEqual((await repairStores(places, options())).rebuilt, []);
    alterFile(copyStores(original, join(directory, 'work')).delta, () => Buffer.alloc(page));
    const { rebuilt, lost } = await repairStores(places, { ...options(), witness });
    assert.deepEqual([rebuilt, lost.deltas], [['delta', 'index'], 500]);
    const { state, seqs } = await readContents(places);
    assert.equal(state.head, 500);
    assert.ok(state.fence > 70_000 && (seqs[own.id] ?? 0) >= 500);
  });

  it('counts a loss when nothing is left of a trail but that much was written to it, and none of one that was just made', async () => {
    for (const [trail, lost] of [
      ['full', { ...nothingLost, auditEvents: 1, atLeast: true }],
      ['empty', nothingLost],
    ] as const) {
      fresh();
      // No log that would know how far the trail went.
      for (const store of ['delta', 'index'] as const) rmSync(join(places[store], 'data.mdb'));
      if (trail === 'empty') {
        rmSync(places.audit, { recursive: true });
        await (await AuditWriter.open(places.audit)).close();
      }
      alterFile(places.audit, (bytes) => bytes.subarray(0, 3 * page + 206));
      assert.deepEqual((await repairStores(places, options())).lost, lost, trail);
    }
  });

  it('gives no number twice when nothing tells how far a log went that was cut', async () => {
    fresh();
    rmSync(join(places.index, 'data.mdb'));
    alterFile(places.delta, (bytes) => bytes.subarray(0, half(bytes.length)));
    const mended = await mendAndServe(places, asideDirectory);
    assert.ok(mended.repair.lost.atLeast);
    assert.ok(mended.contents.state.head >= was.state.head);
    assertOwnSeqs(was, mended.contents, own.id);
  });

  it('reads a compact copy, whose other meta page tells nothing, though a page has a wrong number', async () => {
    const compact = openEnvironment(copyStores(original, join(directory, 'compact')).audit, {
      durability: 'flush',
    });
    await compact.copyTo(join(directory, 'copy'), true);
    await compact.close();
    const copied = readFileSync(join(directory, 'copy', 'data.mdb'));
    for (let at = 2 * page; at < copied.length; at += page) {
      fresh();
      alterFile(places.audit, () => {
        const bytes = Buffer.from(copied);
        bytes.writeUInt8(bytes.readUInt8(at + 1) ^ 8, at + 1);
        return bytes;
      });
      const { lost } = await repairStores(places, options());
      assert.deepEqual([lost, await readContents(places)], [nothingLost, was], `page ${at / page}`);
    }
  });

  it('does not know whose log it is when nothing tells, and then changes nothing', async () => {
    fresh();
    alterFile(places.delta, () => Buffer.alloc(page));
    const files = readFiles(places);
    await assert.rejects(repairStores(places, { asideDirectory }), hasCode('STORE_DAMAGED'));
    assert.deepEqual(readFiles(places), files);
  });

  it('refuses a store of a newer version, and leaves it as it is', async () => {
    for (const store of storeNames) {
      fresh();
      const environment = openEnvironment(places[store], { durability: 'flush' });
      const meta = new MetaTable(environment.table('meta'));
      environment.write(() => meta.put('schema', 7));
      await environment.close();
      // And damaged besides.
      alterFile(places[store], (bytes) => void bytes.fill(0, page, page + 100));
      const files = readFiles(places);
      await assert.rejects(repairStores(places, options()), hasCode('SCHEMA_NEWER'), store);
      assert.deepEqual(readFiles(places), files);
    }
  });

  it('refuses a file of another format of LMDB, and leaves it as it is', async () => {
    fresh();
    alterFile(places.delta, (bytes) => {
      for (const at of [0, page]) bytes.writeUInt32LE(3, at + 28);
    });
    const files = readFiles(places);
    await assert.rejects(repairStores(places, options()), hasCode('SCHEMA_NEWER'));
    assert.deepEqual(readFiles(places), files);
  });

  it('keeps what it found wrong, and the bytes that stood where a record should be', async () => {
    fresh();
    const record = records.find(({ store, record }) => store === 'delta' && record === 200);
    assert.ok(record);
    alterFile(places.delta, (bytes) => void bytes.fill(0x77, record.to - 20, record.to));
    const { aside, lost } = await repairStores(places, options());
    assert.deepEqual(lost, { ...nothingLost, deltas: 1 });
    const [kept = ''] = aside;
    assert.deepEqual(readdirSync(kept).sort(), ['data.mdb', 'position-200.bin', 'report.json']);
    const bytes = readFileSync(join(kept, 'position-200.bin'));
    assert.ok(bytes.subarray(-20).every((byte) => byte === 0x77));
    const report = JSON.parse(readFileSync(join(kept, 'report.json'), 'utf8')) as {
      problems: { where: string }[];
    };
    assert.equal(report.problems[0]?.where, 'position 200');
  });

  it('repairs a trail too beside a log with more problems than are listed', async () => {
    fresh();
    const environment = openEnvironment(places.delta, { durability: 'flush' });
    const log = environment.table('log');
    environment.write(() => {
      for (let position = 150; position < 400; position++) log.put(positionKey(position), Buffer.alloc(50));
    });
    await environment.close();
    alterFile(places.audit, (bytes) => void bytes.fill(0x5a, 0, page));
    const { rebuilt, lost } = await repairStores(places, options());
    assert.deepEqual(rebuilt, ['delta', 'audit', 'index']);
    // Copies of most of them still lie in pages that are free.
    assert.ok(lost.deltas < 250 && lost.auditEvents === 0, JSON.stringify(lost));
  });

  it('killed at any of its places runs again to the end', async () => {
    const program = fileURLToPath(new URL('./repair-process.ts', import.meta.url));
    for (const place of ['repair.written', 'repair.aside', 'repair.swapped'])
      for (const nth of [1, 2, 3]) {
        fresh();
        const damaged: Partial<Record<StoreName, Buffer>> = {};
        for (const store of storeNames) {
          alterFile(places[store], (bytes) => void bytes.fill(0x5a, 0, page));
          damaged[store] = readFiles(places)[store];
        }
        const { signal } = spawnSync(
          process.execPath,
          ['--import', 'tsx', program, join(directory, 'work'), asideDirectory],
          { env: { ...process.env, AGENT_COLLAB_FAILPOINTS: `${place}=kill@${nth}` } },
        );
        assert.equal(signal, 'SIGKILL', `${place} ${nth}`);
        const mended = await mendAndServe(places, asideDirectory);
        assert.deepEqual(mended.contents, was, `${place} ${nth}`);
        for (const store of storeNames) {
          const kept = readdirSync(asideDirectory).filter((name) => name.endsWith(`-${store}`));
          assert.equal(kept.length, 1, `${store} is set aside once: ${place} ${nth}`);
          assert.deepEqual(readFileSync(join(asideDirectory, kept[0] ?? '', 'data.mdb')), damaged[store]);
        }
        assert.deepEqual(readdirSync(join(directory, 'work')).sort(), ['aside', 'audit', 'delta', 'index']);
      }
  });
});
