import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { NodeId, ProjectId } from '../../src/base/ids.ts';
import type { StoredDelta } from '../../src/delta/delta.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { encodeLostMarker, isLostMarker, isSeqRanges, pastLost } from '../../src/store/lost-marker.ts';
import { repairStores } from '../../src/store/repair.ts';
import { compactLog } from '../../src/store/retention.ts';
import { copyDirectory, copyIndex, copyLog } from '../../src/store/store-copy.ts';
import { liesIn } from '../../src/store/store-keys.ts';
import { verifyStores } from '../../src/store/verify.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';
import { hasCode, positions } from './contract-fixture.ts';
import { alterFile, copyStores, makeStores, type Places } from './damage-fixture.ts';
import { alterRun } from './index-fixture.ts';
import { own, record, sign } from './log-fixture.ts';
import { mendAndServe } from './mend-and-serve.ts';
import { tempDirectory, testNode } from './store-fixture.ts';

const app = 'github.com/acme/app' as ProjectId;
const peer = testNode('peer');
const limit = 100_000;
const deltas = 100;

interface Opened {
  readonly log: DeltaLogWriter;
  readonly index: DeltaIndexWriter;
  readonly reader: DeltaReader;
}

async function open(t: Pick<TestContext, 'after'>, places: Places): Promise<Opened> {
  const log = await DeltaLogWriter.open(places.delta, { node: own.id });
  const index = await DeltaIndexWriter.open(places.index, log.view, { batch: 1 });
  t.after(async () => {
    await index.close();
    await log.close();
  });
  return { log, index, reader: new DeltaReader(log.view, index.tables) };
}

function verifiedHead(log: DeltaLogWriter): number {
  return log.headState().head;
}

