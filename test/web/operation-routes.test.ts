import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { CollabError } from '../../src/base/errors.ts';
import { maxPayloadDepth, maxRequestBytes } from '../../src/base/limits.ts';
import { ask, connectRaw, openServer, rawPost } from './control-server-fixture.ts';
import { type Call, fakeNotice } from './fake-control-service.ts';
import { samples } from './operation-samples.ts';

test('routes every operation with its input to its handler', async (t) => {
  const { service, socketPath } = await openServer(t);
  for (const [name, input] of Object.entries(samples)) {
    const { status, json } = await ask({ socketPath }, { path: `/v1/${name}`, body: JSON.stringify(input) });
    assert.equal(status, 200);
    assert.deepEqual(json, { ok: true, data: { echo: input } });
    assert.equal(service.calls.at(-1)?.name, name);
  }
});

test('takes an empty body as an empty object', async (t) => {
  const { socketPath } = await openServer(t);
  const { json } = await ask({ socketPath }, { path: '/v1/status' });
  assert.deepEqual(json, { ok: true, data: { echo: {} } });
});

const claim = { agent: 'a', cwd: '/x', targets: ['a.ts'], intention: 'i' };
const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

/** Operation, body, code, and what the message must say. */
const badInputs: readonly (readonly [string, string | Buffer, string, RegExp])[] = [
  ['status', '{', 'INVALID_JSON', /not JSON/],
  ['status', 'hello', 'INVALID_JSON', /not JSON/],
  ['status', ' ', 'INVALID_JSON', /not JSON/],
  ['status', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'INVALID_JSON', /not UTF-8/],
  ['status', Buffer.from('{"cwd":"\\ud800"}'), 'INVALID_JSON', /surrogate/],
  ['status', Buffer.from('{"\\uDFFF":1}'), 'INVALID_JSON', /surrogate/],
  ['status', 'null', 'INVALID_ARGUMENT', /^the request body: must be an object$/],
  ['status', '[]', 'INVALID_ARGUMENT', /^the request body: must be an object$/],
  ['status', '{"x":1}', 'INVALID_ARGUMENT', /^x: is not a field of this operation$/],
  ['status', '{"__proto__":{"cwd":"/"}}', 'INVALID_ARGUMENT', /^__proto__: is not a field/],
  ['status', nested(maxPayloadDepth + 1), 'INVALID_ARGUMENT', /nested over 64 levels/],
  ['status', '['.repeat(200_000) + ']'.repeat(200_000), 'INVALID_ARGUMENT', /nested over 64 levels/],
  ['status', `[${'0,'.repeat(60_000)}0]`, 'REQUEST_TOO_LARGE', /over 50000 values/],
  ['status', ' '.repeat(maxRequestBytes + 1), 'REQUEST_TOO_LARGE', /over 1048576 bytes/],
  ['lock.acquire', '{}', 'INVALID_ARGUMENT', /^agent: is missing, must be a string$/],
  [
    'lock.acquire',
    claimWith({ agent: '' }),
    'INVALID_ARGUMENT',
    /^agent: must be at least 1 character long$/,
  ],
  [
    'lock.acquire',
    claimWith({ agent: 'a\nb' }),
    'INVALID_ARGUMENT',
    /^agent: must not hold control characters$/,
  ],
  ['lock.acquire', claimWith({ agent: 7 }), 'INVALID_ARGUMENT', /^agent: must be a string$/],
  ['lock.acquire', claimWith({ targets: [] }), 'INVALID_ARGUMENT', /^targets: must be a list of at least 1$/],
  [
    'lock.acquire',
    claimWith({ targets: [5] }),
    'INVALID_ARGUMENT',
    /^targets.0: must be a string or an object$/,
  ],
  [
    'lock.acquire',
    claimWith({ targets: [{}] }),
    'INVALID_ARGUMENT',
    /^targets.0.path: is missing, must be a string$/,
  ],
  [
    'lock.acquire',
    claimWith({ targets: ['a', { path: 'b', symbol: { kind: 'verb', name: 'x' } }] }),
    'INVALID_ARGUMENT',
    /^targets.1.symbol.kind: must be one of function, class, method, module$/,
  ],
  [
    'lock.acquire',
    claimWith({ targets: [{ path: 'b', line: 1 }] }),
    'INVALID_ARGUMENT',
    /^targets.0.line: is not a field/,
  ],
  ['lock.acquire', claimWith({ mode: 'x' }), 'INVALID_ARGUMENT', /^mode: must be one of exclusive, shared$/],
  ['lock.acquire', claimWith({ ttlMs: '2m' }), 'INVALID_ARGUMENT', /^ttlMs: must be a number$/],
  [
    'lock.acquire',
    claimWith({ intention: 'x'.repeat(501) }),
    'INVALID_ARGUMENT',
    /^intention: must be at most 500 characters long$/,
  ],
  ['log', '{"limit":1.5}', 'INVALID_ARGUMENT', /^limit: must be a whole number$/],
  ['log', '{"limit":0}', 'INVALID_ARGUMENT', /^limit: must be at least 1$/],
];

