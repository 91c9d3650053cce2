import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiKey } from '../../src/search/api-key.ts';
import type { EmbeddingPurpose } from '../../src/search/embedding-provider.ts';
import { embeddingServices, type ServiceName } from '../../src/search/embedding-services.ts';
import { HttpEmbeddings } from '../../src/search/http-embeddings.ts';
import {
  keyText,
  lengthsOf,
  openService,
  providerAt,
  type Reply,
  textsOf,
  vectorsFor,
} from './fake-service.ts';

interface Sample {
  readonly path: string;
  readonly header: readonly [string, string | undefined];
  readonly bodies: Readonly<Record<EmbeddingPurpose, unknown>>;
  readonly answer: Reply;
}

const twoTexts = ['one', 'three'];
const twoVectors = [
  [3, 4],
  [0, 2],
];
const indexed = {
  body: {
    data: [
      { index: 1, embedding: twoVectors[1] },
      { index: 0, embedding: twoVectors[0] },
    ],
  },
};
const bearer = ['authorization', `Bearer ${keyText}`] as const;

function googleBody(taskType: string) {
  const model = 'models/gemini-embedding-001';
  return { requests: twoTexts.map((text) => ({ model, content: { parts: [{ text }] }, taskType })) };
}

const openaiBody = { model: 'text-embedding-3-small', input: twoTexts, encoding_format: 'float' };

const samples: Readonly<Record<ServiceName, Sample>> = {
  openai: {
    path: '/v1/embeddings',
    header: bearer,
    bodies: { document: openaiBody, query: openaiBody },
    answer: indexed,
  },
  voyage: {
    path: '/v1/embeddings',
    header: bearer,
    bodies: {
      document: { model: 'voyage-3.5', input: twoTexts, input_type: 'document' },
      query: { model: 'voyage-3.5', input: twoTexts, input_type: 'query' },
    },
    answer: indexed,
  },
  google: {
    path: '/v1beta/models/gemini-embedding-001:batchEmbedContents',
    header: ['x-goog-api-key', keyText],
    bodies: { document: googleBody('RETRIEVAL_DOCUMENT'), query: googleBody('RETRIEVAL_QUERY') },
    answer: { body: { embeddings: twoVectors.map((values) => ({ values })) } },
  },
  ollama: {
    path: '/api/embed',
    header: ['authorization', undefined],
    bodies: {
      document: { model: 'nomic-embed-text', input: ['search_document: one', 'search_document: three'] },
      query: { model: 'nomic-embed-text', input: ['search_query: one', 'search_query: three'] },
    },
    answer: { body: { model: 'nomic-embed-text', embeddings: twoVectors, total_duration: 1 } },
  },
};

for (const [service, { path, header, bodies, answer }] of Object.entries(samples)) {
  test(`asks ${service} as it wants to be asked, and reads what it answers`, async (t) => {
    const { url, received } = await openService(t, () => answer);
    const { provider } = providerAt(url, service as ServiceName);
    assert.equal(provider.name, service);
    for (const purpose of ['document', 'query'] as const) {
      const vectors = await provider.embed(twoTexts, purpose);
      assert.deepEqual(vectors, [Float32Array.of(0.6, 0.8), Float32Array.of(0, 1)]);
      const asked = received.at(-1);
      assert.deepEqual(asked?.body, bodies[purpose]);
      assert.equal(asked?.method, 'POST');
      assert.equal(asked?.path, path);
      assert.equal(asked?.headers['content-type'], 'application/json');
      assert.equal(asked?.headers[header[0]], header[1]);
    }
    assert.equal(received.length, 2);
  });
}

test('sends a key to ollama where there is one, and no instruction to a model that knows none', async (t) => {
  const { url, received } = await openService(t, () => ({ body: { embeddings: [[1]] } }));
  const choice = { kind: 'service', service: 'ollama', url, because: 'the test' } as const;
  const provider = new HttpEmbeddings({ ...choice, model: 'all-minilm', key: new ApiKey(keyText) });
  await provider.embed(['x'], 'query');
  assert.deepEqual(received[0]?.body.input, ['x']);
  assert.equal(received[0]?.headers.authorization, `Bearer ${keyText}`);
});

test('takes a model of google with and without its collection', async (t) => {
  const { url, received } = await openService(t, () => ({ body: { embeddings: [{ values: [1] }] } }));
  const choice = { kind: 'service', service: 'google', url, key: undefined, because: 'the test' } as const;
  await new HttpEmbeddings({ ...choice, model: 'models/x' }).embed(['x'], 'query');
  await new HttpEmbeddings({ ...choice, model: 'x' }).embed(['x'], 'query');
  assert.equal(received[0]?.path, '/v1beta/models/x:batchEmbedContents');
  assert.deepEqual(received[0]?.body, received[1]?.body);
});

test('splits texts by number and by size, one request after the other, and keeps their order', async (t) => {
  const { limits } = embeddingServices.voyage;
  let open = 0;
  const { url, received } = await openService(t, (it) => (response) => {
    open += 1;
    setImmediate(() => {
      assert.equal(open, 1);
      open -= 1;
      response.end(JSON.stringify(vectorsFor(it).body));
    });
  });
  const { provider } = providerAt(url, 'voyage');
  assert.equal(provider.maxBatch, limits.maxBatch);
  const many = Array.from({ length: 300 }, (_, at) => 'x'.repeat(at + 1));
  assert.deepEqual(
    lengthsOf(await provider.embed(many, 'document')),
    many.map((text) => text.length),
  );
  assert.deepEqual(
    received.map((it) => textsOf(it).length),
    [128, 128, 44],
  );
  // 7 of 16 000 bytes fit into 120 000.
  const long = Array.from({ length: 10 }, (_, at) => 'y'.repeat(limits.maxTextBytes - at));
  assert.deepEqual(
    lengthsOf(await provider.embed(long, 'document')),
    long.map((text) => text.length),
  );
  assert.deepEqual(
    received.slice(3).map((it) => textsOf(it).length),
    [7, 3],
  );
  assert.deepEqual(await provider.embed([], 'document'), []);
  assert.equal(received.length, 5);
});

test('cuts a long text at a whole character, sends no blank one, and mends half a surrogate pair', async (t) => {
  const { url, received } = await openService(t, vectorsFor);
  const { provider } = providerAt(url, 'openai');
  const texts = ['x'.repeat(9_000), `${'x'.repeat(7_998)}😀`, '日'.repeat(9_000), ' \n', '', 'a\ud800b'];
  assert.equal((await provider.embed(texts, 'document')).length, texts.length);
  assert.deepEqual(received.flatMap(textsOf), [
    'x'.repeat(8_000),
    'x'.repeat(7_998),
    '日'.repeat(2_666),
    '.',
    '.',
    'a\ufffdb',
  ]);
});
