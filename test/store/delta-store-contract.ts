/**
 * What every `DeltaStore` does. It asks nothing about how: an index may lag, a save may be queued, a compaction may run elsewhere.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ErrorCode } from '../../src/base/errors.ts';
import type { DeltaId, Position, ProjectId } from '../../src/base/ids.ts';
import { maxDeltaBytes } from '../../src/base/limits.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { deltaHash, genesisHash } from '../../src/delta/delta-frame.ts';
import type { DeltaStore, Durability, IncomingDelta } from '../../src/store/delta-store.ts';
import { type DeltaStorePlace, hasCode, positions, seqs, type WithStore } from './contract-fixture.ts';
import { paths, queries } from './delta-queries-contract.ts';
import { Author, at, testNode } from './store-fixture.ts';

export type { DeltaStorePlace } from './contract-fixture.ts';

export interface DeltaStoreContractOptions {
  /** False when a close forgets everything. */
  readonly durable: boolean;
}

const app = 'github.com/acme/app' as ProjectId;

export function deltaStoreContract(
  name: string,
  makePlace: (t: TestContext) => Promise<DeltaStorePlace> | DeltaStorePlace,
  { durable }: DeltaStoreContractOptions,
): void {
  const withStore = (run: (store: DeltaStore, own: Author, place: DeltaStorePlace) => Promise<void>) => {
    return async (t: TestContext) => {
      const place = await makePlace(t);
      const store = await place.open();
      try {
        await run(store, new Author(place.own), place);
      } finally {
        await store.close();
      }
    };
  };
  describe(`${name} keeps the contract of a delta store`, () => {
    saving(withStore);
    refusing(withStore);
    queries(withStore);
    paths(withStore);
    compaction(withStore);
    closing(withStore);
    if (durable) reopening(withStore);
  });
}

function saving(withStore: WithStore): void {
  it(
    'gives positions without a gap, whatever the caller waits for',
    withStore(async (store, own) => {
      const waits: Durability[] = ['accepted', 'committed', 'flushed'];
      const receipts = [];
      for (const durability of waits) receipts.push(await store.save(own.own(), durability));
      receipts.push(await store.save(own.own()));
      assert.deepEqual(
        receipts.map(({ positions }) => positions),
        [[1], [2], [3], [4]],
      );
      await store.committed();
      const { head, committed, count, floor } = await store.stats();
      assert.deepEqual({ head, committed, count, floor }, { head: 4, committed: 4, count: 4, floor: 1 });
    }),
  );
  it(
    'shows an accepted delta in the vector as soon as the call returns',
    withStore(async (store, own) => {
      const saved = store.save(own.own(), 'accepted');
      assert.deepEqual(store.vector(), { [own.node.id]: 1 });
      await saved;
    }),
  );
  it(
    'gives back what was saved, field by field, with its position',
    withStore(async (store, own) => {
      const delta = own.own({ path: 'src/ä b.ts', deps: { [testNode('b').id]: 7 }, type: 'file_change' });
      await store.save(delta);
      const [stored] = await store.getLatest();
      assert.ok(stored);
      const { position, prev, ...rest } = stored;
      assert.deepEqual(rest, delta.delta);
      assert.equal(position, 1);
      assert.ok(prev === null || prev === '0'.repeat(64));
    }),
  );
  it(
    'links a committed delta to the hash of its predecessor',
    withStore(async (store, own) => {
      const [first, second] = own.owns(2) as [IncomingDelta, IncomingDelta];
      await store.saveBatch([first, second]);
      await store.committed();
      const hash = deltaHash(genesisHash, encodeDeltaBody(first.delta));
      const stored = await store.get(second.delta.id);
      if (stored?.prev !== null) assert.equal(stored?.prev, Buffer.from(hash).toString('hex'));
    }),
  );
  it(
    'ignores a delta that it has, and counts it',
    withStore(async (store, own) => {
      const deltas = own.owns(3);
      await store.saveBatch(deltas);
      const receipt = await store.saveBatch([...deltas, own.own()]);
      assert.deepEqual(receipt, { positions: [4], duplicates: 3 });
      const twice = own.own();
      assert.deepEqual(await store.saveBatch([twice, twice]), { positions: [5], duplicates: 1 });
    }),
  );
  it(
    'takes the deltas of other nodes with their bytes and signatures',
    withStore(async (store, own) => {
      const peer = new Author(testNode('peer'));
      await store.saveBatch([own.own(), peer.foreign(), own.own(), peer.foreign()]);
      assert.deepEqual(store.vector(), { [own.node.id]: 2, [peer.node.id]: 2 });
      assert.deepEqual(
        (await store.getBySource(peer.node.id)).map(({ seq, position }) => [seq, position]),
        [
          [2, 4],
          [1, 2],
        ],
      );
    }),
  );
  it(
    'keeps a delta of the largest size',
    withStore(async (store, own) => {
      const text = 'x'.repeat(maxDeltaBytes - 200);
      await store.save(own.own({ payload: { path: 'a', text } }));
      const [stored] = await store.getByPath({ project: app, path: 'a' });
      assert.equal(stored?.payload.text, text);
    }),
  );
}

