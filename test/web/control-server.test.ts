import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { ControlServer } from '../../src/web/control-server.ts';
import { ask, connectRaw, openServer, rawPost, token } from './control-server-fixture.ts';
import { FakeControlService } from './fake-control-service.ts';

const bearer = { authorization: `Bearer ${token}` };

test('lets in over TCP who shows the token, under its own names only', async (t) => {
  const { server, service } = await openServer(t);
  const { port } = server;
  const foreign = port === 65_535 ? 1 : port + 1;
  const cases: readonly (readonly [number, Record<string, string>])[] = [
    [200, bearer],
    [200, { authorization: `bearer  ${token}` }],
    [200, { ...bearer, host: `localhost:${port}`, origin: `http://localhost:${port}` }],
    [200, { ...bearer, host: `[::1]:${port}`, origin: `http://127.0.0.1:${port}` }],
    [401, {}],
    [401, { authorization: 'Bearer ' }],
    [401, { authorization: `Bearer ${token}x` }],
    [401, { authorization: `Bearer ${token.slice(0, -1)}` }],
    [401, { authorization: `Basic ${token}` }],
    [401, { authorization: token }],
    [403, { ...bearer, host: 'evil.example' }],
    [403, { ...bearer, host: `evil.example:${port}` }],
    [403, { ...bearer, host: '127.0.0.1' }],
    [403, { ...bearer, host: `127.0.0.1:${foreign}` }],
    [403, { ...bearer, host: `127.0.0.1.evil.example:${port}` }],
    [403, { ...bearer, origin: 'http://evil.example' }],
    [403, { ...bearer, origin: `http://127.0.0.1:${foreign}` }],
    [403, { ...bearer, origin: `https://127.0.0.1:${port}` }],
    [403, { ...bearer, origin: 'null' }],
    [403, { ...bearer, origin: '' }],
  ];
  for (const [expected, headers] of cases) {
    const { status, text } = await ask({ port }, { path: '/v1/status', headers });
    assert.equal(status, expected, `${JSON.stringify(headers)} ${text}`);
    if (expected !== 200) assert.match(text, /"code":"UNAUTHORIZED"/);
  }
  assert.equal(service.calls.length, cases.filter(([expected]) => expected === 200).length);
});

test('refuses a request over TCP without a Host header, and the same at every path', async (t) => {
  const { server, service } = await openServer(t);
  const raw = await connectRaw({ host: '127.0.0.1', port: server.port });
  raw.write(`POST /v1/shutdown HTTP/1.1\r\nauthorization: Bearer ${token}\r\ncontent-length: 0\r\n\r\n`);
  assert.match(await raw.until((text) => text.endsWith('}')), /^HTTP\/1.1 403 /);
  raw.socket.destroy();
  for (const path of ['/', '/v1/health', '/v1/events', '/v1/nothing']) {
    assert.equal((await ask({ port: server.port }, { method: 'GET', path })).status, 401);
  }
  assert.equal(service.calls.length, 0);
});

test('trusts the unix socket, which only its owner can open', async (t) => {
  const { socketPath } = await openServer(t);
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
  const headers = { host: 'evil.example', origin: 'http://evil.example' };
  assert.equal((await ask({ socketPath }, { path: '/v1/status', headers })).status, 200);
});

