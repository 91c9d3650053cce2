/** The search as the daemon asks it, without its thread: words and vectors over the same contexts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../../src/base/ids.ts';
import type { ContextDocument, SearchQuery } from '../../src/search/context-search.ts';
import { type EmbeddingProvider, normalize } from '../../src/search/embedding-provider.ts';
import { HybridIndex } from '../../src/search/hybrid-index.ts';
import { passagesOf } from '../../src/search/passages.ts';
import { openSentenceEncoder } from '../../src/search/sentence-encoder.ts';
import { wordsOf } from '../../src/search/words.ts';

const project = 'p' as ProjectId;

function documentsOf(contents: readonly string[]): readonly ContextDocument[] {
  return contents.map((content, at) => ({
    id: `n:${at + 1}`,
    project: at === 3 ? ('other' as ProjectId) : project,
    path: `src/${at}.ts`,
    content,
    tags: at === 0 ? ['auth'] : [],
    agent: 'a',
    time: '',
  }));
}

function searchIn(contents: readonly string[], provider?: EmbeddingProvider) {
  const index = new HybridIndex({
    model: provider === undefined ? null : provider.model,
    open: provider === undefined ? undefined : async () => provider,
    file: undefined,
  });
  const documents = documentsOf(contents);
  index.add(documents);
  const ids = async (text: string, query: Partial<SearchQuery> = { project }) =>
    (await index.search({ text, limit: 10, ...query })).hits.map(({ id }) => id);
  return { index, ids, documents };
}

test('finds whole words in all their forms, in code names too, and says which', async () => {
  const { index, ids } = searchIn(['parseToken checks the signatures', 'the author writes', 'unrelated']);
  assert.deepEqual(await ids('token'), ['n:1']);
  assert.deepEqual(await ids('auth'), ['n:1']);
  assert.deepEqual(await ids('author'), ['n:2']);
  assert.deepEqual(await ids('writing'), ['n:2']);
  assert.deepEqual(await ids('sign'), []);
  assert.deepEqual(await ids('the of and'), []);
  const { hits, method, vectors } = await index.search({ text: 'signature of unicorns', project, limit: 10 });
  assert.deepEqual(hits[0]?.matched, ['signature']);
  assert.equal(method, 'lexical');
  assert.deepEqual(vectors, { model: null, embedded: 0, entries: 3 });
});

test('keeps to the project and the path that were asked for, and sees what came later', async () => {
  const { index, ids, documents } = searchIn(['word', 'word', 'word', 'word']);
  const count = async (query: Partial<SearchQuery>) => (await ids('word', query)).length;
  assert.equal(await count({}), 4);
  assert.equal(await count({ project }), 3);
  assert.equal(await count({ project, path: 'src/1.ts' }), 1);
  assert.equal(await count({ project, path: 'src' }), 3);
  assert.equal(await count({ project, path: '.' }), 3);
  assert.equal(await count({ project, path: 'sr' }), 0);
  index.add([{ ...(documents[0] as ContextDocument), id: 'n:9' }]);
  assert.equal(await count({ project }), 4);
  // Told twice, there once.
  index.add(documents);
  assert.equal(await count({ project }), 4);
});

test('finds by meaning what shares no word, with the encoder that ships with the program', async () => {
  const { index, ids } = searchIn(
    [
      'Sessions expire after fifteen minutes of inactivity.',
      'The build uses incremental compilation.',
      'Database migrations run before the deployment.',
    ],
    await openSentenceEncoder(),
  );
  await index.vectors.idle();
  assert.equal((await ids('how long until a user is logged out'))[0], 'n:1');
  const { method, vectors } = await index.search({ text: 'user', limit: 3 });
  assert.equal(method, 'hybrid');
  assert.deepEqual(vectors, { model: 'universal-sentence-encoder-lite-en-1', embedded: 3, entries: 3 });
});

test('puts what was superseded below what holds, and names its successor', async () => {
  const { index } = searchIn(['retries are five', 'retries are three now', 'retries']);
  const [first, second] = documentsOf(['retries are five retries', 'x']);
  index.add([
    { ...(first as ContextDocument), id: 'n:10', content: 'retries are seven', supersedes: 'n:2' },
    { ...(second as ContextDocument), id: 'n:11', content: 'retries are nine', supersedes: 'n:10' },
  ]);
  const { hits } = await index.search({ text: 'retries three', project, limit: 10 });
  const of = (id: string) => hits.find((hit) => hit.id === id);
  assert.equal(of('n:2')?.supersededBy, 'n:11');
  assert.equal(of('n:10')?.supersededBy, 'n:11');
  assert.equal(of('n:11')?.supersededBy, undefined);
  assert.ok(hits.findIndex(({ id }) => id === 'n:2') > hits.findIndex(({ id }) => id === 'n:11'));
});

test('two contexts that supersede each other are both found', async () => {
  const { index } = searchIn([]);
  const [one, two] = documentsOf(['cache first', 'cache second']) as [ContextDocument, ContextDocument];
  index.add([
    { ...one, supersedes: two.id },
    { ...two, supersedes: one.id },
  ]);
  const { hits } = await index.search({ text: 'cache', limit: 10 });
  assert.deepEqual(hits.map(({ id }) => id).sort(), ['n:1', 'n:2']);
});

/** Directions by the first letter: as good as any meaning for what is tested here. */
function letterProvider(): EmbeddingProvider {
  return {
    name: 'test',
    model: 'letters',
    maxBatch: 2,
    embed: async (texts) =>
      texts.map((text) => {
        const vector = new Float32Array(26);
        vector[(text.toLowerCase().codePointAt(0) ?? 97) - 97] = 1;
        return normalize(vector);
      }),
  };
}

test('fuses both ranks: what both find comes first', async () => {
  const { index, ids } = searchIn(['zebra stripes', 'apple pie', 'zoo'], letterProvider());
  await index.vectors.idle();
  assert.deepEqual(await ids('zebra'), ['n:1', 'n:3']);
});

test('drops the oldest above its bound from every list', async () => {
  const { index } = searchIn([], letterProvider());
  const documents = Array.from(
    { length: 50_010 },
    (_, at): ContextDocument => ({
      id: `n:${at}`,
      project,
      path: '.',
      content: at < 10 ? 'oldest' : 'x',
      tags: [],
      agent: 'a',
      time: '',
    }),
  );
  index.add(documents);
  const { hits, vectors } = await index.search({ text: 'oldest', limit: 5 });
  assert.deepEqual(
    hits.filter(({ content }) => content === 'oldest'),
    [],
  );
  assert.equal(vectors.entries, 50_000);
  await index.vectors.close();
});

test('splits code names into their words', () => {
  assert.deepEqual(wordsOf('parseHTTPToken snake_case ß x'), [
    'parsehttptoken',
    'parse',
    'httptoken',
    'snake_case',
    'snake',
    'case',
  ]);
});

test('cuts long texts at sentences, and what has none by length', () => {
  assert.deepEqual(passagesOf('One. Two!\n\nThree?'), ['One. Two! Three?']);
  const long = passagesOf(`${'Words and words. '.repeat(100)}`);
  assert.ok(
    long.length > 1 &&
      long.length <= 6 &&
      long.every((passage) => passage.length <= 450 && passage.endsWith('.')),
  );
  assert.deepEqual(
    passagesOf('x'.repeat(10_000)).map(({ length }) => length),
    [450],
  );
  assert.deepEqual(passagesOf(' \n '), []);
});
