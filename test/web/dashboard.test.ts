import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { ControlServer } from '../../src/web/control-server.ts';
import { dashboardLibraries } from '../../src/web/dashboard-libraries.ts';
import { DashboardSessions, sessionMs, ticketMs } from '../../src/web/dashboard-sessions.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ask, connectRaw, token } from './control-server-fixture.ts';
import { FakeControlService } from './fake-control-service.ts';

const secret = Buffer.alloc(32, 7);

async function open(t: TestContext) {
  const clock = new ManualClock();
  const sessions = new DashboardSessions({ secret, clock });
  const service = new FakeControlService();
  const server = await ControlServer.open({
    service,
    socketPath: null,
    port: 0,
    token,
    sessions,
    logger: silentLogger,
  });
  t.after(() => server.close());
  const { port } = server;
  const look = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    ask({ port }, { method, path, headers: { host: `127.0.0.1:${port}`, ...headers } });
  /** The cookie that a link brings. */
  const enter = async () => {
    const entered = await look(`/dashboard?ticket=${sessions.newTicket().ticket}`);
    assert.equal(entered.status, 303);
    return String(entered.headers['set-cookie']).split(';')[0] ?? '';
  };
  return { clock, sessions, service, port, look, enter };
}

test('a link opens the dashboard once, and its browser may look from then on', async (t) => {
  const { sessions, look } = await open(t);
  const { ticket } = sessions.newTicket();
  const entered = await look(`/dashboard?ticket=${ticket}`, { 'sec-fetch-site': 'cross-site' });
  assert.deepEqual([entered.status, entered.headers.location], [303, '/dashboard']);
  assert.equal(entered.headers['referrer-policy'], 'no-referrer');
  const cookie = String(entered.headers['set-cookie']);
  assert.match(cookie, /; Path=\/dashboard; Max-Age=604800; HttpOnly; SameSite=Strict$/);
  const session = { cookie: `other=1; ${cookie.split(';')[0]}` };
  assert.equal((await look(`/dashboard?ticket=${ticket}`)).status, 401);
  // Whoever opens the old link again in the same browser comes to the page all the same.
  assert.equal((await look(`/dashboard?ticket=${ticket}`, session)).status, 303);
  const page = await look('/dashboard', session);
  assert.equal(page.status, 200);
  assert.match(page.text, /^<!doctype html>/i);
  assert.match(
    String(page.headers['content-security-policy']),
    /default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='/,
  );
  assert.equal(page.headers['cache-control'], 'no-store');
});

test('without a ticket or session there is no page, no file and no stream', async (t) => {
  const { look, enter } = await open(t);
  const good = await enter();
  const forged = `${good.slice(0, -2)}${good.endsWith('AA') ? 'BB' : 'AA'}`;
  for (const path of [
    '/dashboard',
    '/dashboard/events',
    '/dashboard/app/style.css',
    '/dashboard/lib/preact.js',
  ]) {
    for (const cookie of ['', forged, good.replace('-', '-9'), `${good}x`, 'agent-collab-0=a.b']) {
      const refused = await look(path, { cookie });
      assert.deepEqual(
        [refused.status, refused.headers['set-cookie']],
        [401, undefined],
        `${path} ${cookie}`,
      );
    }
  }
  const shown = await look('/dashboard', { accept: 'text/html,*/*' });
  assert.deepEqual([shown.status, shown.headers['content-type']], [401, 'text/html; charset=utf-8']);
  assert.match(shown.text, /agent-collab dashboard/);
});

test('a session opens the dashboard alone, for reading, and for pages of its own alone', async (t) => {
  const { look, enter } = await open(t);
  const cookie = await enter();
  assert.equal((await look('/v1/status', { cookie }, 'POST')).status, 401);
  for (const path of ['/v1/events', '/metrics', '/v1/health', '/dashboards', '/mcp']) {
    assert.equal((await look(path, { cookie })).status, 401, path);
  }
  assert.equal((await look('/dashboard', { cookie }, 'POST')).status, 401);
  const styles = (headers: Readonly<Record<string, string>>) =>
    look('/dashboard/lib/preact.js', { cookie, ...headers });
  assert.equal((await styles({ 'sec-fetch-site': 'same-origin' })).status, 200);
  assert.equal((await styles({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).status, 401);
  assert.equal((await styles({ 'sec-fetch-site': 'cross-site' })).status, 401);
  assert.equal((await styles({ origin: 'http://127.0.0.1:1' })).status, 403);
  assert.equal((await styles({ host: 'evil.example' })).status, 403);
  assert.equal((await styles({})).status, 200);
});

test('tickets and sessions end, and the oldest of many tickets gives way', async (t) => {
  const { clock, sessions, look, enter } = await open(t);
  const late = sessions.newTicket().ticket;
  const cookie = await enter();
  clock.advance(ticketMs);
  assert.equal((await look(`/dashboard?ticket=${late}`)).status, 401);
  assert.equal((await look('/dashboard', { cookie })).status, 200);
  clock.advance(sessionMs);
  assert.equal((await look('/dashboard', { cookie })).status, 401);
  const first = sessions.newTicket().ticket;
  const others = Array.from({ length: 32 }, () => sessions.newTicket().ticket);
  assert.deepEqual([sessions.knows(first), others.every((it) => sessions.knows(it))], [false, true]);
});

test('a session outlives the daemon, and is worth nothing at another one', () => {
  const clock = new ManualClock();
  const before = new DashboardSessions({ secret, clock });
  const session = before.redeem(before.newTicket().ticket) ?? '';
  assert.equal(new DashboardSessions({ secret, clock }).isGood(session), true);
  assert.equal(new DashboardSessions({ secret: Buffer.alloc(32, 8), clock }).isGood(session), false);
});

test('serves the libraries of the page and its own files by their names, and nothing else', async (t) => {
  const { look, enter } = await open(t);
  const cookie = await enter();
  for (const name of Object.values(dashboardLibraries)) {
    const { status, headers, text } = await look(`/dashboard/lib/${name}`, { cookie });
    assert.deepEqual([status, headers['content-type']], [200, 'text/javascript; charset=utf-8'], name);
    assert.match(text, /export/, name);
  }
  assert.equal(
    (await look('/dashboard/app/style.css', { cookie })).headers['content-type'],
    'text/css; charset=utf-8',
  );
  const hostile = [
    '..%2f..%2fpackage.json',
    '%2e%2e',
    'x.js',
    'style.css%00.js',
    '.htaccess',
    'a/b.js',
    'style',
  ];
  for (const name of hostile) {
    for (const of of ['app', 'lib']) {
      assert.equal((await look(`/dashboard/${of}/${name}`, { cookie })).status, 404, `${of} ${name}`);
    }
  }
});

test('streams overviews to a browser with a session', async (t) => {
  const { service, port, enter } = await open(t);
  const cookie = await enter();
  const raw = await connectRaw({ host: '127.0.0.1', port });
  raw.write(`GET /dashboard/events HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncookie: ${cookie}\r\n\r\n`);
  await service.until(() => service.subscribers === 1);
  service.publish({ kind: 'overview', data: { at: 'now' } as never });
  const text = await raw.until((received) => received.includes('"now"'));
  assert.match(text, /event: overview\ndata: \{"at":"now"\}\n\n/);
  raw.socket.destroy();
  await service.until(() => service.subscribers === 0);
});