function refusing(withStore: WithStore): void {
  const refuses = (code: ErrorCode, make: (own: Author, peer: Author) => readonly IncomingDelta[]) =>
    withStore(async (store, own) => {
      const peer = new Author(testNode('peer'));
      await store.saveBatch([own.own(), peer.foreign()]);
      const before = store.vector();
      await assert.rejects(async () => store.saveBatch(make(own, peer)), hasCode(code));
      assert.deepEqual(store.vector(), before);
      assert.equal((await store.getLatest()).length, 2);
      await store.save(new Author(testNode('third')).foreign());
      assert.deepEqual(
        (await store.getLatest()).map(({ position }) => position),
        [3, 2, 1],
      );
    });
  it(
    'refuses a gap',
    refuses('SEQ_GAP', (own) => [own.own({ seq: 3 })]),
  );
  it(
    'refuses a whole batch for a gap at its end',
    refuses('SEQ_GAP', (own, peer) => [own.own(), peer.foreign(), peer.foreign({ seq: 9 })]),
  );
  it(
    'refuses a source that does not begin at 1',
    refuses('SEQ_GAP', () => [new Author(testNode('late')).foreign({ seq: 2 })]),
  );
  it(
    'refuses a foreign delta that does not name its predecessor',
    refuses('CHAIN_BROKEN', (_own, peer) => {
      peer.hash = genesisHash;
      return [peer.foreign()];
    }),
  );
  it(
    'refuses what builds on a fork within one batch',
    refuses('CHAIN_BROKEN', (_own, peer) => {
      const one = peer.foreign();
      const fork = new Author(peer.node);
      fork.foreign({ payload: { text: 'another first' } });
      fork.foreign();
      return [one, fork.foreign()];
    }),
  );
  it(
    'refuses a signature by another key',
    refuses('CHAIN_BROKEN', (_own, peer) => {
      const { delta, body, prev } = peer.foreign();
      const other = new Author(testNode('other')).foreign();
      return [{ delta, ...(body && { body }), ...(prev && { prev }), ...pick(other) }];
    }),
  );
  it(
    'refuses bytes that were changed after they were signed',
    refuses('CHAIN_BROKEN', (_own, peer) => {
      const signed = peer.foreign();
      const body = encodeDeltaBody({ ...signed.delta, payload: { text: 'changed' } });
      return [{ ...signed, body }];
    }),
  );
  it(
    'refuses a delta over 256 KiB',
    refuses('DELTA_TOO_LARGE', (own) => {
      const delta = own.next({ payload: { text: 'x'.repeat(maxDeltaBytes) } });
      return [{ delta }];
    }),
  );
}

function pick({ signature }: IncomingDelta): Pick<IncomingDelta, 'signature'> {
  return signature === undefined ? {} : { signature };
}

