import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { DeltaId, Position, ProjectId } from '../../src/base/ids.ts';
import type { StoredDelta } from '../../src/delta/delta.ts';
import { headOf } from '../../src/delta/delta-head.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { indexKeys } from '../../src/store/index-tables.ts';
import { timeKey, withTail } from '../../src/store/store-keys.ts';
import { verifySteps } from '../../src/store/verify.ts';
import type { VerifyResult } from '../../src/store/verify-report.ts';
import { hasCode, positions } from './contract-fixture.ts';
import { indexedKeys, replaceKey } from './index-fixture.ts';
import { append, closeParts, openParts, own, type Parts } from './log-fixture.ts';
import { Author, at, tempDirectory, testNode } from './store-fixture.ts';

const app = 'github.com/acme/app' as ProjectId;
const peer = testNode('peer');

/** 60 deltas of two sources on six paths, times not in log order. */
function fill(parts: Parts): void {
  const authors = [new Author(own), new Author(peer, at(-500))] as const;
  for (let i = 0; i < 60; i++) {
    const path = `src/${i % 2 === 0 ? 'a' : 'b'}/${i % 3}.ts`;
    append(parts, [i % 3 === 0 ? authors[1].foreign({ path }) : authors[0].own({ path })]);
  }
}

function answers(reader: DeltaReader): Record<string, number[]> {
  return {
    since: positions(reader.getSince({ [own.id]: 11, [peer.id]: 5 })),
    sinceLimited: positions(reader.getSince({ [own.id]: 11 }, { limit: 7 })),
    range: positions(reader.getRange(at(-480), at(30))),
    own: positions(reader.getBySource(own.id, 12)),
    peer: positions(reader.getBySource(peer.id)),
    path: positions(reader.getByPath({ project: app, path: 'src/a/2.ts' })),
    subtree: positions(reader.getByPath({ project: app, path: 'src/b', subtree: true, limit: 13 })),
    latest: positions(reader.getLatest({ limit: 9 }, 40)),
    one: [reader.get(`${own.id}:33` as DeltaId)?.position ?? 0],
  };
}

