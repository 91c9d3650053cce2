import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { ControlClient } from '../../src/control/client.ts';
import type { Notice, StreamEvent } from '../../src/control/results.ts';
import { openServer, token } from '../web/control-server-fixture.ts';
import { fakeDelta, fakeNotice } from '../web/fake-control-service.ts';

const claim = { agent: 'a', cwd: '/x', targets: ['a.ts'], intention: 'i' };

test('calls an operation over the unix socket and over TCP on one kept connection', async (t) => {
  const { server, socketPath } = await openServer(t);
  for (const address of [{ socketPath }, { port: server.port, token }]) {
    const client = new ControlClient(address);
    t.after(() => client.close());
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await client.call('status', { cwd: '/ü' }), {
        data: { echo: { cwd: '/ü' } },
        notices: [],
      });
    }
  }
});

test('throws the error of the daemon and hands over notices of successes and failures', async (t) => {
  const { service, socketPath } = await openServer(t);
  const heard: (readonly Notice[])[] = [];
  const client = new ControlClient({ socketPath, onNotices: (notices) => heard.push(notices) });
  t.after(() => client.close());
  service.notices.set('a', [fakeNotice('1')]);
  assert.deepEqual((await client.call('lock.acquire', claim)).notices, [fakeNotice('1')]);
  service.on('lock.acquire', () => {
    throw new CollabError('LOCK_DENIED', 'held', { next: 'wait', details: { holder: 'b' } });
  });
  service.notices.set('a', [fakeNotice('2')]);
  const denied = { name: 'CollabError', code: 'LOCK_DENIED', next: 'wait', details: { holder: 'b' } };
  await assert.rejects(client.call('lock.acquire', claim), denied);
  assert.deepEqual(heard, [[fakeNotice('1')], [fakeNotice('2')]]);
  // @ts-expect-error the types refuse what the daemon refuses
  await assert.rejects(client.call('lock.acquire', { agent: 'a' }), { code: 'INVALID_ARGUMENT' });
});

test('throws UNAUTHORIZED for a wrong token', async (t) => {
  const { server } = await openServer(t);
  const client = new ControlClient({ port: server.port, token: 'wrong' });
  t.after(() => client.close());
  await assert.rejects(client.call('status', {}), { code: 'UNAUTHORIZED' });
  await assert.rejects(client.events(['delta']).next(), { code: 'UNAUTHORIZED' });
});

test('throws DAEMON_UNREACHABLE with the next step when nothing listens', async (t) => {
  const { server, socketPath } = await openServer(t);
  await server.close();
  for (const address of [{ socketPath }, { port: server.port, token }]) {
    const client = new ControlClient(address);
    const expected = { code: 'DAEMON_UNREACHABLE', next: /daemon start/, details: /./ };
    await assert.rejects(client.call('status', {}), (error: CollabError) => {
      assert.equal(error.code, expected.code);
      assert.match(error.next ?? '', expected.next);
      assert.equal(error.details?.sent, false);
      return true;
    });
    await assert.rejects(client.events(['delta']).next(), { code: 'DAEMON_UNREACHABLE' });
  }
});

test('an aborted call ends with its reason, and the daemon hears of it', async (t) => {
  const { service, socketPath } = await openServer(t);
  const client = new ControlClient({ socketPath });
  t.after(() => client.close());
  let heard = () => {};
  const aborted = new Promise<void>((resolve) => (heard = resolve));
  service.on('lock.acquire', ({ request: { signal } }) => {
    signal.addEventListener('abort', heard);
    return new Promise(() => {});
  });
  const controller = new AbortController();
  const call = client.call('lock.acquire', claim, { signal: controller.signal });
  await service.until(() => service.calls.length === 1);
  controller.abort(new RangeError('enough'));
  await assert.rejects(call, { name: 'RangeError', message: 'enough' });
  await aborted;
  const again = client.call('status', {}, { signal: controller.signal });
  await assert.rejects(again, { name: 'RangeError' });
  await assert.rejects(client.call('lock.acquire', claim, { timeoutMs: 20 }), { code: 'DAEMON_UNREACHABLE' });
});

