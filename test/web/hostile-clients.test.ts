import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, testSeed } from '../support/seed.ts';
import { ask, connectRaw, openServer, rawPost, token } from './control-server-fixture.ts';

const health = { method: 'GET', path: '/v1/health' } as const;

test('answers health, unknown paths and wrong methods in the envelope', async (t) => {
  const { service, socketPath } = await openServer(t);
  assert.deepEqual((await ask({ socketPath }, health)).json, { ok: true, data: { ok: true } });
  for (const path of [
    '/',
    '/v1',
    '/v1/nothing',
    '/v1/status/',
    '/v1/../etc/passwd',
    '/v1/__proto__',
    '/v1/%00',
  ]) {
    const { status, json } = await ask({ socketPath }, { path });
    assert.equal(status, 404);
    assert.equal((json as unknown as { error: { code: string } }).error.code, 'NOT_FOUND');
  }
  const wrong = await ask({ socketPath }, { method: 'GET', path: '/v1/status' });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.allow, 'POST');
  assert.match(wrong.text, /"next":"Use POST."/);
  assert.equal((await ask({ socketPath }, { method: 'DELETE', path: '/v1/health' })).status, 405);
  assert.equal((await ask({ socketPath }, { method: 'HEAD', path: '/v1/events' })).status, 200);
  assert.equal(service.subscribers, 0);
});

/** Bytes on a fresh connection, and what the answer must look like; null: no answer at all. */
const malformed: readonly (readonly [string, string, RegExp | null])[] = [
  ['garbage', '\x00\x01\x02 hello\r\n\r\n', /^HTTP\/1.1 400 Bad Request.*INVALID_ARGUMENT/s],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00', /^HTTP\/1.1 400 /],
  [
    'giant headers',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    /^HTTP\/1.1 431 .*REQUEST_TOO_LARGE/s,
  ],
  [
    'two lengths',
    'POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1.1 400 /,
  ],
  [
    'a bad chunk',
    'POST /v1/status HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    /^HTTP\/1.1 400 .*INVALID_JSON/s,
  ],
  [
    'a Host that makes no URL',
    'GET /v1/health HTTP/1.1\r\nhost: a b<>\r\n\r\n',
    /^HTTP\/1.1 400 .*INVALID_ARGUMENT/s,
  ],
  ['a target that makes no URL', 'GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1.1 400 /],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n', null],
  [
    'a body shorter than announced',
    `${rawPost('/v1/status', '{}').replace('length: 2', 'length: 50')}`,
    /^HTTP\/1.1 400 .*INVALID_JSON.*truncated/s,
  ],
  [
    'a body longer than announced',
    `${rawPost('/v1/status', '{"cwd":"/x"}').replace('length: 12', 'length: 2')}`,
    /^HTTP\/1.1 400 .*INVALID_JSON/s,
  ],
];

for (const [what, bytes, expected] of malformed) {
  test(`survives ${what} and hangs up`, async (t) => {
    const { service, socketPath } = await openServer(t, { headersTimeoutMs: 500, timeoutCheckMs: 50 });
    const raw = await connectRaw({ path: socketPath });
    if (what.includes('makes no URL')) raw.write(bytes);
    else raw.socket.end(Buffer.from(bytes, 'latin1'));
    await (what.includes('makes no URL') ? raw.until((text) => text.endsWith('}')) : raw.closed);
    if (expected === null) assert.equal(raw.received, '');
    else assert.match(raw.received, expected);
    raw.socket.destroy();
    assert.equal((await ask({ socketPath }, health)).status, 200);
    assert.equal(service.calls.length, 0);
  });
}

test('answers a whole request that comes before garbage, and nothing after', async (t) => {
  const { service, socketPath } = await openServer(t);
  let finish = (_: unknown) => {};
  service.on('status', () => new Promise((resolve) => (finish = resolve)));
  const raw = await connectRaw({ path: socketPath });
  raw.write(`${rawPost('/v1/status', '{}')}garbage garbage\r\n\r\n`);
  await service.until(() => service.calls.length === 1);
  raw.write('more garbage\r\n\r\n');
  finish('done');
  await raw.closed;
  assert.match(raw.received, /^HTTP\/1.1 200 .*"data":"done"\}$/s);
});