describe('a log that lost some deltas', () => {
  const directory = tempDirectory({ after: (remove) => after(remove as () => void) });
  let original: Places;
  /** What was in it, by position. */
  let all: readonly StoredDelta[];
  let frames: ReadonlyMap<number, Buffer>;
  before(async () => {
    original = await makeStores(join(directory, 'original'), deltas);
    const log = await DeltaLogWriter.open(copyStores(original, join(directory, 'read')).delta, {
      node: own.id,
    });
    const { floor, head } = log.headState();
    all = [...log.view.frames(floor, head)].map(({ position }) => log.view.delta(position));
    frames = new Map([...log.view.frames(floor, head)].map(({ position, value }) => [position, value]));
    await log.close();
  });

  /** Stores that lost these positions and were repaired: every copy of the frames that lies in the file is spoilt. */
  async function lose(lost: ReadonlySet<number>): Promise<Places> {
    const places = copyStores(original, join(directory, 'work'));
    alterFile(places.delta, (bytes) => {
      for (const position of lost) {
        const frame = frames.get(position);
        assert.ok(frame);
        // The head of it: a long one lies in pages of its own, which its leaf leads to.
        const start = frame.subarray(0, 64);
        for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1))
          bytes.fill(0x77, at, at + 64);
      }
    });
    const { lost: counted } = await repairStores(places, {
      node: own.id,
      asideDirectory: join(directory, 'work', 'aside'),
    });
    assert.equal(counted.deltas, lost.size);
    return places;
  }

  const left = (lost: ReadonlySet<number>) => all.filter(({ position }) => !lost.has(position));
  const draw = (random: SeededRandom): ReadonlySet<number> => {
    const [first, last] = [all[0]?.position ?? 0, all.at(-1)?.position ?? 0];
    const lost = new Set<number>();
    for (let runs = random.int(1, 6); runs > 0; runs--) {
      const from = random.pick([first, last, random.int(first, last)]);
      for (let at = from; at < from + random.int(1, 8) && at <= last; at++) lost.add(at);
    }
    return lost;
  };

  function compare(
    { reader }: Opened,
    kept: readonly StoredDelta[],
    random: SeededRandom,
    what: string,
  ): void {
    const vector = { [own.id]: random.int(0, deltas), [peer.id]: random.int(0, deltas / 8) };
    const since = kept.filter(({ source, seq }) => seq > (vector[source] ?? 0));
    assert.deepEqual(positions(reader.getSince(vector, { limit })), positions(since), `since, ${what}`);
    const [from, to] = [random.pick(all).time, random.pick(all).time];
    const range = kept
      .filter(({ time }) => time >= from && time < to)
      .sort((a, b) => a.time - b.time || a.position - b.position);
    assert.deepEqual(positions(reader.getRange(from, to, { limit })), positions(range), `range, ${what}`);
    const most = random.int(1, 20);
    for (const source of [own.id, peer.id] as NodeId[]) {
      const newest = kept
        .filter((delta) => delta.source === source)
        .reverse()
        .slice(0, most);
      assert.deepEqual(positions(reader.getBySource(source, most)), positions(newest), `source, ${what}`);
    }
    const path = random.pick(['.', 'src/d3', 'src/d5/f5.ts']);
    const below = kept.filter(({ payload }) => liesIn(String(payload.path), path)).reverse();
    const query = { project: app, path, subtree: true, limit };
    assert.deepEqual(positions(reader.getByPath(query)), positions(below), `path ${path}, ${what}`);
    assert.deepEqual(
      positions(reader.getLatest({ limit: most })),
      positions(kept).reverse().slice(0, most),
      what,
    );
    const one = random.pick(all);
    const found = kept.find(({ position }) => position === one.position);
    assert.equal(reader.get(one.id)?.position, found?.position, `one, ${what}`);
    assert.deepEqual(positions([...reader.positions(0, 1000)]), positions(kept), `positions, ${what}`);
  }

  it('answers every query with all that is left, however far the index has come', async (t) => {
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < 8; round++) {
      const lost = draw(random);
      const what = `seed ${seed}, round ${round}, lost ${[...lost]}`;
      const places = await lose(lost);
      const { checked, problems } = await verifyStores(places);
      assert.deepEqual([checked.lost, problems], [lost.size, []], what);
      const stores = await open({ after: () => {} }, places);
      for (let ask = 0; ask < 6; ask++) compare(stores, left(lost), random, what);
      stores.index.rebuild();
      const head = verifiedHead(stores.log);
      for (let applied = 0; applied < head; applied += random.int(1, 40)) {
        stores.index.applyUpTo(applied);
        compare(stores, left(lost), random, `${what}, index up to ${applied}`);
      }
      assert.equal(stores.index.applyUpTo(limit), head);
      compare(stores, left(lost), random, what);
      await stores.index.close();
      await stores.log.close();
    }
    t.diagnostic(`seed ${seed}`);
  });

  it('says so when more is missing from its index than is known to be lost', async (t) => {
    const lost = new Set([50, 51, 52]);
    const { log, index, reader } = await open(t, await lose(lost));
    const gone = left(lost).find(({ source, position }) => source === own.id && position > 60);
    assert.ok(gone);
    alterRun(index.tables, 'source', (keys) =>
      keys.filter((key) => key.readUIntBE(key.length - 7, 6) !== gone.position),
    );
    assert.throws(() => reader.getBySource(own.id, limit), hasCode('STORE_DAMAGED'));
    assert.throws(() => reader.getSince({}, { limit }), hasCode('STORE_DAMAGED'));
    assert.equal(log.view.lostSeqs(own.id).length, 1);
  });

  it('goes on with positions, seqs and the chains of its sources', async () => {
    const [newest] = [...all].reverse();
    assert.ok(newest);
    for (const lost of [[newest.position], [60, 61, 62], positions(all)].map((of) => new Set(of))) {
      const { contents } = await mendAndServe(await lose(lost), join(directory, 'work', 'aside'));
      assert.equal(contents.lostPositions.length, lost.size);
    }
  });

  it('forgets what it lost with what retention drops', async () => {
    for (const to of [45, 70, 101]) {
      const lost = new Set([all[0]?.position ?? 0, 43, 44, 45, 46, 69, 70, 100]);
      const places = await lose(lost);
      const stores = await open({ after: () => {} }, places);
      const before = (all.find(({ position }) => position >= to)?.time ?? limit * 1e12) as HlcTime;
      const steps = compactLog(stores.log.view, stores.index.tables, { before }, { maxPerTransaction: 7 });
      for (const _ of steps);
      const { floor } = stores.log.headState();
      const kept = left(lost).filter(({ position }) => position >= floor);
      assert.ok(kept.length < left(lost).length && to > deltas === (kept.length === 0), `floor ${floor}`);
      compare(stores, kept, seededRandom(to), `from ${to}`);
      await stores.index.close();
      await stores.log.close();
      assert.deepEqual((await verifyStores(places)).problems, []);
    }
  });

  it('passes over a record that is applied again where it was lost', async (t) => {
    const { log } = await open(t, await lose(new Set([60])));
    const again = all.find(({ position }) => position === 60);
    assert.ok(again);
    const { position: _, prev: _prev, ...delta } = again;
    const { head, written } = log.append([record({ delta }, 60, encodeDeltaBody(delta))], sign);
    assert.deepEqual([head, written], [deltas, 0]);
  });

  it('is copied with what it lost', async (t) => {
    const lost = new Set([50, 51, 99, 100]);
    const places = await lose(lost);
    const from = await open(t, places);
    const copies = {
      delta: copyDirectory(places.delta),
      index: copyDirectory(places.index),
      audit: places.audit,
    };
    for await (const _ of copyLog(from.log.view, copies.delta));
    for await (const _ of copyIndex(from.log.view, copies.index));
    const { checked, problems } = await verifyStores(copies);
    assert.deepEqual([checked.lost, problems], [4, []]);
    const to = await open(t, copies);
    compare(to, left(lost), seededRandom(1), 'the copy');
  });
});

describe('a marker of a lost delta', () => {
  it('counts only as it is, and only at its position', () => {
    const marker = encodeLostMarker(7);
    assert.ok(isLostMarker(7, marker));
    assert.ok(!isLostMarker(8, marker));
    for (let bit = 0; bit < marker.length * 8; bit++) {
      const flipped = Buffer.from(marker);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.ok(!isLostMarker(7, flipped));
    }
    assert.ok(!isLostMarker(7, marker.subarray(0, 7)));
    assert.ok(!isLostMarker(7, Buffer.concat([marker, Buffer.of(0)])));
  });

  it('is passed over from either side', () => {
    const lost = [
      [3, 5],
      [6, 6],
      [9, 12],
    ] as const;
    assert.deepEqual(
      [1, 3, 6, 7, 9, 12, 13].map((seq) => pastLost(lost, seq, 1)),
      [1, 7, 7, 7, 13, 13, 13],
    );
    assert.deepEqual(
      [1, 3, 6, 7, 9, 12, 13].map((seq) => pastLost(lost, seq, -1)),
      [1, 2, 2, 7, 8, 8, 13],
    );
  });

  it('has its seqs on record in no other form', () => {
    assert.ok(isSeqRanges([[1, 2]]) && isSeqRanges([]));
    for (const wrong of [undefined, {}, [1], [[1]], [[1, 2, 3]], [['1', 2]], [[1.5, 2]]])
      assert.ok(!isSeqRanges(wrong));
  });
});
