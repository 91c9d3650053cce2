/** A real daemon that exports to a collector, and one that cannot. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CliFixture } from '../cli/cli-fixture.ts';
import { attributesOf, Collector, type Message, type Received, spansOf } from './collector.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

async function open(t: TestContext, more: Readonly<Record<string, string>> = {}) {
  const collector = await Collector.open();
  const cli = new CliFixture();
  t.after(async () => {
    await cli.close();
    collector.close();
  });
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme',
    OTEL_METRIC_EXPORT_INTERVAL: '200',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    ...more,
  };
  assert.equal((await cli.json(['daemon', 'start'], { env })).exit, 0);
  return { collector, cli, env };
}

const metricsOf = ({ path, body }: Received): readonly Message[] =>
  path === '/v1/metrics' ? body.all(1).flatMap((all) => all.all(2).flatMap((scope) => scope.all(2))) : [];

test('metrics go to the collector as often as is asked for, with units, sums and histograms', async (t) => {
  const { collector, cli, env } = await open(t);
  await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'i', '--agent', 'ann'], { env });
  const named = (name: string) => (received: Received) =>
    metricsOf(received).find((metric) => metric.text(1) === name);
  const granted = await collector.until((received) => {
    const points = named('agent_collab_lock_transitions_total')(received)?.one(7).all(1) ?? [];
    return points.find((point) => attributesOf(point.all(7)).action === 'acquired' && point.double(4) === 1);
  });
  assert.ok(granted.int(2) > 0 && granted.int(3) > granted.int(2), 'a start before its end');
  const last = collector.received.filter(({ path }) => path === '/v1/metrics').at(-1);
  assert.ok(last);
  assert.deepEqual([last.type, last.headers['x-tenant']], ['application/x-protobuf', 'acme']);
  const resource = attributesOf(last.body.one(1).one(1).all(1));
  assert.deepEqual(
    [
      resource['service.name'],
      resource['deployment.environment'],
      resource['service.instance.id']?.slice(0, 6),
    ],
    ['agent-collab', 'test', '12D3Ko'],
  );
  const sum = named('agent_collab_lock_transitions_total')(last)?.one(7);
  // Cumulative, and only ever more.
  assert.deepEqual([sum?.int(2), sum?.int(3)], [2, 1]);
  const waits = named('agent_collab_lock_wait_seconds')(last);
  const [point] = waits?.one(9).all(1) ?? [];
  assert.deepEqual([waits?.text(3), point?.packed(7).length, point?.packed(6).length], ['s', 11, 12]);
  assert.equal(
    point?.packed(6).reduce((all, some) => all + some, 0n),
    BigInt(point?.int(4) ?? -1),
  );
  assert.equal(named('agent_collab_store_bytes')(last)?.text(3), 'By');
  assert.equal(named('agent_collab_locks_held')(last)?.one(5).all(1)[0]?.double(4), 1);
});

test('what a command asks of the daemon is a span of the trace that the command is run in', async (t) => {
  const { collector, cli, env } = await open(t);
  const inTrace = { ...env, TRACEPARENT: `00-${traceId}-${parentId}-01`, TRACESTATE: 'vendor=1' };
  await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'secret plan', '--agent', 'ann'], {
    env: inTrace,
  });
  await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'secret plan', '--agent', 'bob'], {
    env: inTrace,
  });
  const spanOf = (agent: string) =>
    collector.until((received) =>
      spansOf(received).find(
        ({ name, attributes }) => name === 'lock.acquire' && attributes['agent_collab.agent'] === agent,
      ),
    );
  const granted = await spanOf('ann');
  assert.deepEqual([granted.trace, granted.parent, granted.status], [traceId, parentId, 0]);
  const denied = await spanOf('bob');
  assert.deepEqual(
    [denied.trace, denied.parent, denied.status, denied.attributes['error.type']],
    [traceId, parentId, 2, 'LOCK_DENIED'],
  );
  const bytes = collector.received.filter(({ path }) => path === '/v1/traces');
  assert.ok(bytes.length > 0);
  assert.doesNotMatch(JSON.stringify(bytes.map(spansOf)), /secret plan|login\.ts/);
  // A trace that is not sampled is not exported.
  const quiet = { ...env, TRACEPARENT: `00-${traceId.replace('4', '5')}-${parentId}-00` };
  await cli.json(['lock', 'list'], { env: quiet });
  await cli.json(['lock', 'list'], { env: inTrace });
  const listed = await collector.until((received) =>
    spansOf(received).find(({ name }) => name === 'lock.list'),
  );
  assert.equal(listed.trace, traceId);
});

test('a collector that is gone, refuses or is misspelt costs a line in the log, and nothing else', async (t) => {
  const { collector, cli, env } = await open(t, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  collector.status = 400;
  await collector.until(({ path }) => (path === '/v1/metrics' ? true : undefined));
  collector.close();
  assert.equal((await cli.json(['lock', 'acquire', 'src/a.ts', '-m', 'i'], { env })).exit, 0);
  const stopped = await cli.json(['daemon', 'stop'], { env });
  assert.equal(stopped.exit, 0);
  const log = readFileSync(join(cli.home, 'logs', 'daemon.log'), 'utf8');
  assert.match(log, /http\/protobuf \(port 4318 as a rule\), not as grpc/);
  assert.match(log, /"message":"otlp"/);
  assert.doesNotMatch(log, /unhandled|defect/);
});
