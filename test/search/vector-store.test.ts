/** Vectors in memory, in their file, and made again: with services that fail, change their model, or come back. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import type { ProjectId } from '../../src/base/ids.ts';
import type { ContextDocument } from '../../src/search/context-search.ts';
import { type EmbeddingProvider, normalize } from '../../src/search/embedding-provider.ts';
import { VectorFile } from '../../src/search/vector-file.ts';
import { VectorIndex } from '../../src/search/vector-index.ts';
import { VectorStore } from '../../src/search/vector-store.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'agent-collab-vectors-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const random = seededRandom(testSeed());

function randomVector(dimension: number): Float32Array {
  return normalize(Float32Array.from({ length: dimension }, () => random.next() - 0.5));
}

function document(at: number, content = `context ${at}`): ContextDocument {
  return { id: `n:${at}`, project: 'p' as ProjectId, path: '.', content, tags: [], agent: 'a', time: '' };
}

/** Counts what it is sent; `fail` may throw for a call. */
class FakeProvider implements EmbeddingProvider {
  readonly name = 'fake';
  readonly model: string;
  readonly maxBatch = 4;
  readonly sent: string[] = [];
  dimension: number;
  fail: (texts: readonly string[]) => void = () => {};

  constructor(model = 'fake-1', dimension = 8) {
    this.model = model;
    this.dimension = dimension;
  }

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    this.fail(texts);
    this.sent.push(...texts);
    return texts.map((text) => {
      const vector = new Float32Array(this.dimension);
      for (let at = 0; at < text.length; at += 1) vector[text.charCodeAt(at) % this.dimension] = 1;
      return normalize(vector);
    });
  }
}

function storeOf(provider: EmbeddingProvider, documents: readonly ContextDocument[] = []): VectorStore {
  const store = new VectorStore(
    {
      model: provider.model,
      open: async () => provider,
      file: join(directory, 'context.vec'),
      pause: async () => {},
    },
    () => documents,
  );
  for (const one of documents) store.add(one);
  return store;
}

