import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { HttpEmbeddings } from '../../src/search/http-embeddings.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type Behaviour, failureOf, openService, providerAt, vectorsFor } from './fake-service.ts';

/** Stops in the middle of an answer that says it is longer. */
const torn: Behaviour = (response) => {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('{"data": [', () => response.socket?.destroy());
};
const reset: Behaviour = (response) => response.socket?.resetAndDestroy();
const silence: Behaviour = () => {};

const passing: Readonly<Record<string, Behaviour>> = {
  'a request timeout': { status: 408, body: '' },
  'a rate limit': { status: 429, body: { error: { message: 'slow down' } } },
  'an internal error': { status: 500, body: 'oops' },
  'a bad gateway': { status: 502, body: '<html>' },
  'a connection that is reset': reset,
  'an answer that is torn': torn,
};

for (const [name, behaviour] of Object.entries(passing)) {
  test(`asks again after ${name}, four times at the most, pausing longer each time`, async (t) => {
    const { url, received } = await openService(t, (it, at) =>
      at === 1 || at === 6 ? vectorsFor(it) : behaviour,
    );
    const { provider, pauses } = providerAt(url, 'openai');
    assert.equal((await provider.embed(['x'], 'query')).length, 1);
    assert.deepEqual(pauses, [500]);
    const error = await failureOf(provider.embed(['x'], 'query'));
    assert.equal(error.details?.attempts, 4);
    assert.match(error.message, /^openai .*\(tried 4 times\)$/);
    assert.deepEqual(pauses, [500, 500, 1000, 2000]);
    assert.equal(received.length, 6);
  });
}

const final: readonly (readonly [number, RegExp | undefined])[] = [
  [400, undefined],
  [401, /^Check the key \(the test\)\.$/],
  [403, /^Check the key/],
  [404, /^Check the url and the model text-embedding-3-small\.$/],
  [422, undefined],
  [307, /no redirect is followed/],
];

for (const [status, next] of final) {
  test(`asks once where the answer is ${status}, and says what the service says`, async (t) => {
    const { url, received } = await openService(t, (it) =>
      it.path === '/elsewhere'
        ? vectorsFor(it)
        : { status, headers: { location: '/elsewhere' }, body: { error: { message: 'this\nis why' } } },
    );
    const error = await failureOf(providerAt(url, 'openai').provider.embed(['x'], 'query'));
    assert.equal(error.message, `openai answers ${status}: this is why`);
    const { name: service, model } = providerAt(url, 'openai').provider;
    assert.deepEqual(error.details, { service, model, reason: 'refused', attempts: 1, status });
    if (next === undefined) assert.equal(error.next, undefined);
    else assert.match(error.next ?? '', next);
    assert.equal(received.length, 1);
  });
}

test('reads the reason from each form of a refusal, and cuts it', async (t) => {
  const bodies = [
    { detail: 'as Voyage' },
    { error: 'as Ollama' },
    { message: 'as some' },
    'plain',
    '',
    { odd: 1 },
  ];
  const { url } = await openService(t, (_, at) => ({ status: 400, body: bodies[at] ?? 'x'.repeat(100_000) }));
  const { provider } = providerAt(url, 'ollama');
  const said: string[] = [];
  for (let at = 0; at <= bodies.length; at += 1)
    said.push((await failureOf(provider.embed(['x'], 'query'))).message);
  assert.deepEqual(said, [
    'ollama answers 400: as Voyage',
    'ollama answers 400: as Ollama',
    'ollama answers 400: as some',
    'ollama answers 400: plain',
    'ollama answers 400',
    'ollama answers 400: {"odd":1}',
    `ollama answers 400: ${'x'.repeat(200)}`,
  ]);
});

test('tells how to get the model that ollama does not have', async (t) => {
  const { url } = await openService(t, () => ({ status: 404, body: { error: 'model not found' } }));
  const error = await failureOf(providerAt(url, 'ollama').provider.embed(['x'], 'query'));
  assert.equal(error.next, 'Run `ollama pull nomic-embed-text`.');
});

