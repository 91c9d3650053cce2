import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../../src/base/ids.ts';
import { judgeCohesion } from '../../src/search/cohesion.ts';
import { type ContextDocument, LexicalSearch } from '../../src/search/context-search.ts';
import { wordsOf } from '../../src/search/words.ts';

const project = 'p' as ProjectId;

function searchIn(contents: readonly string[]) {
  const documents = contents.map<ContextDocument>((content, at) => ({
    id: `n:${at + 1}`,
    project: at === 3 ? ('other' as ProjectId) : project,
    path: `src/${at}.ts`,
    content,
    tags: at === 0 ? ['auth'] : [],
    agent: 'a',
    time: '',
  }));
  const search = new LexicalSearch({
    head: async () => documents.length,
    // One at a time: the search has to go on by itself.
    read: async (from) => ({ contexts: documents.slice(from, from + 1), upTo: from + 1 }),
  });
  return { search, documents };
}

test('finds whole words only, in code names too, and says which', async () => {
  const { search } = searchIn(['parseToken checks the signature', 'the author writes', 'unrelated']);
  const ids = async (text: string) => (await search.search({ text, project, limit: 10 })).map(({ id }) => id);
  assert.deepEqual(await ids('token'), ['n:1']);
  assert.deepEqual(await ids('auth'), ['n:1']);
  assert.deepEqual(await ids('author'), ['n:2']);
  assert.deepEqual(await ids('sign'), []);
  assert.deepEqual(await ids('the of and'), []);
  const [hit] = await search.search({ text: 'signature of unicorns', project, limit: 10 });
  assert.deepEqual(hit?.matched, ['signature']);
});

test('keeps to the project and the path that were asked for, and sees what came later', async () => {
  const { search, documents } = searchIn(['word', 'word', 'word', 'word']);
  const count = async (query: object) => (await search.search({ text: 'word', limit: 10, ...query })).length;
  assert.equal(await count({}), 4);
  assert.equal(await count({ project }), 3);
  assert.equal(await count({ project, path: 'src/1.ts' }), 1);
  assert.equal(await count({ project, path: 'src' }), 3);
  documents.push({ ...documents[0], id: 'n:9' } as ContextDocument);
  assert.equal(await count({ project }), 4);
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

const shared = [
  'Access tokens must never be cached in memory. They expire after 15 minutes.',
  'The login page is blue.',
];
const verdicts: readonly (readonly [text: string, verdict: string, evidence: number])[] = [
  ['I will keep access tokens cached in memory', 'conflict', 1],
  ['Access tokens are never cached in memory', 'cohesive', 1],
  ['tokens expire after 15 minutes here', 'cohesive', 1],
  ['rename the button', 'uncertain', 0],
  ['tokens', 'uncertain', 0],
  ['the of and in', 'uncertain', 0],
];
for (const [text, verdict, evidence] of verdicts) {
  test(`says ${verdict} of "${text}"`, async () => {
    const judged = await judgeCohesion(searchIn(shared).search, { text, project, limit: 20 });
    assert.equal(judged.verdict, verdict);
    assert.equal(judged.evidence.length, evidence);
    assert.equal(judged.method, 'lexical');
  });
}