function claimWith(change: object): string {
  return JSON.stringify({ ...claim, ...change });
}

test('refuses each kind of bad input with a code and plain words, and does not call the handler', async (t) => {
  const { service, socketPath } = await openServer(t);
  for (const [name, body, code, message] of badInputs) {
    const { status, json } = await ask({ socketPath }, { path: `/v1/${name}`, body });
    const { error } = json as unknown as {
      error: { code: string; message: string; details?: { field?: string } };
    };
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.equal(status, code === 'REQUEST_TOO_LARGE' ? 413 : 400);
    const field = /^([\w.]+): /.exec(error.message)?.[1];
    if (field !== undefined) assert.equal(error.details?.field, field);
  }
  assert.equal(service.calls.length, 0);
});

test('takes the largest body, the deepest nesting, a chunked body and the last of two equal keys', async (t) => {
  const { service, socketPath } = await openServer(t);
  const largest = `{"cwd":"/x"}${' '.repeat(maxRequestBytes - 12)}`;
  assert.equal((await ask({ socketPath }, { path: '/v1/status', body: largest })).status, 200);
  const deepest = `{"agent":"a","cwd":"/x","path":"p","content":"c","metadata":${nested(maxPayloadDepth - 1)}}`;
  assert.equal((await ask({ socketPath }, { path: '/v1/context.share', body: deepest })).status, 200);
  const chunked = { 'transfer-encoding': 'chunked' };
  const twice = '{"cwd":"/x","cwd":"/y"}';
  assert.equal(
    (await ask({ socketPath }, { path: '/v1/status', body: twice, headers: chunked })).status,
    200,
  );
  assert.deepEqual(service.calls.at(-1)?.input, { cwd: '/y' });
});

