/**
 * A meta page whose words are some of the newest commit and some of the one but last, as no disk that writes its sectors whole leaves it.
 * LMDB has no checksum that would show it; what was committed before is there all the same.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { dataFileName } from '../../src/store/data-file.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { repairStores } from '../../src/store/repair.ts';
import { checkAtStart } from '../../src/store/start-check.ts';
import { append, closeParts, openParts, own } from '../store/log-fixture.ts';
import { Author, tempDirectory } from '../store/store-fixture.ts';

const pageBytes = 4096;
/** Of a meta page: what one commit writes, in parts that mean something of their own. */
const parts: Readonly<Record<string, readonly [from: number, to: number]>> = {
  'map size': [40, 48],
  'free list': [48, 96],
  'list of tables': [96, 144],
  'last page': [144, 152],
  transaction: [152, 160],
};
/** Enough for pages that are used again. */
const commits = 30;

interface Torn {
  readonly whole: Buffer;
  /** The page that the newest commit wrote, as it was before. */
  readonly older: Buffer;
  readonly at: number;
  /** The head before the newest commit. */
  readonly head: number;
}

async function committed(t: TestContext): Promise<Torn> {
  const stores = await openParts(t);
  const author = new Author(own);
  const file = join(stores.directory, 'delta', dataFileName);
  let time = 0;
  const commit = () =>
    append(stores, [author.own({ time: ++time, path: 'a.ts' }), author.own({ time: ++time, path: 'b.ts' })]);
  for (let count = 0; count < commits; count += 1) commit();
  const { head } = stores.log.headState();
  const before = readFileSync(file);
  commit();
  const whole = readFileSync(file);
  await closeParts(stores);
  const transactions = [0, pageBytes].map((at) => whole.readBigUInt64LE(at + 152));
  const at = (transactions[0] ?? 0n) > (transactions[1] ?? 0n) ? 0 : pageBytes;
  return { whole, older: before.subarray(at, at + pageBytes), at, head };
}

it('loses no delta of an earlier commit when the newest meta page is torn in any way', async (t) => {
  const { whole, older, at, head } = await committed(t);
  const names = Object.keys(parts);
  let repaired = 0;
  for (let mix = 0; mix < 2 ** names.length; mix += 1) {
    const old = names.filter((_, bit) => (mix & (1 << bit)) !== 0);
    const data = Buffer.from(whole);
    for (const name of old) {
      const [from, to] = parts[name] ?? [0, 0];
      older.copy(data, at + from, from, to);
    }
    const directory = tempDirectory(t);
    const places = {
      delta: join(directory, 'delta'),
      index: join(directory, 'index'),
      audit: join(directory, 'audit'),
    };
    mkdirSync(places.delta);
    writeFileSync(join(places.delta, dataFileName), data);
    if (!(await checkAtStart(places)).sound) {
      await repairStores(places, { node: own.id, asideDirectory: join(directory, 'aside') });
      repaired += 1;
    }
    const log = await DeltaLogWriter.open(places.delta, { node: own.id });
    try {
      const found = [...log.view.frames(1, head)].length;
      assert.equal(found, head, `old are: ${old.join(', ')}`);
      assert.ok(log.headState().head >= head, `old are: ${old.join(', ')}`);
    } finally {
      await log.close();
    }
  }
  // Not all, or none, of the mixtures are whole by luck.
  assert.ok(repaired > 8 && repaired < 32, `${repaired} were repaired`);
});