function compaction(withStore: WithStore): void {
  it(
    'drops up to the first delta that is not older, and keeps what came late behind it',
    withStore(async (store, own) => {
      const peer = new Author(testNode('peer'));
      await store.saveBatch([own.own({ time: 1 }), own.own({ time: 2 }), own.own({ time: 10, path: 'p' })]);
      await store.saveBatch([peer.foreign({ time: 1 }), own.own({ time: 11 })]);
      assert.deepEqual(await store.compact(at(10)), { dropped: 2, floor: 3 });
      assert.deepEqual(positions(await store.getSince({})), [3, 4, 5]);
      assert.deepEqual(positions(await store.getRange(at(0), at(99))), [4, 3, 5]);
      assert.deepEqual(positions(await store.getLatest()), [5, 4, 3]);
      assert.deepEqual(seqs(await store.getBySource(own.node.id)), [4, 3]);
      assert.equal(await store.get(`${own.node.id}:1` as DeltaId), undefined);
      const { count, floor, head } = await store.stats();
      assert.deepEqual({ count, floor, head }, { count: 3, floor: 3, head: 5 });
    }),
  );
  it(
    'keeps seqs, positions and the vector when everything is dropped',
    withStore(async (store, own) => {
      await store.saveBatch(own.owns(5));
      assert.deepEqual(await store.compact(at(10_000)), { dropped: 5, floor: 6 });
      assert.deepEqual(await store.getLatest(), []);
      assert.deepEqual(await store.getSince({}), []);
      assert.deepEqual(store.vector(), { [own.node.id]: 5 });
      assert.deepEqual(await store.compact(at(10_000)), { dropped: 0, floor: 6 });
      await assert.rejects(async () => store.save(new Author(own.node).own({ seq: 7 })), hasCode('SEQ_GAP'));
      assert.deepEqual((await store.save(own.own())).positions, [6]);
      assert.deepEqual(positions(await store.getLatest()), [6]);
      assert.deepEqual(seqs(await store.getBySource(own.node.id)), [6]);
    }),
  );
  it(
    'drops what lies below a position, however young, and what is too old above it',
    withStore(async (store, own) => {
      await store.saveBatch([
        own.own({ time: 5 }),
        own.own({ time: 6 }),
        own.own({ time: 7 }),
        own.own({ time: 8 }),
      ]);
      assert.deepEqual(await store.compact(at(0), 3 as Position), { dropped: 2, floor: 3 });
      assert.deepEqual(await store.compact(at(8), 1 as Position), { dropped: 1, floor: 4 });
      assert.deepEqual(await store.compact(at(0), 100 as Position), { dropped: 1, floor: 5 });
      assert.deepEqual((await store.save(own.own())).positions, [5]);
    }),
  );
  it(
    'drops nothing when the oldest delta is young enough',
    withStore(async (store, own) => {
      await store.saveBatch(own.owns(3));
      assert.deepEqual(await store.compact(at(0)), { dropped: 0, floor: 1 });
      assert.equal((await store.getLatest()).length, 3);
    }),
  );
}

function closing(withStore: WithStore): void {
  it(
    'closes twice, and refuses what comes after',
    withStore(async (store, own) => {
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await assert.rejects(async () => store.save(own.own()), hasCode('STORE_CLOSED'));
      await assert.rejects(async () => store.getLatest(), hasCode('STORE_CLOSED'));
      await assert.rejects(async () => store.stats(), hasCode('STORE_CLOSED'));
      await assert.rejects(async () => store.compact(at(1)), hasCode('STORE_CLOSED'));
    }),
  );
}

function reopening(withStore: WithStore): void {
  it(
    'goes on after a reopen where it stopped: no position and no seq twice',
    withStore(async (store, own, place) => {
      const peer = new Author(testNode('peer'));
      await store.saveBatch([own.own(), peer.foreign(), own.own()]);
      void store.save(own.own(), 'accepted').catch(() => undefined);
      await store.close();
      const again = await place.open();
      try {
        assert.deepEqual(again.vector(), { [own.node.id]: 3, [peer.node.id]: 1 });
        assert.deepEqual((await again.saveBatch([peer.foreign(), own.own()])).positions, [5, 6]);
        assert.deepEqual(positions(await again.getSince({})), [1, 2, 3, 4, 5, 6]);
        assert.deepEqual(seqs(await again.getBySource(own.node.id)), [4, 3, 2, 1]);
      } finally {
        await again.close();
      }
    }),
  );
  it(
    'remembers its floors after a reopen',
    withStore(async (store, own, place) => {
      await store.saveBatch([own.own({ time: 1 }), own.own({ time: 2 }), own.own({ time: 3 })]);
      await store.compact(at(3));
      await store.close();
      const again = await place.open();
      try {
        assert.deepEqual(positions(await again.getSince({})), [3]);
        assert.deepEqual(seqs(await again.getBySource(own.node.id)), [3]);
        assert.equal((await again.stats()).floor, 3);
        assert.deepEqual(await again.compact(at(100)), { dropped: 1, floor: 4 });
        assert.deepEqual((await again.save(own.own())).positions, [4]);
      } finally {
        await again.close();
      }
    }),
  );
}