function verified({ log, index }: Parts): VerifyResult {
  const steps = verifySteps({ log: log.view, index: index.tables }, { step: 7 });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

describe('the delta index', () => {
  it('answers the same however far it lags', async (t) => {
    const parts = await openParts(t, tempDirectory(t), { batch: 1 });
    fill(parts);
    const expected = answers(parts.reader);
    assert.equal(expected.since?.length, 60 - 11 - 5);
    for (let applied = 0; applied < 60; applied += 7) {
      parts.index.applyUpTo(applied);
      assert.equal(parts.reader.snapshot().applied, applied);
      assert.deepEqual(answers(parts.reader), expected, `applied ${applied}`);
    }
    assert.equal(parts.index.applyUpTo(1_000_000), 60);
    assert.deepEqual(answers(parts.reader), expected);
    assert.equal(verified(parts).sound, true);
  });

  it('is rebuilt step by step while readers get complete answers', async (t) => {
    const parts = await openParts(t, tempDirectory(t), { batch: 9 });
    fill(parts);
    parts.index.applyUpTo(60);
    const expected = answers(parts.reader);
    parts.index.rebuild();
    let applied = parts.index.applied();
    assert.equal(applied, 0);
    while (applied < 60) {
      assert.deepEqual(answers(parts.reader), expected, `applied ${applied}`);
      applied = parts.index.applyBatch(applied, 60);
    }
    assert.deepEqual(answers(parts.reader), expected);
    assert.deepEqual(verified(parts).problems, []);
  });

  it('goes on with a rebuild after a reopen', async (t) => {
    const directory = tempDirectory(t);
    const parts = await openParts(t, directory, { batch: 10 });
    fill(parts);
    parts.index.applyUpTo(60);
    parts.index.rebuild();
    parts.index.applyBatch(0 as Position, 60);
    await closeParts(parts);
    const again = await openParts(t, directory);
    assert.equal(again.index.rebuilding, false);
    assert.equal(again.index.applied(), 10);
    assert.equal(again.index.applyUpTo(60), 60);
    assert.deepEqual(verified(again).problems, []);
  });

  it('begins anew when it is of another schema, of another log, ahead of its log, or says two things', async (t) => {
    const breakers: ((parts: Parts) => void)[] = [
      ({ index }) => index.tables.meta.put('schema', 77),
      ({ index }) => index.tables.meta.remove('schema'),
      ({ index }) => index.tables.meta.put('applied', { position: 61, stamp: 5 }),
      ({ index }) => index.tables.meta.put('applied', { position: 60, stamp: 5 }),
      ({ index, log }) => index.tables.meta.put('applied', { position: 20, stamp: log.view.stamp(20) }),
      ({ index }) =>
        index.tables.environment.table('meta').put(Buffer.from('applied'), Buffer.of(1, 2, 3, 4, 5)),
    ];
    for (const [i, breakIt] of breakers.entries()) {
      const directory = tempDirectory(t);
      const parts = await openParts(t, directory);
      fill(parts);
      const expected = answers(parts.reader);
      parts.index.applyUpTo(60);
      parts.index.tables.environment.write(() => breakIt(parts));
      // A reader does not wait for the repair: it reads the log, or says that the index is damaged.
      if (i < 5) assert.deepEqual(answers(parts.reader), expected);
      else assert.throws(() => answers(parts.reader), hasCode('STORE_DAMAGED'));
      await closeParts(parts);
      const again = await openParts(t, directory);
      assert.equal(again.index.rebuilding, true, `breaker ${i}`);
      assert.deepEqual(answers(again.reader), expected);
      again.index.applyUpTo(60);
      assert.deepEqual(answers(again.reader), expected);
      assert.deepEqual(verified(again).problems, []);
    }
  });

  it('begins anew when its file is destroyed', async (t) => {
    const directory = tempDirectory(t);
    const parts = await openParts(t, directory);
    fill(parts);
    const expected = answers(parts.reader);
    parts.index.applyUpTo(60);
    await closeParts(parts);
    writeFileSync(join(directory, 'index', 'data.mdb'), Buffer.alloc(20_000, 0x33));
    const again = await openParts(t, directory);
    assert.equal(again.index.rebuilding, true);
    assert.equal(again.index.applyUpTo(60), 60);
    assert.deepEqual(answers(again.reader), expected);
  });

  it('has as many keys as there are deltas, and few runs, however small the batches are', async (t) => {
    const parts = await openParts(t, tempDirectory(t), { batch: 1 });
    fill(parts);
    const expected = answers(parts.reader);
    parts.index.applyUpTo(60);
    const { runs } = parts.index.tables;
    assert.deepEqual(
      (['source', 'time', 'path'] as const).map((table) => indexedKeys(parts.index.tables, table).length),
      [60, 60, 60],
    );
    assert.ok(runs.live().length < 16, `${runs.live().length} runs`);
    assert.deepEqual(answers(parts.reader), expected);
    while (parts.index.tidy());
    assert.deepEqual(runs.state().dropped, []);
    const blocks = runs.live().flatMap((run) => run.blocks);
    assert.equal(
      runs.blocks.count(),
      blocks.reduce((a, b) => a + b),
    );
    assert.deepEqual(answers(parts.reader), expected);
  });

  it('does not skip a delta that it cannot read', async (t) => {
    const parts = await openParts(t);
    fill(parts);
    const { log } = parts.log.view;
    const [key] = [...log.keys()].slice(29);
    assert.ok(key);
    parts.log.view.environment.write(() => log.put(key, Buffer.from('garbage')));
    assert.throws(() => parts.index.applyUpTo(60), hasCode('STORE_DAMAGED'));
    assert.ok(parts.index.applied() < 30);
  });

  it('says STORE_DAMAGED when an entry points at another delta or a seq is missing', async (t) => {
    const { log, index, reader } = await openFilled(t);
    const keyOf = (position: number, table: 'source' | 'time') => {
      const { key } =
        indexKeys(position, headOf(log.view.delta(position))).find((one) => one.table === table) ?? {};
      assert.ok(key);
      return key;
    };
    const position = reader.get(`${own.id}:33` as DeltaId)?.position ?? 0;
    const elsewhere = Buffer.from(keyOf(position, 'source'));
    elsewhere.writeUIntBE(7, elsewhere.length - 7, 6);
    replaceKey(index.tables, 'source', keyOf(position, 'source'), elsewhere);
    assert.throws(() => reader.get(`${own.id}:33` as DeltaId), hasCode('STORE_DAMAGED'));
    assert.throws(() => reader.getBySource(own.id), hasCode('STORE_DAMAGED'));
    replaceKey(index.tables, 'source', elsewhere);
    assert.throws(() => reader.get(`${own.id}:33` as DeltaId), hasCode('STORE_DAMAGED'));
    assert.throws(() => reader.getBySource(own.id), hasCode('STORE_DAMAGED'));
    assert.throws(() => reader.getSince({ [own.id]: 30 }), hasCode('STORE_DAMAGED'));
    const newest = reader.getRange(at(-1000), at(1000)).findLast(({ source }) => source === own.id);
    replaceKey(index.tables, 'source', keyOf(newest?.position ?? 0, 'source'));
    assert.throws(() => reader.getBySource(own.id, 1), hasCode('STORE_DAMAGED'));
    replaceKey(index.tables, 'time', undefined, withTail(timeKey(at(5)), 9, 0));
    assert.throws(() => reader.getRange(at(0), at(30)), hasCode('STORE_DAMAGED'));
    assert.equal(log.headState().head, 60);
  });

  async function openFilled(t: Parameters<typeof openParts>[0]): Promise<Parts> {
    const parts = await openParts(t);
    fill(parts);
    parts.index.applyUpTo(60);
    return parts;
  }
});

describe('a delta reader', () => {
  it('merges what is accepted behind the log, in every query', async (t) => {
    const parts = await openParts(t);
    fill(parts);
    const expected = answers(parts.reader);
    const all = parts.reader.getSince({});
    for (const kept of [60, 45, 3, 0]) {
      const other = await openParts(t);
      fillUpTo(other, kept);
      other.index.applyUpTo(Math.floor(kept / 2));
      const accepted = { after: (position: number) => all.slice(position) };
      const reader = new DeltaReader(other.log.view, other.index.tables, accepted);
      assert.deepEqual(answers(reader), expected, `${kept} committed`);
    }
    function fillUpTo(other: Parts, count: number): void {
      const author = new Author(own);
      const foreign = new Author(peer, at(-500));
      for (let i = 0; i < count; i++) {
        const path = `src/${i % 2 === 0 ? 'a' : 'b'}/${i % 3}.ts`;
        append(other, [i % 3 === 0 ? foreign.foreign({ path }) : author.own({ path })]);
      }
    }
  });

  it('takes a newer snapshot when the owner has let go of what was committed meanwhile', async (t) => {
    const parts = await openParts(t);
    const author = new Author(own);
    append(parts, author.owns(3));
    let late = true;
    const accepted = {
      *after(position: number): Generator<StoredDelta> {
        if (!late) return;
        late = false;
        // Between the snapshot of the log and the look at the ring a lane commits, and the ring moves on.
        assert.equal(position, 3);
        append(parts, author.owns(2));
        yield { position: 6 } as StoredDelta;
      },
    };
    const reader = new DeltaReader(parts.log.view, parts.index.tables, accepted);
    assert.deepEqual(positions(reader.getLatest()), [5, 4, 3, 2, 1]);
  });

  it('opens handles of its own, with or without an index there', async (t) => {
    const directory = tempDirectory(t);
    const parts = await openParts(t, directory);
    fill(parts);
    const places = { delta: join(directory, 'delta'), index: join(directory, 'index') };
    const reader = await DeltaReader.open(places);
    assert.equal(reader.getLatest().length, 60);
    await reader.close();
    const without = await DeltaReader.open({ ...places, index: join(directory, 'none') });
    assert.deepEqual(answers(without), answers(parts.reader));
    await without.close();
    assert.deepEqual(
      [...parts.reader.positions(58, 99)].map(({ position }) => position),
      [58, 59, 60],
    );
  });

  it('begins anew an index that DeltaReader found empty', async (t) => {
    const directory = tempDirectory(t);
    const parts = await openParts(t, directory);
    fill(parts);
    const fresh = await DeltaIndexWriter.open(join(directory, 'other'), parts.log.view);
    assert.equal(fresh.rebuilding, true);
    assert.equal(fresh.applyUpTo(60), 60);
    await fresh.close();
  });
});
