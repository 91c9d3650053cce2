/** The queries of every `DeltaStore`: the part of its contract that delta-store-contract.ts runs along. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DeltaId, Position, ProjectId } from '../../src/base/ids.ts';
import type { StoredDelta } from '../../src/delta/delta.ts';
import type { DeltaFilter } from '../../src/store/delta-store.ts';
import { positions, seqs, times, type WithStore } from './contract-fixture.ts';
import { Author, at, testNode } from './store-fixture.ts';

const app = 'github.com/acme/app' as ProjectId;
const lib = 'github.com/acme/lib' as ProjectId;

export function queries(withStore: WithStore): void {
  it(
    'answers getRange from inclusive, to exclusive, oldest first',
    withStore(async (store, own) => {
      await store.saveBatch([1, 5, 9, 12].map((time) => own.own({ time })));
      assert.deepEqual(times(await store.getRange(at(5), at(12))), [5, 9]);
      assert.deepEqual(times(await store.getRange(at(0), at(13))), [1, 5, 9, 12]);
      assert.deepEqual(times(await store.getRange(at(5), at(5))), []);
      assert.deepEqual(times(await store.getRange(at(9), at(1))), []);
      assert.deepEqual(times(await store.getRange(at(1), at(13), { limit: 2 })), [1, 5]);
    }),
  );
  it(
    'orders getRange by time even when an older delta came later',
    withStore(async (store, own) => {
      const peer = new Author(testNode('peer'));
      await store.saveBatch([own.own({ time: 10 }), own.own({ time: 20 })]);
      await store.saveBatch([
        peer.foreign({ time: 5 }),
        peer.foreign({ time: 10 }),
        peer.foreign({ time: 15 }),
      ]);
      const found = await store.getRange(at(0), at(100));
      assert.deepEqual(times(found), [5, 10, 10, 15, 20]);
      assert.deepEqual(positions(found), [3, 1, 4, 5, 2]);
    }),
  );
  it(
    'answers getSince with everything that the vector does not cover, concurrent deltas included, in log order',
    withStore(async (store, own) => {
      const [b, c] = [new Author(testNode('b')), new Author(testNode('c'))];
      await store.saveBatch([
        own.own(),
        b.foreign(),
        c.foreign(),
        b.foreign(),
        own.own(),
        c.foreign(),
        b.foreign(),
      ]);
      const vector = { [own.node.id]: 1, [b.node.id]: 2 };
      assert.deepEqual(positions(await store.getSince(vector)), [3, 5, 6, 7]);
      assert.deepEqual(positions(await store.getSince(vector, { limit: 2 })), [3, 5]);
      assert.deepEqual(positions(await store.getSince({})), [1, 2, 3, 4, 5, 6, 7]);
      assert.deepEqual(positions(await store.getSince(store.vector())), []);
      assert.deepEqual(positions(await store.getSince({ ...store.vector(), [c.node.id]: 0 })), [3, 6]);
      assert.deepEqual(positions(await store.getSince({ [b.node.id]: 99, [c.node.id]: 99 })), [1, 5]);
    }),
  );
  it(
    'filters by type and project in every query that takes a filter',
    withStore(async (store, own) => {
      const types = ['context', 'file_change', 'usage'] as const;
      const deltas = Array.from({ length: 12 }, (_, i) =>
        own.own({ type: types[i % 3] ?? 'custom', project: i % 2 === 0 ? app : lib, path: 'p', time: i + 1 }),
      );
      await store.saveBatch(deltas);
      const filter = { type: 'file_change', project: lib } as const;
      assert.deepEqual(positions(await store.getSince({}, filter)), [2, 8]);
      assert.deepEqual(positions(await store.getRange(at(0), at(99), filter)), [2, 8]);
      assert.deepEqual(positions(await store.getLatest(filter)), [8, 2]);
      assert.deepEqual(positions(await store.getByPath({ ...filter, path: 'p' })), [8, 2]);
      assert.deepEqual(positions(await store.getByPath({ project: app, path: 'p', limit: 2 })), [11, 9]);
      assert.deepEqual(positions(await store.getRange(at(0), at(99), { type: 'usage', limit: 1 })), [3]);
    }),
  );
  it(
    'filters by sources, age and tag in every query that takes a filter',
    withStore(async (store, own) => {
      const [b, c] = [new Author(testNode('b')), new Author(testNode('c'))];
      const tagged = (tags: unknown) => ({ payload: { path: 'p', tags } });
      await store.saveBatch([
        own.own({ ...tagged(['x']), time: 1 }),
        b.foreign({ ...tagged(['x', 'y']), time: 2 }),
        c.foreign({ ...tagged('x'), time: 3 }),
        own.own({ path: 'p', time: 4 }),
        // Late: older than what stands before it.
        b.foreign({ ...tagged(['y']), time: 3 }),
        c.foreign({ ...tagged([['x'], 'x']), time: 5 }),
      ]);
      const everyQuery = async (filter: DeltaFilter, expected: number[]) => {
        const up = (found: readonly StoredDelta[]) => positions(found).sort((one, other) => one - other);
        assert.deepEqual(positions(await store.getSince({}, filter)), expected);
        assert.deepEqual(up(await store.getRange(at(0), at(99), filter)), expected);
        assert.deepEqual(positions(await store.getLatest(filter)).reverse(), expected);
        const inPath = { ...filter, project: app, path: '.', subtree: true };
        assert.deepEqual(positions(await store.getByPath(inPath)).reverse(), expected);
      };
      await everyQuery({ sources: [] }, []);
      await everyQuery({ sources: [b.node.id] }, [2, 5]);
      await everyQuery({ sources: [b.node.id, own.node.id] }, [1, 2, 4, 5]);
      await everyQuery({ sources: [testNode('nobody').id] }, []);
      await everyQuery({ since: at(3) }, [3, 4, 5, 6]);
      await everyQuery({ since: at(4) }, [4, 6]);
      await everyQuery({ tag: 'x' }, [1, 2, 6]);
      await everyQuery({ tag: 'y', sources: [b.node.id, c.node.id], since: at(3) }, [5]);
    }),
  );
  it(
    'pages getByPath and getLatest of one source by `before`',
    withStore(async (store, own) => {
      const b = new Author(testNode('b'));
      const batch = Array.from({ length: 12 }, (_, i) =>
        i % 3 === 0 ? b.foreign({ path: 'src/b' }) : own.own({ path: `src/${i % 2}` }),
      );
      await store.saveBatch(batch);
      const inPath = { project: app, path: 'src', subtree: true, limit: 2 } as const;
      assert.deepEqual(positions(await store.getByPath({ ...inPath, before: 9 as Position })), [8, 7]);
      assert.deepEqual(
        positions(await store.getByPath({ ...inPath, path: 'src/b', before: 7 as Position })),
        [4, 1],
      );
      assert.deepEqual(positions(await store.getByPath({ ...inPath, before: 1 as Position })), []);
      const ofB = { sources: [b.node.id], limit: 2 };
      assert.deepEqual(positions(await store.getLatest(ofB, 10 as Position)), [7, 4]);
    }),
  );
  it(
    'answers getBySource newest first up to the limit',
    withStore(async (store, own) => {
      await store.saveBatch(own.owns(20));
      assert.deepEqual(seqs(await store.getBySource(own.node.id, 3)), [20, 19, 18]);
      assert.equal((await store.getBySource(own.node.id)).length, 20);
      assert.deepEqual(await store.getBySource(testNode('nobody').id), []);
      assert.deepEqual(await store.getBySource(own.node.id, 0), []);
    }),
  );
  it(
    'pages getLatest by `before` without telling anything twice',
    withStore(async (store, own) => {
      await store.saveBatch(own.owns(10));
      const seen: number[] = [];
      let before: Position | undefined;
      for (;;) {
        const page: readonly StoredDelta[] = await store.getLatest({ limit: 4 }, before);
        if (page.length === 0) break;
        seen.push(...positions(page));
        before = page.at(-1)?.position;
      }
      assert.deepEqual(seen, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }),
  );
  it(
    'finds a delta by its id, also when the source is shortened to its end',
    withStore(async (store, own) => {
      await store.saveBatch(own.owns(3));
      assert.equal((await store.get(`${own.node.id}:2` as DeltaId))?.position, 2);
      assert.equal((await store.get(`${own.node.id.slice(-10)}:3` as DeltaId))?.position, 3);
      assert.equal(await store.get(`${own.node.id}:4` as DeltaId), undefined);
      assert.equal(await store.get(`${testNode('nobody').id}:1` as DeltaId), undefined);
      assert.equal(await store.get('nonsense' as DeltaId), undefined);
    }),
  );
  it(
    'sees what was accepted before the query, without waiting for a disk',
    withStore(async (store, own) => {
      const saves = Array.from({ length: 50 }, () => store.save(own.own({ path: 'p' }), 'accepted'));
      const found = await Promise.all([
        store.getSince({}),
        store.getBySource(own.node.id),
        store.getLatest(),
        store.getByPath({ project: app, path: 'p' }),
        store.getRange(at(0), at(2 ** 40)),
      ]);
      assert.deepEqual(
        found.map(({ length }) => length),
        [50, 50, 50, 50, 50],
      );
      await Promise.all(saves);
    }),
  );
}

const oddPaths = [
  'src/a',
  'src/ab',
  'src/a/b',
  'src/a/b/c',
  'src/a b',
  'src/a-b',
  'src/a.b',
  'src/ä/ö.ts',
  'src/日本/語',
  'src/a\u{10ffff}',
  `src/a/${'d'.repeat(470)}`,
  `src/a/${'d'.repeat(470)}/e`,
  `src/a/${'d'.repeat(470)}e`,
  `src/a/${'long/'.repeat(800)}`.slice(0, 4095),
  `src/a/${'long/'.repeat(800)}`.slice(0, 4094).concat('xy'),
  '*',
  'src',
];

export function paths(withStore: WithStore): void {
  it(
    'tells apart paths that begin alike, hold odd characters or have 4096 bytes',
    withStore(async (store, own) => {
      await store.saveBatch(oddPaths.map((path) => own.own({ path })));
      await store.save(own.own({ path: 'src/a', project: lib }));
      await store.save(own.own({ payload: { path: 7 } }));
      for (const [i, path] of oddPaths.entries())
        assert.deepEqual(
          positions(await store.getByPath({ project: app, path })),
          [i + 1],
          path.slice(0, 50),
        );
      assert.deepEqual(await store.getByPath({ project: app, path: 'src/none' }), []);
    }),
  );
  it(
    'answers a subtree with the path, everything below it and nothing beside it',
    withStore(async (store, own) => {
      await store.saveBatch([...oddPaths, ...oddPaths].map((path) => own.own({ path })));
      await store.save(own.own({ path: 'src/a/b', project: lib }));
      for (const root of [...oddPaths, 'src/a/b/c/d', 'none', `src/a/${'long/'.repeat(100)}`.slice(0, -1)]) {
        const expected = [...oddPaths, ...oddPaths]
          .map((path, i) => ({ path, position: i + 1 }))
          .filter(({ path }) => path === root || path.startsWith(`${root}/`))
          .map(({ position }) => position)
          .reverse();
        const found = await store.getByPath({ project: app, path: root, subtree: true });
        assert.deepEqual(positions(found), expected, root.slice(0, 50));
      }
      const all = await store.getByPath({ project: app, path: '.', subtree: true });
      assert.equal(all.length, 2 * oddPaths.length);
      assert.deepEqual(
        positions(await store.getByPath({ project: app, path: 'src', subtree: true, limit: 2 })),
        [34, 32],
      );
    }),
  );
}