test('a request that is cut off midway calls no handler', async (t) => {
  const { service, socketPath } = await openServer(t);
  const whole = rawPost('/v1/shutdown', '{}');
  for (const length of [1, 10, 40, whole.length - 1]) {
    const raw = await connectRaw({ path: socketPath });
    await new Promise<void>((resolve) => raw.socket.write(whole.slice(0, length), () => resolve()));
    raw.socket.destroy();
    await raw.closed;
  }
  assert.equal((await ask({ socketPath }, health)).status, 200);
  assert.equal(service.calls.length, 0);
});

/** What a slow client sends before it falls silent, and the only limit that is short. */
const silences = [
  ['', { headersTimeoutMs: 100 }],
  ['POST /v1/status HT', { headersTimeoutMs: 100 }],
  [
    'POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{',
    { requestTimeoutMs: 100, headersTimeoutMs: 90 },
  ],
] as const;

test('ends connections that send nothing, half a header or half a body', async (t) => {
  for (const [start, limits] of silences) {
    const { socketPath } = await openServer(t, { ...limits, timeoutCheckMs: 20 });
    const raw = await connectRaw({ path: socketPath });
    if (start !== '') raw.write(start);
    await raw.closed;
    if (start !== '') assert.match(raw.received, /^HTTP\/1.1 408 /);
  }
});

test('closes a connection that pipelines over the limit, and refuses one connection too many', async (t) => {
  const { service, socketPath, log } = await openServer(t, { maxPipelined: 3, maxConnections: 2 });
  service.on('status', () => new Promise(() => {}));
  const flood = await connectRaw({ path: socketPath });
  flood.write(rawPost('/v1/status', '').repeat(5));
  await flood.closed;
  const held = [await connectRaw({ path: socketPath }), await connectRaw({ path: socketPath })];
  await (await connectRaw({ path: socketPath })).closed;
  assert.ok(log.some((line) => line.includes('too many are open')));
  for (const { socket } of held) socket.destroy();
});

test('aborts the requests that wait behind another one when their connection ends', async (t) => {
  const { service, socketPath } = await openServer(t);
  const aborted: Promise<unknown>[] = [];
  service.on('status', ({ request: { signal } }) => {
    aborted.push(new Promise((resolve) => signal.addEventListener('abort', resolve)));
    return new Promise(() => {});
  });
  const raw = await connectRaw({ path: socketPath });
  raw.write(rawPost('/v1/status', '').repeat(3));
  await service.until(() => aborted.length === 3);
  raw.socket.destroy();
  await Promise.all(aborted);
});

test('survives 500 hostile connections of random bytes on both listeners', async (t) => {
  const seed = testSeed();
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  const { server, socketPath } = await openServer(t);
  const proper = `${rawPost('/v1/status', '{"cwd":"/x"}', `authorization: Bearer ${token}\r\n`)}`;
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => random.int(0, 255)));
  const hostile = async () => {
    const raw = await connectRaw(
      random.chance(0.5) ? { path: socketPath } : { host: '127.0.0.1', port: server.port },
    );
    for (let writes = random.int(1, 4); writes > 0; writes--) {
      const start = proper.slice(0, random.int(0, proper.length));
      raw.write(
        random.pick([
          noise(random.int(1, 400)),
          Buffer.from(start),
          Buffer.concat([Buffer.from(start), noise(9)]),
        ]),
      );
    }
    if (random.chance(0.5)) raw.socket.destroy();
    else raw.socket.end();
    await raw.closed;
  };
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 50 }, hostile));
  assert.equal((await ask({ socketPath }, health)).status, 200, `TEST_SEED=${seed}`);
});