test('__proto__ keys change no prototype', async (t) => {
  const { service, socketPath } = await openServer(t);
  const body =
    '{"agent":"a","cwd":"/x","path":"p","content":"c","metadata":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}';
  await ask({ socketPath }, { path: '/v1/context.share', body });
  const { metadata } = (service.calls.at(-1) as Call).input as { metadata: Record<string, unknown> };
  assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
  assert.equal(metadata.polluted, undefined);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('answers 413 while a chunked body without an end still arrives, and keeps none of it', async (t) => {
  const { service, socketPath } = await openServer(t);
  const raw = await connectRaw({ path: socketPath });
  raw.write('POST /v1/status HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
  for (let i = 0; i < 17; i++) raw.write(chunk);
  assert.match(await raw.until((received) => received.endsWith('}')), /^HTTP\/1.1 413 .*REQUEST_TOO_LARGE/s);
  await raw.closed;
  assert.equal(service.calls.length, 0);
});

test('answers 413 to an announced size before any of the body arrives', async (t) => {
  const { socketPath } = await openServer(t);
  const raw = await connectRaw({ path: socketPath });
  raw.write(`POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: ${maxRequestBytes + 1}\r\n\r\n`);
  assert.match(await raw.until((received) => received.endsWith('}')), /^HTTP\/1.1 413 /);
  await raw.closed;
});

test('passes on the code, status and details of an error, and of a defect only a reference', async (t) => {
  const { service, socketPath, log } = await openServer(t);
  service.on('lock.acquire', () => {
    throw new CollabError('LOCK_DENIED', 'held by b', {
      next: 'wait',
      details: { holder: 'b' },
      cause: 'secret',
    });
  });
  const denied = await ask({ socketPath }, { path: '/v1/lock.acquire', body: JSON.stringify(claim) });
  assert.equal(denied.status, 409);
  assert.deepEqual(denied.json, {
    ok: false,
    error: { code: 'LOCK_DENIED', message: 'held by b', next: 'wait', details: { holder: 'b' } },
  });
  const defects: readonly (() => unknown)[] = [
    () => {
      throw new TypeError('/secret/file is not a function');
    },
    () => {
      throw 'a secret string';
    },
    () => {
      throw new CollabError('INTERNAL', 'a secret of a worker');
    },
    () => ({ secret: 1n }),
    () => {
      throw new CollabError('LOCK_DENIED', 'no', { details: { secret: 1n } });
    },
  ];
  for (const defect of defects) {
    service.on('status', defect);
    const { status, text, json } = await ask({ socketPath }, { path: '/v1/status' });
    const { error } = json as unknown as { error: { code: string; details: { reference: string } } };
    assert.equal(status, 500);
    assert.equal(error.code, 'INTERNAL');
    assert.doesNotMatch(text, /secret|BigInt|at .*\.ts/);
    assert.ok(log.some((line) => line.includes(error.details.reference)));
  }
  assert.ok(log.some((line) => line.includes('is not a function') && line.includes('.test.ts')));
});

test('tells notices once, with the next answer of their agent, be it a success, a denial or a refused input', async (t) => {
  const { service, socketPath } = await openServer(t);
  service.on('lock.release', () => {
    throw new CollabError('LOCK_NOT_HELD', 'gone');
  });
  const release = JSON.stringify({ id: 'l', agent: 'a' });
  const asks: readonly (readonly [string, string])[] = [
    ['lock.acquire', JSON.stringify(claim)],
    ['lock.release', release],
    ['lock.release', '{"agent":"a"}'],
    ['lock.force', '{"id":"l","by":"a","reason":"r"}'],
  ];
  for (const [name, body] of asks) {
    service.notices.set('a', [fakeNotice(name)]);
    service.notices.set('b', [fakeNotice('of b')]);
    const { json } = await ask({ socketPath }, { path: `/v1/${name}`, body });
    assert.deepEqual(json.notices, [fakeNotice(name)]);
    const again = await ask({ socketPath }, { path: `/v1/${name}`, body });
    assert.equal('notices' in again.json, false);
  }
  assert.deepEqual(service.notices.get('b'), [fakeNotice('of b')]);
});

test('a hang-up reaches the handler, and leaves the notices for the next answer', async (t) => {
  const { service, socketPath, log } = await openServer(t);
  service.notices.set('a', [fakeNotice('l')]);
  const ends: Promise<unknown>[] = [];
  service.on('lock.acquire', ({ request: { signal } }) => {
    const ended = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    ends.push(ended);
    return ended;
  });
  const raw = await connectRaw({ path: socketPath });
  raw.write(rawPost('/v1/lock.acquire', JSON.stringify(claim)));
  await service.until(() => ends.length === 1);
  raw.socket.destroy();
  await assert.rejects(Promise.all(ends), { name: 'AbortError' });
  const next = await ask({ socketPath }, { path: '/v1/lock.release', body: '{"id":"l","agent":"a"}' });
  assert.deepEqual(next.json.notices, [fakeNotice('l')]);
  assert.ok(!log.some((line) => line.includes('"level":"error"')), log.join(''));
});

test('the signal of an answered request is never aborted', async (t) => {
  const { service, socketPath } = await openServer(t);
  await ask({ socketPath }, { path: '/v1/status' });
  await ask({ socketPath }, { path: '/v1/status' });
  assert.equal(service.calls[0]?.request.signal.aborted, false);
});

/** `lock.release` by `first` and behind it, on the same connection, `lock.check` by `a`, for whom there is a notice. Both have been called. */
async function pipelineTwo(
  { service, socketPath }: Pick<Awaited<ReturnType<typeof openServer>>, 'service' | 'socketPath'>,
  first: string,
) {
  service.notices.set('a', [fakeNotice('l')]);
  const raw = await connectRaw({ path: socketPath });
  raw.write(
    rawPost('/v1/lock.release', JSON.stringify({ id: 'l', agent: first })) +
      rawPost('/v1/lock.check', '{"id":"l","agent":"a"}'),
  );
  await service.until(() => service.calls.length === 2);
  return raw;
}

test('answers pipelined requests in order, and gives the notices to the answer that is sent next', async (t) => {
  const { service, socketPath } = await openServer(t);
  let answerFirst = (_: unknown) => {};
  service.on('lock.release', () => new Promise((resolve) => (answerFirst = resolve)));
  const raw = await pipelineTwo({ service, socketPath }, 'a');
  answerFirst('first');
  const received = await raw.until((text) => text.includes('echo'));
  assert.match(received, /"data":"first","notices":\[.*HTTP\/1.1 200.*"echo":/s);
  raw.socket.destroy();
});

test('gives the notices to an answer that was ready before the one in front of it', async (t) => {
  const { service, socketPath } = await openServer(t);
  let answerFirst = (_: unknown) => {};
  service.on('lock.release', () => new Promise((resolve) => (answerFirst = resolve)));
  const raw = await pipelineTwo({ service, socketPath }, 'b');
  // The handler of the second has answered by now.
  await setImmediate();
  answerFirst('first');
  const received = await raw.until((text) => text.includes('echo'));
  assert.match(received, /"data":"first"}.*HTTP\/1.1 200.*"echo":.*"notices":\[/s);
  raw.socket.destroy();
});

test('forgets an answer whose connection ends before its turn', async (t) => {
  const { service, socketPath, log } = await openServer(t);
  service.on(
    'lock.release',
    ({ request: { signal } }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  const raw = await pipelineTwo({ service, socketPath }, 'b');
  raw.socket.destroy();
  const next = await ask({ socketPath }, { path: '/v1/lock.check', body: '{"id":"l","agent":"a"}' });
  assert.deepEqual(next.json.notices, [fakeNotice('l')]);
  assert.ok(!log.some((line) => line.includes('"level":"error"')), log.join(''));
});