/** A server that reads until a request is whole, answers `bytes` and, unless `keep`, hangs up. */
async function foreignServer(
  t: { after(end: () => void): void },
  bytes: string,
  keep = false,
): Promise<ControlClient> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => (keep ? socket.write(bytes) : socket.end(bytes)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = new ControlClient({ port, token });
  t.after(() => {
    client.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return client;
}

const head = (length: number) => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`;

for (const [what, bytes] of [
  ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ['no JSON', `${head(5)}hello`],
  ['JSON of another form', `${head(2)}{}`],
  ['JSON of another form', `${head(4)}null`],
  ['JSON of another form', `${head(32)}{"ok":true,"data":1,"notices":1}`],
] as const) {
  test(`says that a foreign server sent ${what}: ${bytes.slice(-20)}`, async (t) => {
    const client = await foreignServer(t, bytes);
    await assert.rejects(client.call('status', {}), (error: CollabError) => {
      assert.equal(error.code, 'DAEMON_UNREACHABLE');
      assert.match(error.message, new RegExp(`is not agent-collab: it sent ${what}`));
      return true;
    });
    await assert.rejects(client.events(['delta']).next(), { code: 'DAEMON_UNREACHABLE' });
  });
}

test('says that an answer was cut off, and that one never came to its end', async (t) => {
  const cut = await foreignServer(t, `${head(100)}{"ok":true,`);
  await assert.rejects(cut.call('status', {}), {
    code: 'DAEMON_UNREACHABLE',
    message: /closed the connection/,
  });
  const none = await foreignServer(t, '');
  await assert.rejects(none.call('status', {}), {
    code: 'DAEMON_UNREACHABLE',
    message: /closed the connection/,
  });
  const stuck = await foreignServer(t, `${head(100)}{"ok":true,`, true);
  const call = stuck.call('status', {}, { timeoutMs: 30 });
  await assert.rejects(call, { code: 'DAEMON_UNREACHABLE', message: /silent for 30 ms/ });
});

test('follows events in order until its signal is aborted', async (t) => {
  const { service, socketPath } = await openServer(t);
  const client = new ControlClient({ socketPath });
  t.after(() => client.close());
  const controller = new AbortController();
  const publish = () => {
    for (let position = 1; position <= 100; position++) {
      service.publish({ kind: 'delta', data: fakeDelta(position, 'ü🙂\r\n'.repeat(position * 20)) });
    }
  };
  const seen: StreamEvent[] = [];
  for await (const event of client.events(['delta', 'audit'], controller.signal, publish)) {
    seen.push(event);
    if (seen.length === 100) controller.abort();
  }
  assert.deepEqual(
    seen.map(({ data }) => (data as { position: number }).position),
    Array.from({ length: 100 }, (_, at) => at + 1),
  );
  assert.deepEqual(seen[99]?.data, fakeDelta(100, 'ü🙂\r\n'.repeat(2000)));
  await service.until(() => service.subscribers === 0);
});

test('leaves the daemon when its consumer stops, and ends when the daemon closes', async (t) => {
  const { server, service, socketPath } = await openServer(t);
  const client = new ControlClient({ socketPath });
  t.after(() => client.close());
  const publish = () => service.publish({ kind: 'delta', data: fakeDelta(1) });
  for await (const event of client.events(['delta'], undefined, publish)) {
    assert.equal(event.kind, 'delta');
    break;
  }
  await service.until(() => service.subscribers === 0);
  const rest = client.events(['delta'], undefined, () => void server.close());
  assert.equal((await rest.next()).done, true);
});

test('throws when the stream is cut', async (t) => {
  const stream =
    'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n3\r\n:\n\n\r\n';
  const client = await foreignServer(t, stream);
  await assert.rejects(client.events(['delta']).next(), { code: 'DAEMON_UNREACHABLE' });
});