test('waits as long as Retry-After says, in seconds or by a date, but never longer than the bound', async (t) => {
  const clock = new ManualClock();
  const inSeconds = (seconds: number) => new Date(clock.wallMs() + seconds * 1000).toUTCString();
  const values = ['7', '0', inSeconds(9), inSeconds(-9), 'soon', '31', inSeconds(3600)];
  const { url, received } = await openService(t, (it, at) => {
    const value = at % 2 === 0 ? values[at / 2] : undefined;
    return value === undefined
      ? vectorsFor(it)
      : { status: 429, headers: { 'retry-after': value }, body: '' };
  });
  const { provider, pauses } = providerAt(url, 'voyage', { clock });
  for (let at = 0; at < 5; at += 1) await provider.embed(['x'], 'query');
  assert.deepEqual(pauses, [7000, 500, 9000, 500, 500]);
  const error = await failureOf(provider.embed(['x'], 'query'));
  assert.equal(error.details?.retryAfterMs, 31_000);
  assert.equal(error.details?.attempts, 1);
  assert.equal(pauses.length, 5);
  assert.equal(received.length, 11);
});

test('spreads pauses by half in both directions and never beyond the bound', async (t) => {
  const { url } = await openService(t, () => ({ status: 503, body: '' }));
  for (const [random, expected] of [
    [0, [250, 500, 1000]],
    [0.999, [749.5, 1499, 1500]],
  ] as const) {
    const { provider, pauses } = providerAt(url, 'voyage', { random: () => random, longestPauseMs: 1500 });
    await failureOf(provider.embed(['x'], 'query'));
    assert.deepEqual(pauses, expected);
  }
});

test('gives up on a service that never answers, and on one that stops in the middle', async (t) => {
  const halfway: Behaviour = (response) => response.write('{"data": [');
  for (const behaviour of [silence, halfway]) {
    const { url, received } = await openService(t, () => behaviour);
    const error = await failureOf(
      providerAt(url, 'voyage', { timeoutMs: 30 }).provider.embed(['x'], 'query'),
    );
    assert.equal(error.message, 'voyage does not answer within 30 ms (tried 4 times)');
    assert.equal(error.details?.reason, 'timeout');
    assert.ok(received.length <= 4);
  }
});

test('says that nobody listens', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const { provider } = providerAt(`http://127.0.0.1:${port}`, 'ollama');
  const error = await failureOf(provider.embed(['x'], 'query'));
  assert.equal(error.message, 'ollama cannot be reached (ECONNREFUSED) (tried 4 times)');
  assert.equal(error.details?.reason, 'network');
});

test('ends at once when it is aborted: before, while it waits for an answer, and in a pause', async (t) => {
  const reason = new Error('not needed any more');
  const asked = new EventTarget();
  const { url, received } = await openService(t, (_, at) => {
    asked.dispatchEvent(new Event('asked'));
    return at === 0 ? silence : { status: 429, headers: { 'retry-after': '20' }, body: '' };
  });
  // With the pause of Node: it is the one that has to end.
  const choice = {
    kind: 'service',
    service: 'ollama',
    model: 'm',
    url,
    key: undefined,
    because: '',
  } as const;
  const provider = new HttpEmbeddings(choice);

  await assert.rejects(provider.embed(['x'], 'query', AbortSignal.abort(reason)), reason);
  await assert.rejects(provider.embed([], 'query', AbortSignal.abort(reason)), reason);
  assert.equal(received.length, 0);
  // Time for the refusal to arrive: it decides which of the waits is ended, and each has to end.
  for (const waitsFor of ['an answer', 'its pause']) {
    const ending = new AbortController();
    asked.addEventListener('asked', () => setTimeout(() => ending.abort(reason), 30), { once: true });
    const startedMs = performance.now();
    await assert.rejects(provider.embed(['x'], 'query', ending.signal), reason, waitsFor);
    assert.ok(performance.now() - startedMs < 5000);
  }
  assert.equal(received.length, 2);
});