describe('vectors of contexts', () => {
  it('are made once, also over starts, and the newest first', async () => {
    const provider = new FakeProvider();
    const documents = Array.from({ length: 10 }, (_, at) => document(at));
    const first = storeOf(provider, documents);
    assert.equal(first.state().embedded, 0);
    await first.idle();
    assert.deepEqual(first.state(), { model: 'fake-1', embedded: 10, entries: 10 });
    assert.equal(provider.sent[0], 'context 9');
    await first.close();
    const again = new FakeProvider();
    const second = storeOf(again, [...documents, document(10)]);
    await second.idle();
    assert.deepEqual(again.sent, ['context 10']);
    const vector = (await second.ofQuery('context 3')) as Float32Array;
    assert.equal(second.nearest(vector, () => true, 3)[0]?.similarity.toFixed(3), '1.000');
    await second.close();
  });

  it('are made anew for another model, whose file takes the place of the old one', async () => {
    const documents = [document(1), document(2)];
    const old = storeOf(new FakeProvider('fake-1', 8), documents);
    await old.idle();
    await old.close();
    const provider = new FakeProvider('fake-2', 16);
    const store = storeOf(provider, documents);
    assert.equal(store.state().embedded, 0);
    await store.idle();
    assert.equal(provider.sent.length, 2);
    assert.match(
      readFileSync(join(directory, 'context.vec'), 'latin1'),
      /^agent-collab vectors 1\n\{"model":"fake-2","dimension":16/,
    );
    await store.close();
  });

  it('are all made anew when a model answers in another dimension than it did', async () => {
    const documents = [document(1), document(2), document(3)];
    const old = storeOf(new FakeProvider('fake-1', 8), documents.slice(0, 2));
    await old.idle();
    await old.close();
    const provider = new FakeProvider('fake-1', 12);
    const store = storeOf(provider, documents);
    await store.idle();
    assert.equal(store.state().embedded, 3);
    assert.deepEqual([...new Set(provider.sent)].sort(), ['context 1', 'context 2', 'context 3']);
    assert.equal((await store.ofQuery('context'))?.length, 12);
    await store.close();
  });

  it('wait for a service that is away, say so, and come when it is back', async () => {
    const provider = new FakeProvider();
    let failures = 0;
    provider.fail = () => {
      if (failures === 3) return;
      failures += 1;
      throw new CollabError('EMBEDDING_FAILED', 'the service is away');
    };
    const said: unknown[] = [];
    const store: VectorStore = new VectorStore(
      {
        model: 'fake-1',
        open: async () => provider,
        file: undefined,
        pause: async (ms) => void said.push([ms, store.state().problem]),
      },
      () => [],
    );
    store.add(document(1));
    await store.idle();
    assert.deepEqual(store.state(), { model: 'fake-1', embedded: 1, entries: 1 });
    const why = 'the service is away';
    assert.deepEqual(said, [
      [1000, why],
      [2000, why],
      [4000, why],
    ]);
    await store.close();
  });

  it('are left out for the one text that a service will not take', async () => {
    const provider = new FakeProvider();
    provider.fail = (texts) => {
      if (texts.some((text) => text.includes('bad')))
        throw new CollabError('EMBEDDING_FAILED', 'too long', { details: { status: 400 } });
    };
    const store = storeOf(provider, [document(1), document(2, 'bad'), document(3), document(4)]);
    await store.idle();
    assert.deepEqual([...provider.sent].sort(), ['context 1', 'context 3', 'context 4']);
    assert.equal(store.state().embedded, 4);
    await store.close();
  });

  it('of a query are none while the service is away', async () => {
    const provider = new FakeProvider();
    const store = storeOf(provider, [document(1)]);
    await store.idle();
    provider.fail = () => {
      throw new CollabError('EMBEDDING_FAILED', 'gone');
    };
    assert.equal(await store.ofQuery('context'), undefined);
    assert.equal(store.state().problem, 'gone');
    await store.close();
  });

  it('stop being made when the store is closed', async () => {
    const provider = new FakeProvider();
    provider.fail = () => {
      throw new CollabError('EMBEDDING_FAILED', 'away');
    };
    const store = new VectorStore({ model: 'fake-1', open: async () => provider, file: undefined }, () => []);
    store.add(document(1));
    await new Promise((resolve) => setImmediate(resolve));
    await store.close();
    assert.equal(store.state().embedded, 0);
  });
});

describe('the file of vectors', () => {
  const entries = (count: number) =>
    Array.from({ length: count }, (_, at) => [`n:${at}#0`, randomVector(16)] as const);

  function written(all: readonly (readonly [string, Float32Array])[]): string {
    const path = join(directory, 'context.vec');
    const file = new VectorFile({ path, model: 'm' });
    file.append(all.slice(0, 2));
    file.append(all.slice(2));
    file.close();
    return path;
  }

  it('gives back what was written, and is of its owner alone', () => {
    const all = entries(5);
    const path = written(all);
    const { dimension, vectors } = new VectorFile({ path, model: 'm' }).load();
    assert.equal(dimension, 16);
    assert.deepEqual([...vectors], all);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('loses at most the torn end, at whatever byte it was torn, and goes on behind what is whole', () => {
    const all = entries(4);
    const whole = readFileSync(written(all));
    for (let size = 0; size <= whole.length; size += 7) {
      const path = join(directory, 'context.vec');
      writeFileSync(path, whole.subarray(0, size));
      const file = new VectorFile({ path, model: 'm' });
      const { vectors } = file.load();
      assert.deepEqual([...vectors], all.slice(0, vectors.size));
      const [key, vector] = ['n:new#0', randomVector(16)] as const;
      file.append([[key, vector]]);
      file.close();
      const again = new VectorFile({ path, model: 'm' }).load().vectors;
      assert.deepEqual([...again], [...all.slice(0, vectors.size), [key, vector]], `torn at ${size}`);
    }
  });

  it('gives nothing of a record in which a bit is another', () => {
    const all = entries(3);
    const path = written(all);
    const bytes = readFileSync(path);
    for (let round = 0; round < 200; round += 1) {
      const at = random.int(0, bytes.length - 1);
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << random.int(0, 7));
      writeFileSync(path, damaged);
      const { vectors } = new VectorFile({ path, model: 'm' }).load();
      for (const [key, vector] of vectors)
        assert.deepEqual(all.find(([known]) => known === key)?.[1], vector, `bit of byte ${at}`);
    }
  });

  it('is nothing when it is of another model, or no such file', () => {
    const path = written(entries(2));
    assert.equal(new VectorFile({ path, model: 'other' }).load().vectors.size, 0);
    appendFileSync(path, 'x');
    truncateSync(path, 3);
    assert.equal(new VectorFile({ path, model: 'm' }).load().vectors.size, 0);
    assert.equal(new VectorFile({ path: join(directory, 'none.vec'), model: 'm' }).load().vectors.size, 0);
  });

  it('is written anew with what is left', () => {
    const all = entries(6);
    const path = written(all);
    const file = new VectorFile({ path, model: 'm' });
    file.load();
    file.rewrite(all.slice(4));
    file.append(all.slice(0, 1));
    file.close();
    assert.deepEqual(
      [...new VectorFile({ path, model: 'm' }).load().vectors],
      [...all.slice(4), ...all.slice(0, 1)],
    );
  });
});

describe('the index of vectors', () => {
  it('finds the nearest exactly as a plain comparison of all does', () => {
    const index = new VectorIndex(16);
    const owned = Array.from({ length: 3000 }, (_, at) => [`n:${at % 2000}`, randomVector(16)] as const);
    for (const [owner, vector] of owned) index.add(owner, vector);
    for (const owner of ['n:3', 'n:500']) index.remove(owner);
    const query = randomVector(16);
    const dot = (vector: Float32Array) =>
      vector.reduce((sum, value, at) => sum + value * (query[at] ?? 0), 0);
    const best = new Map<string, number>();
    for (const [owner, vector] of owned)
      if (owner !== 'n:3' && owner !== 'n:500' && owner !== 'n:7')
        best.set(owner, Math.max(best.get(owner) ?? -2, dot(vector)));
    const expected = [...best].sort((a, b) => b[1] - a[1]).slice(0, 20);
    const found = index.search(query, (owner) => owner !== 'n:7', 20);
    assert.deepEqual(
      found.map(({ owner }) => owner),
      expected.map(([owner]) => owner),
    );
    assert.equal(index.size, 3000 - 4);
    assert.throws(() => index.add('x', new Float32Array(3)), RangeError);
  });

  it('uses the rows of what was removed again', () => {
    const index = new VectorIndex(4);
    for (let at = 0; at < 100; at += 1) {
      index.add(`n:${at}`, randomVector(4));
      index.remove(`n:${at}`);
    }
    assert.equal(index.size, 0);
    assert.deepEqual(
      index.search(randomVector(4), () => true, 5),
      [],
    );
  });
});