async function directoryFor(t: { after(end: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'agent-collab-web-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

const parts = () => ({ service: new FakeControlService(), token, logger: silentLogger });

test('replaces the socket of a daemon that was killed, but nothing that is no socket', async (t) => {
  const socketPath = join(await directoryFor(t), 'daemon.sock');
  const killed = createServer().listen(`${socketPath}.old`);
  await new Promise((resolve) => killed.once('listening', resolve));
  await rename(`${socketPath}.old`, socketPath);
  killed.close();
  const server = await ControlServer.open({ ...parts(), socketPath, port: 0 });
  assert.equal((await ask({ socketPath }, { path: '/v1/status' })).status, 200);
  await server.close();
  await assert.rejects(stat(socketPath), { code: 'ENOENT' });
  await writeFile(socketPath, 'precious');
  await assert.rejects(ControlServer.open({ ...parts(), socketPath, port: 0 }), { code: 'HOME_UNUSABLE' });
  assert.equal((await stat(socketPath)).size, 8);
});

test('leaves nothing open when the port is taken or the socket cannot be made', async (t) => {
  const directory = await directoryFor(t);
  const socketPath = join(directory, 'daemon.sock');
  const { server } = await openServer(t);
  const taken = ControlServer.open({ ...parts(), socketPath, port: server.port });
  await assert.rejects(taken, { code: 'CONFIG_INVALID' });
  await assert.rejects(stat(socketPath), { code: 'ENOENT' });
  const long = join(directory, 'x'.repeat(200));
  await assert.rejects(ControlServer.open({ ...parts(), socketPath: long, port: 0 }), {
    code: 'HOME_UNUSABLE',
  });
  await assert.rejects(ControlServer.open({ ...parts(), socketPath, port: 0, token: '' }), /too short/);
});

test('serves TCP alone when there is no socket path', async (t) => {
  const server = await ControlServer.open({ ...parts(), socketPath: null, port: 0 });
  t.after(() => server.close());
  assert.equal(server.socketPath, null);
  assert.equal((await ask({ port: server.port }, { path: '/v1/status', headers: bearer })).status, 200);
});

test('close lets a running request finish and ends idle connections at once', async (t) => {
  const { server, service, socketPath } = await openServer(t, { drainMs: 60_000 });
  let finish = (_: unknown) => {};
  service.on('verify', () => new Promise((resolve) => (finish = resolve)));
  const fresh = await connectRaw({ path: socketPath });
  const idle = await connectRaw({ path: socketPath });
  idle.write(rawPost('/v1/status', ''));
  await idle.until((text) => text.endsWith('}'));
  const busy = await connectRaw({ path: socketPath });
  busy.write(rawPost('/v1/verify', ''));
  await service.until(() => service.calls.length === 2);
  const closed = server.close();
  assert.equal(server.close(), closed);
  await idle.closed;
  busy.write(rawPost('/v1/status', ''));
  await assert.rejects(ask({ socketPath }, { path: '/v1/status' }), { code: /ENOENT|ECONNREFUSED/ });
  finish('sound');
  await closed;
  await Promise.all([busy.closed, fresh.closed]);
  assert.match(busy.received, /^HTTP\/1.1 200 .*connection: close.*"data":"sound"\}/is);
  assert.equal(service.calls.length, 2);
});

test('close lets a long answer reach a slow reader whole', async (t) => {
  const { server, service, socketPath } = await openServer(t, { drainMs: 60_000 });
  service.on('log', () => 'x'.repeat(5_000_000));
  const slow = await connectRaw({ path: socketPath });
  slow.write(rawPost('/v1/log', ''));
  await slow.until((text) => text !== '');
  slow.socket.pause();
  const closed = server.close();
  await new Promise((resolve) => setImmediate(resolve));
  slow.socket.resume();
  await Promise.all([closed, slow.closed]);
  assert.match(slow.received, /x"\}$/);
});

test('answers DAEMON_CLOSING to a request that comes during the close', async (t) => {
  const { server, service, socketPath } = await openServer(t, { drainMs: 60_000 });
  let finish = (_: unknown) => {};
  service.on('verify', () => new Promise((resolve) => (finish = resolve)));
  const late = await connectRaw({ path: socketPath });
  const busy = await connectRaw({ path: socketPath });
  busy.write(rawPost('/v1/verify', ''));
  await service.until(() => service.calls.length === 1);
  const closed = server.close();
  late.write(rawPost('/v1/verify', ''));
  await late.closed;
  assert.match(late.received, /^HTTP\/1.1 503 .*"code":"DAEMON_CLOSING"/s);
  finish('first');
  await closed;
  assert.equal(service.calls.length, 1);
});

test('close cuts off what runs too long, and its handler hears of it', async (t) => {
  const { server, service, socketPath } = await openServer(t, { drainMs: 30 });
  let heard = () => {};
  const aborted = new Promise<void>((resolve) => (heard = resolve));
  service.on('lock.acquire', ({ request: { signal } }) => {
    signal.addEventListener('abort', heard);
    return new Promise(() => {});
  });
  const raw = await connectRaw({ path: socketPath });
  const body = '{"agent":"a","cwd":"/x","targets":["a"],"intention":"i"}';
  raw.write(rawPost('/v1/lock.acquire', body));
  await service.until(() => service.calls.length === 1);
  await server.close();
  await Promise.all([raw.closed, aborted]);
});