const list = (...embeddings: unknown[]) => ({ data: embeddings.map((embedding) => ({ embedding })) });
const placed = (...places: unknown[]) => ({ data: places.map((index) => ({ index, embedding: [1, 2] })) });
const wrongForm = /^openai answers in a form that is not that of its embeddings$/;
const wrongVector = /^openai answers a vector that is empty, of zeros or not of finite numbers$/;

/** Answers to two texts. */
const garbage: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  'no JSON': ['<html>welcome</html>', /^openai answers something that is not JSON$/],
  nothing: ['', /not JSON$/],
  'half of JSON': ['{"data": [', /not JSON$/],
  null: ['null', wrongForm],
  'an error with success': [{ error: { message: 'no' } }, wrongForm],
  'no list': [{ data: { 0: 1 } }, wrongForm],
  'too few': [list([1, 2]), /^openai answers 1 vectors for 2 texts$/],
  'too many': [list([1, 2], [1, 2], [1, 2]), /^openai answers 3 vectors for 2 texts$/],
  'one place twice': [placed(0, 0), wrongForm],
  'a place beyond the end': [placed(0, 2), wrongForm],
  'a place below the start': [placed(-1, 0), wrongForm],
  'a place for one only': [placed(undefined, 1), wrongForm],
  'a place as text': [placed('0', '1'), wrongForm],
  'entries that are none': [{ data: [1, null] }, wrongVector],
  'base64 in place of numbers': [list('AACAPw==', 'AACAPw=='), wrongVector],
  'numbers as text': [list(['1', '2'], ['1', '2']), wrongVector],
  'a hole': [list([1, 2], [1, null]), wrongVector],
  'a number over all bounds': ['{"data":[{"embedding":[1e999]},{"embedding":[1]}]}', wrongVector],
  'a number over 32 bits': [list([1, 2], [1e39, 1]), wrongVector],
  'no dimensions': [list([], []), wrongVector],
  zeros: [list([1, 2], [0, 0]), wrongVector],
  'next to zero': [list([1, 2], [1e-60, 0]), wrongVector],
  'mixed dimensions': [list([1, 2], [1, 2, 3]), /^openai answers vectors of 2 and of 3 dimensions$/],
};

for (const [name, [body, expected]] of Object.entries(garbage)) {
  test(`refuses an answer of ${name}, and does not ask for another`, async (t) => {
    const { url, received } = await openService(t, () => ({ body }));
    const error = await failureOf(providerAt(url, 'openai').provider.embed(['x', 'y'], 'query'));
    assert.match(error.message, expected);
    assert.equal(error.details?.reason, 'answer');
    assert.equal(received.length, 1);
  });
}

test('refuses batches that differ in their dimensions', async (t) => {
  const { url } = await openService(t, (it, at) => ({
    body: { embeddings: (it.body.input ?? []).map(() => Array(at + 1).fill(1)) },
  }));
  const error = await failureOf(providerAt(url, 'ollama').provider.embed(Array(17).fill('x'), 'document'));
  assert.equal(error.message, 'ollama answers vectors of 1 and of 2 dimensions');
});

test('stops reading an answer that is too large, in one piece or without an end', async (t) => {
  const one = await openService(t, () => ({ body: list([1], Array(5000).fill(1)) }));
  const endless: Behaviour = (response) => {
    const more = () => {
      while (response.write('[1,'.repeat(1000)));
    };
    response.on('drain', more);
    more();
  };
  const other = await openService(t, () => endless);
  for (const { url, received } of [one, other]) {
    const { provider } = providerAt(url, 'openai', { maxAnswerBytes: 10_000 });
    const error = await failureOf(provider.embed(['x', 'y'], 'query'));
    assert.equal(error.message, 'openai answers more than 10000 bytes');
    assert.equal(received.length, 1);
  }
});

test('gives vectors of length 1', async (t) => {
  const { url } = await openService(t, () => ({ body: list([3e30, 4e30], [-0.3, 0.4]) }));
  const vectors = await providerAt(url, 'openai').provider.embed(['x', 'y'], 'query');
  for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6);
});
