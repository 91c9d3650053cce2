import assert from 'node:assert/strict';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type JsonSpan, JsonSpans } from '../../src/migrate/json-spans.ts';
import { surveyVectors, VectorReader, type VectorSurvey } from '../../src/migrate/legacy-vectors.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { collectionText, documentOf, goJson, type LegacyDocumentSample } from './legacy-home.ts';
import { code, scratch } from './migrate-fixture.ts';

const samples = (count: number): readonly LegacyDocumentSample[] =>
  Array.from({ length: count }, (_, at) => ({
    id: `doc-${String(at).padStart(4, '0')}`,
    content: `text ${at} with "quotes", {braces} and [brackets] \\ and a line\nbreak`,
    metadata: { at, tags: ['a', 'b'] },
    dimension: 4 + (at % 3),
  }));

/** What is found in a file of this text. */
async function survey(directory: string, text: string | Buffer): Promise<VectorSurvey> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'default.json'), text);
  return surveyVectors(directory);
}

const ids = ({ entries }: VectorSurvey) => entries.map(({ id }) => id);
const reasons = ({ skipped }: VectorSurvey) =>
  skipped.map(({ document, why }) => (document === undefined ? why : `${document}: ${why}`));

test('finds each member at its bytes, in chunks of any size', () => {
  const text = `\ufeff {"name":"a\\"b", "n":1.5e3 ,"x":[1,{"y":"]"}],"documents" : {"k1":{"a":"}"},\n"k\\u0032":[],"":null } ,"after":true}\n`;
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const spans: JsonSpan[] = [];
    const finder = new JsonSpans('documents', (span) => spans.push(span));
    for (let at = 0; at < bytes.length; at += size) finder.push(bytes.subarray(at, at + size));
    assert.equal(finder.end(), undefined);
    assert.equal(finder.at, bytes.length);
    assert.deepEqual(
      spans.map(({ level, key, from, to }) => [level, key, bytes.toString('utf8', from, to).trim()]),
      [
        [1, 'name', '"a\\"b"'],
        [1, 'n', '1.5e3'],
        [1, 'x', '[1,{"y":"]"}]'],
        [2, 'k1', '{"a":"}"}'],
        [2, 'k2', '[]'],
        [2, '', 'null'],
        [1, 'after', 'true'],
      ],
    );
  }
});

test('says what is wrong with a file that is no collection, and imports nothing from it', async (t) => {
  const cases: readonly (readonly [string | Buffer, RegExp])[] = [
    ['', /^the file is empty$/],
    ['null', /^the file is not JSON of this form at byte 0$/],
    ['[1,2]', /^the file is not JSON of this form at byte 0$/],
    ['{}', /^the file holds no "documents"$/],
    ['{"documents":null}', /^the file holds no "documents"$/],
    ['{"documents":[{"id":"a","content":"x"}]}', /^the file holds no "documents"$/],
    ['{"documents":{', /^the file ends too early, at byte 14$/],
    ['{"documents" {}}', /^the file is not JSON of this form at byte 13$/],
    [Buffer.alloc(5000), /^the file is not JSON of this form at byte 0$/],
    [Buffer.from([0xff, 0xfe, 0x7b, 0]), /^the file is not JSON of this form at byte/],
  ];
  for (const [text, expected] of cases) {
    const found = await survey(join(scratch(t), 'vectors'), text);
    assert.deepEqual(ids(found), []);
    assert.equal(found.skipped.length, 1, String(text).slice(0, 40));
    assert.match(found.skipped[0]?.why ?? '', expected);
  }
  assert.deepEqual(reasons(await survey(join(scratch(t), 'vectors'), '{"documents":{}}')), []);
});

test('leaves out a document that holds nothing, with its reason, and takes what is odd about others', async (t) => {
  const good = documentOf({ id: 'good', content: 'fine' });
  const documents = {
    text: 'just a string',
    nothing: null,
    'no content': { ...good, content: undefined },
    'a number': { ...good, content: 7 },
    blank: { ...good, content: ' \n' },
    good,
    odd: {
      content: 'odd',
      id: 5,
      embedding: 'none',
      metadata: [1],
      file_path: 8,
      created_at: {},
      hash: null,
    },
    '': { content: 'no id' },
  };
  const found = await survey(join(scratch(t), 'vectors'), goJson({ documents }));
  assert.deepEqual(reasons(found), [
    'text: it is not an object',
    'nothing: it is not an object',
    'no content: it has no content',
    'a number: it has no content',
    'blank: its content is empty',
  ]);
  assert.deepEqual(ids(found).toSorted(), ['', 'good', 'odd']);
  assert.deepEqual(found.dimensions, [0, 8]);
});

test('of two documents with one key the later counts, and keys of any length are told apart', async (t) => {
  const long = 'k'.repeat(5000);
  const one = (content: string) => goJson(documentOf({ id: content, content }));
  const text = `{"documents":{"a":${one('first')},"a":${one('second')},"${long}1":${one('third')},"${long}2":${one('fourth')}}}`;
  const found = await survey(join(scratch(t), 'vectors'), text);
  assert.deepEqual(ids(found).toSorted(), ['fourth', 'second', 'third']);
  assert.deepEqual(reasons(found), ['a: a later one has the same key']);
});

