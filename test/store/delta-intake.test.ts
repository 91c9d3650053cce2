import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Position } from '../../src/base/ids.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { DeltaIntake } from '../../src/store/delta-intake.ts';
import { LmdbDeltaStore } from '../../src/store/lmdb-delta-store.ts';
import { positions } from './contract-fixture.ts';
import { own } from './log-fixture.ts';
import { Author, tempDirectory, testNode } from './store-fixture.ts';

describe('the intake of deltas', () => {
  it('changes nothing until what it admitted is taken', () => {
    const intake = new DeltaIntake(7 as Position, new Map());
    const author = new Author(own);
    const batch = author.owns(2);
    intake.admit(batch);
    assert.deepEqual([intake.head, intake.vector()], [7, {}]);
    const { records, take } = intake.admit(batch);
    assert.deepEqual(
      records.map(({ position, seq }) => [position, seq]),
      [
        [8, 1],
        [9, 2],
      ],
    );
    take();
    assert.deepEqual([intake.head, intake.vector()], [9, { [own.id]: 2 }]);
    assert.deepEqual(intake.admit(batch).records, []);
  });

  it('asserts that an admission is taken before the next one', () => {
    const intake = new DeltaIntake(0 as Position, new Map());
    const author = new Author(own);
    const first = intake.admit([author.own()]);
    const second = intake.admit([new Author(testNode('peer')).foreign()]);
    first.take();
    assert.throws(() => second.take(), /taken once/);
    assert.throws(() => first.take(), /taken once/);
  });

  it('asserts that bytes and delta are of one delta', () => {
    const intake = new DeltaIntake(0 as Position, new Map());
    const { delta } = new Author(own).own();
    const other = new Author(own).own({ time: 99 });
    assert.throws(() => intake.admit([{ delta, body: encodeDeltaBody(other.delta) }]), /not that of/);
    assert.throws(() => intake.admit([{ delta: { ...delta, seq: 2 } }]), /does not fit/);
  });

  it('can be asked again after a write failed', async (t) => {
    const store = await LmdbDeltaStore.open(tempDirectory(t), { node: own.id, privateKey: {} as never });
    const author = new Author(own);
    const batch = author.owns(2);
    await assert.rejects(() => store.saveBatch(batch));
    assert.deepEqual(store.vector(), {});
    assert.deepEqual(await store.getLatest(), []);
    const peer = new Author(testNode('peer'));
    await store.save(peer.foreign());
    assert.deepEqual(positions(await store.getLatest()), [1]);
    await store.close();
  });
});
