import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import type { NodeId, ProjectId } from '../../src/base/ids.ts';
import { deltaTypes, type StoredDelta } from '../../src/delta/delta.ts';
import type { DeltaFilter, DeltaStore, IncomingDelta } from '../../src/store/delta-store.ts';
import { LmdbDeltaStore } from '../../src/store/lmdb-delta-store.ts';
import { MemoryDeltaStore } from '../../src/store/memory-delta-store.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';
import { Author, at, tempDirectory, testNode } from './store-fixture.ts';

const histories = 6;
const steps = 120;
const projects = ['github.com/acme/app', 'github.com/acme/ap'] as ProjectId[];
const names = [
  'src',
  'src/a',
  'src/ab',
  'src/a/b',
  'src/a/b/c',
  `src/a/${'x'.repeat(500)}`,
  `src/a/${'x'.repeat(500)}y`,
  'ä ö',
];

class History {
  readonly #random: SeededRandom;
  readonly #authors: readonly Author[];
  readonly #place: () => Promise<LmdbDeltaStore>;
  readonly #model = new MemoryDeltaStore();
  #store: DeltaStore;
  #clock = 10;

  constructor(
    random: SeededRandom,
    authors: readonly Author[],
    store: DeltaStore,
    place: () => Promise<LmdbDeltaStore>,
  ) {
    this.#random = random;
    this.#authors = authors;
    this.#store = store;
    this.#place = place;
  }

  async run(): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const action = this.#random.next();
      if (action < 0.5) await this.#save();
      else if (action < 0.56) await this.#compact();
      else if (action < 0.62) await this.#reopen();
      else await this.#ask();
    }
    await this.#same(async (store) => {
      const { kind: _, diskBytes: _bytes, indexed: _indexed, ...rest } = await store.stats();
      return rest;
    });
    await this.#store.close();
  }

  async #save(): Promise<void> {
    const batch: IncomingDelta[] = [];
    for (let left = this.#random.int(1, 12); left > 0; left--) {
      const author = this.#random.pick(this.#authors);
      this.#clock += this.#random.int(0, 3);
      // Others' deltas may be late; each source's own times rise.
      const lag = author === this.#authors[0] ? 0 : this.#random.int(0, 30);
      const time = Math.max(author.time - at(0) + 1, this.#clock - lag);
      // A node's clock goes on behind whatever it has taken in.
      this.#clock = Math.max(this.#clock, time);
      const fields = {
        time,
        type: this.#random.pick(deltaTypes),
        project: this.#random.pick(projects),
        ...(this.#random.chance(0.7) ? { path: this.#random.pick(names) } : {}),
      };
      batch.push(author === this.#authors[0] ? author.own(fields) : author.foreign(fields));
    }
    if (this.#random.chance(0.2)) batch.unshift(...batch.slice(0, 1));
    await this.#same((store) => store.saveBatch(batch));
  }

  async #compact(): Promise<void> {
    const before = at(Math.max(0, this.#clock - this.#random.int(0, 60)));
    await this.#same((store) => store.compact(before));
  }

  async #reopen(): Promise<void> {
    await this.#store.close();
    this.#store = await this.#place();
    await this.#same(async (store) => store.vector());
  }

  async #ask(): Promise<void> {
    const random = this.#random;
    const filter: DeltaFilter = {
      ...(random.chance(0.3) ? { type: random.pick(deltaTypes) } : {}),
      ...(random.chance(0.3) ? { project: random.pick(projects) } : {}),
      ...(random.chance(0.5) ? { limit: random.int(0, 20) } : {}),
      ...(random.chance(0.2) ? { since: at(random.int(0, this.#clock + 5)) } : {}),
      ...(random.chance(0.3)
        ? { sources: this.#authors.filter(() => random.chance(0.4)).map(({ node }) => node.id) }
        : {}),
    };
    const author = random.pick(this.#authors);
    const [from, to] = [random.int(0, this.#clock + 5), random.int(0, this.#clock + 5)].sort((a, b) => a - b);
    const vector = Object.fromEntries(
      this.#authors
        .filter(() => random.chance(0.7))
        .map(({ node, seq }) => [node.id, random.int(0, seq + 2)]),
    ) as Record<NodeId, number>;
    const path = {
      ...filter,
      project: random.pick(projects),
      path: random.pick([...names, '.', 'none']),
      subtree: random.chance(0.5),
      ...(random.chance(0.3) ? { before: random.int(1, 500) as StoredDelta['position'] } : {}),
    };
    await this.#same((store) => store.getSince(vector, filter));
    await this.#same((store) => store.getRange(at(from ?? 0), at(to ?? 0), filter));
    await this.#same((store) => store.getBySource(author.node.id, filter.limit));
    await this.#same((store) => store.getByPath(path));
    const before = random.int(1, 500) as StoredDelta['position'];
    await this.#same((store) => store.getLatest(filter, before));
    await this.#same((store) =>
      store.get(`${author.node.id}:${Math.max(1, author.seq - 3)}` as StoredDelta['id']),
    );
  }

  async #same<T>(ask: (store: DeltaStore) => Promise<T>): Promise<void> {
    assert.deepEqual(await ask(this.#store), await ask(this.#model));
  }
}

async function runHistory(t: TestContext, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const nodes = ['own', 'b', 'c'].map(testNode);
  const [own] = nodes;
  assert.ok(own);
  const directory = tempDirectory(t);
  const place = () =>
    LmdbDeltaStore.open(directory, {
      node: own.id,
      privateKey: own.privateKey,
      indexLag: random.pick([0, 3, 20, 10_000]),
      maxPerTransaction: random.int(1, 20),
    });
  const authors = nodes.map((node) => new Author(node, at(0)));
  await new History(random, authors, await place(), place).run();
}

it('the LMDB store answers as the memory store over random histories', async (t) => {
  const seed = testSeed();
  t.diagnostic(`TEST_SEED=${seed}`);
  for (let i = 0; i < histories; i++) {
    try {
      await runHistory(t, seed + i);
    } catch (error) {
      throw new Error(`history ${i} of TEST_SEED=${seed} differs`, { cause: error });
    }
  }
});