test('a file that is cut off gives every document before the cut, and names the one in it', async (t) => {
  const text = collectionText('default', samples(20));
  const starts = samples(20).map(({ id }) => text.indexOf(`"${id}": {`));
  const random = seededRandom(testSeed());
  for (let round = 0; round < 30; round++) {
    const cut = random.int(1, text.length - 1);
    const found = await survey(join(scratch(t), 'vectors'), text.slice(0, cut));
    const begun = starts.filter((start) => start < cut).length;
    assert(found.entries.length >= begun - 1 && found.entries.length <= begun, `cut at ${cut}`);
    assert.match(reasons(found).join(), /ends too early/, `cut at ${cut}`);
    assert.equal(
      ids(found).join(),
      samples(found.entries.length)
        .map(({ id }) => id)
        .join(),
    );
  }
});

test('one damaged byte costs the document that it is in, at most its neighbour too', async (t) => {
  const count = 12;
  const text = Buffer.from(collectionText('default', samples(count)));
  const seed = testSeed();
  const random = seededRandom(seed);
  const rounds = Number(process.env.DAMAGED_BYTES ?? 200);
  const directory = join(scratch(t), 'vectors');
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(text);
    const at = random.int(0, bytes.length - 1);
    bytes[at] = random.pick([
      0,
      0x22,
      0x7b,
      0x7d,
      0x5b,
      0x5d,
      0x5c,
      0x2c,
      0x0a,
      (bytes[at] ?? 0) ^ (1 << random.int(0, 7)),
    ]);
    const found = await survey(directory, bytes);
    const what = `TEST_SEED=${seed} round ${round}: byte ${at} is ${bytes[at]}: ${reasons(found).join('; ')}`;
    assert(found.entries.length >= count - 2, what);
    if (found.entries.length < count) assert(found.skipped.length > 0, what);
  }
});

test('blocks of zeros, as a power loss leaves them, cost what they cover and no more than the document beside', async (t) => {
  const count = 40;
  const text = Buffer.from(collectionText('default', samples(count)));
  const seed = testSeed();
  const random = seededRandom(seed);
  const directory = join(scratch(t), 'vectors');
  for (let round = 0; round < 60; round++) {
    const bytes = Buffer.from(text);
    const blocks = random.int(1, 3);
    let covered = 0;
    for (let block = 0; block < blocks; block++) {
      const from = random.int(0, bytes.length - 1);
      bytes.fill(0, from, Math.min(from + 512, bytes.length));
      covered += 2;
    }
    const found = await survey(directory, bytes);
    const what = `TEST_SEED=${seed} round ${round}: ${reasons(found).join('; ')}`;
    assert(found.entries.length >= count - covered - blocks, what);
    assert(found.entries.length === count || found.skipped.length > 0, what);
  }
});

test('a file with damage all over is given up at some point, and says where', async (t) => {
  const seed = samples(600).map((sample) => ({ ...sample, dimension: 300 }));
  const documents = seed.map((sample) =>
    goJson(documentOf(sample)).replace('"embedding": [', '"embedding": [['),
  );
  const text = `{"documents":{${documents.map((it, at) => `"${seed[at]?.id}":${it}`).join(',')}}}`;
  const found = await survey(join(scratch(t), 'vectors'), text);
  assert.match(
    reasons(found).at(-1) ?? '',
    /^the file is damaged in too many places; nothing behind byte \d+ was read$/,
  );
  assert(found.skipped.length > 50 && found.skipped.length < 600);
});

test('random bytes give no more than reasons', async (t) => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const alphabet = '{}[]",:\\\n documents01e-'.split('');
  for (let round = 0; round < 200; round++) {
    const text = Array.from({ length: random.int(1, 300) }, () => random.pick(alphabet)).join('');
    const found = await survey(join(scratch(t), 'vectors'), `{"documents":{${text}`);
    assert.deepEqual(ids(found), [], `seed ${seed}: ${text}`);
    assert(found.skipped.length > 0, `seed ${seed}: ${text}`);
  }
});

test('a large file is looked through in little memory, and its document over the limit is left out', async (t) => {
  const directory = join(scratch(t), 'vectors');
  mkdirSync(directory);
  const path = join(directory, 'default.json');
  const [first, last] = ['first', 'last'].map((id) => `"${id}":${goJson(documentOf({ id, content: id }))}`);
  writeFileSync(path, `{"documents":{${first},"huge":{"content":"`);
  // A hole in the file: zeros that take no disk. Over 512 MiB V8 could not hold it as a string.
  truncateSync(path, Number(process.env.VECTORS_MIB ?? 128) * 2 ** 20);
  writeFileSync(path, `"},${last}}}`, { flag: 'a' });
  const before = process.memoryUsage().rss;
  const found = await surveyVectors(directory);
  assert.deepEqual(ids(found).toSorted(), ['first', 'last']);
  assert.match(reasons(found).join(), /^huge: it has \d+ bytes$/);
  assert(process.memoryUsage().rss - before < 100e6);
});

test('a file that changes between look and import stops the migration', async (t) => {
  const directory = join(scratch(t), 'vectors');
  const { entries } = await survey(directory, collectionText('default', samples(3)));
  const reader = new VectorReader(directory);
  t.after(() => reader.close());
  assert.equal((await reader.read(entries[0] as never)).id, 'doc-0000');
  truncateSync(join(directory, 'default.json'), 100);
  await assert.rejects(
    () => reader.read(entries[2] as never),
    code('STORE_UNAVAILABLE', /changed while it was imported: doc-0002/),
  );
});
