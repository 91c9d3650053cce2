import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditView } from '../../src/control/results.ts';
import { ask, connectRaw, openServer } from './control-server-fixture.ts';
import { fakeDelta } from './fake-control-service.ts';

const follow = (query: string) => `GET /v1/events${query} HTTP/1.1\r\nhost: x\r\n\r\n`;
const audit: AuditView = { at: '2026-01-01T00:00:00.000Z', cursor: 9, action: 'denied', node: 'n' };

test('delivers the events of the asked kinds in order, with name, id and data', async (t) => {
  const { service, socketPath } = await openServer(t);
  const deltas = await connectRaw({ path: socketPath });
  const both = await connectRaw({ path: socketPath });
  deltas.write(follow('?kinds=delta'));
  both.write(follow(''));
  await service.until(() => service.subscribers === 2);
  service.publish({ kind: 'audit', data: audit });
  for (let position = 1; position <= 300; position++) {
    service.publish({ kind: 'delta', data: fakeDelta(position) });
  }
  for (const raw of [deltas, both]) {
    const text = await raw.until((received) => received.includes('id: delta-300\n'));
    const ids = [...text.matchAll(/^id: delta-(\d+)$/gm)].map((match) => Number(match[1]));
    assert.deepEqual(
      ids,
      Array.from({ length: 300 }, (_, at) => at + 1),
    );
  }
  assert.match(both.received, /event: audit\nid: audit-9\ndata: \{"at":.*\}\n\n/);
  assert.doesNotMatch(deltas.received, /event: audit/);
  deltas.socket.destroy();
  both.socket.destroy();
  await service.until(() => service.subscribers === 0);
});

test('sends a comment at once and then at each heartbeat', async (t) => {
  const { socketPath } = await openServer(t, { heartbeatMs: 5 });
  const raw = await connectRaw({ path: socketPath });
  raw.write(follow(''));
  await raw.until((text) => text.split(':\n\n').length > 3);
  raw.socket.destroy();
});

test('refuses unknown kinds, and one stream too many', async (t) => {
  const { service, socketPath } = await openServer(t, { maxStreams: 1 });
  for (const kinds of ['', 'lock', 'delta,', 'delta,__proto__']) {
    const { status, text } = await ask({ socketPath }, { method: 'GET', path: `/v1/events?kinds=${kinds}` });
    assert.equal(status, 400);
    assert.match(text, /"field":"kinds"/);
  }
  const raw = await connectRaw({ path: socketPath });
  raw.write(follow(''));
  await service.until(() => service.subscribers === 1);
  assert.equal((await ask({ socketPath }, { method: 'GET', path: '/v1/events' })).status, 429);
  raw.socket.destroy();
});

test('cuts off a reader that does not keep up, and nobody else', async (t) => {
  const { service, socketPath, log } = await openServer(t, { maxStreamBacklogBytes: 100_000 });
  const slow = await connectRaw({ path: socketPath });
  const quick = await connectRaw({ path: socketPath });
  slow.write(follow('?kinds=delta'));
  quick.write(follow('?kinds=delta'));
  await service.until(() => service.subscribers === 2);
  slow.socket.pause();
  let position = 0;
  while (service.subscribers === 2) {
    assert.ok(position < 500, 'a reader that does not read is never cut off');
    service.publish({ kind: 'delta', data: fakeDelta(++position, 'x'.repeat(10_000)) });
    await quick.until((text) => text.includes(`id: delta-${position}\n`));
  }
  assert.ok(log.some((line) => line.includes('does not keep up')));
  service.publish({ kind: 'delta', data: fakeDelta(++position) });
  await quick.until((text) => text.includes(`id: delta-${position}\n`));
  assert.equal(service.subscribers, 1);
  slow.socket.resume();
  await slow.closed;
  quick.socket.destroy();
});

test('an event that cannot be encoded harms neither the service nor the stream', async (t) => {
  const { service, socketPath } = await openServer(t);
  const raw = await connectRaw({ path: socketPath });
  raw.write(follow(''));
  await service.until(() => service.subscribers === 1);
  service.publish({ kind: 'delta', data: { ...fakeDelta(1), payload: { big: 1n } } });
  service.publish({ kind: 'delta', data: fakeDelta(2) });
  await raw.until((text) => text.includes('id: delta-2\n'));
  assert.doesNotMatch(raw.received, /delta-1/);
  raw.socket.destroy();
});

test('close ends the streams at once, with their last chunk', async (t) => {
  const { server, service, socketPath } = await openServer(t, {
    drainMs: 60_000,
    maxStreamBacklogBytes: 1e9,
  });
  const raw = await connectRaw({ path: socketPath });
  const stuck = await connectRaw({ path: socketPath });
  raw.write(follow(''));
  stuck.write(follow(''));
  await service.until(() => service.subscribers === 2);
  await raw.until((text) => text.includes(':\n\n'));
  stuck.socket.pause();
  for (let position = 1; position <= 300; position++) {
    service.publish({ kind: 'delta', data: fakeDelta(position, 'x'.repeat(10_000)) });
    await raw.until((text) => text.includes(`id: delta-${position}\n`));
  }
  await server.close();
  await raw.closed;
  assert.match(raw.received, /\r\n0\r\n\r\n$/);
  assert.equal(service.subscribers, 0);
  stuck.socket.destroy();
});
