/** `/metrics` of a real daemon, read by the parser of the Prometheus project. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { Place, type RunningDaemon } from './daemon-fixture.ts';

/** Debian's python3-prometheus-client. */
const python = '/usr/bin/python3';
const hasParser = spawnSync(python, ['-c', 'import prometheus_client']).status === 0;
const options = hasParser ? {} : { skip: 'there is no python3-prometheus-client' };
const parse = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([
    {"name": f.name, "help": f.documentation, "type": f.type, "samples": [[s.name, s.labels, s.value] for s in f.samples]}
    for f in text_string_to_metric_families(sys.stdin.read())
]))
`;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly (readonly [
    name: string,
    labels: Readonly<Record<string, string>>,
    value: number,
  ])[];
}

async function scrape(
  { daemon }: RunningDaemon,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { port, token } = daemon.record;
  return fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
}

async function families(running: RunningDaemon): Promise<readonly Family[]> {
  const response = await scrape(running);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const { stdout, stderr } = spawnSync(python, ['-c', parse], {
    input: await response.text(),
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout) as readonly Family[];
}

/** Of the one sample of the name, with the label if one is given. */
function valueIn(all: readonly Family[], name: string, label?: string): number {
  const found = all
    .flatMap(({ samples }) => samples)
    .filter(
      ([sample, labels]) => sample === name && (label === undefined || Object.values(labels).includes(label)),
    );
  assert.equal(found.length, 1, `${name} ${label}`);
  return found[0]?.[2] ?? Number.NaN;
}

async function oneDaemon(t: TestContext): Promise<RunningDaemon> {
  return new Place(t).start();
}

test(
  'counts claims by what became of them, and how long they waited and held (needs python3-prometheus-client)',
  options,
  async (t) => {
    const running = await oneDaemon(t);
    const { id } = await running.acquire('ann', 'src/a.ts');
    await assert.rejects(running.acquire('bob', 'src/a.ts'), { code: 'LOCK_DENIED' });
    const waiting = running.acquire('bob', 'src/a.ts', { waitMs: 5000 });
    while (valueIn(await families(running), 'agent_collab_locks_waiting') !== 1);
    await running.client.call('lock.release', { id, agent: 'ann' });
    const bobs = await waiting;
    const held = await families(running);
    assert.equal(valueIn(held, 'agent_collab_locks_held'), 1);
    assert.equal(valueIn(held, 'agent_collab_lock_wait_seconds_count'), 2);
    await running.client.call('lock.force', { id: bobs.id, by: 'a person', reason: 'test' });

    const all = await families(running);
    const transitions = (action: string) => valueIn(all, 'agent_collab_lock_transitions_total', action);
    assert.deepEqual(
      ['acquired', 'waited', 'denied', 'released', 'forced', 'expired'].map(transitions),
      [2, 1, 1, 1, 1, 0],
    );
    assert.equal(valueIn(all, 'agent_collab_lock_denials_total', 'held'), 1);
    assert.equal(valueIn(all, 'agent_collab_lock_hold_seconds_count', 'released'), 1);
    assert.equal(valueIn(all, 'agent_collab_lock_hold_seconds_count', 'forced'), 1);
    assert.equal(valueIn(all, 'agent_collab_locks_held'), 0);
  },
);

test(
  'tells how long deltas take, and how the lanes and the stores are (needs python3-prometheus-client)',
  options,
  async (t) => {
    const running = await oneDaemon(t);
    for (const content of ['one', 'two']) await running.share('ann', 'src/a.ts', content);
    const all = await families(running);
    assert.equal(valueIn(all, 'agent_collab_commit_seconds_count', 'flushed'), 2);
    assert.equal(valueIn(all, 'agent_collab_commit_seconds_count', 'committed'), 0);
    assert.ok(valueIn(all, 'agent_collab_deltas_total') >= 2);
    assert.equal(valueIn(all, 'agent_collab_deltas_behind', 'committed'), 0);
    for (const lane of ['persist', 'index', 'audit', 'compact'])
      assert.equal(valueIn(all, 'agent_collab_lane_running', lane), 1, lane);
    assert.ok(valueIn(all, 'agent_collab_store_bytes') > 0);
    assert.equal(valueIn(all, 'agent_collab_majority'), 1);
  },
);

test(
  'has a bounded number of series, whoever the agents are (needs python3-prometheus-client)',
  options,
  async (t) => {
    const running = await oneDaemon(t);
    const count = async () => {
      const all = await families(running);
      for (const { name, help, type } of all) {
        assert.match(name, /^agent_collab_[a-z_]+$/);
        assert.ok(help.endsWith('.') && ['counter', 'gauge', 'histogram'].includes(type), name);
      }
      return all.reduce((total, { samples }) => total + samples.length, 0);
    };
    await running.acquire('first', 'src/first.ts');
    const before = await count();
    for (let nth = 0; nth < 50; nth += 1) await running.acquire(`agent "${nth}"`, `src/${nth}.ts`);
    assert.equal(await count(), before);
  },
);

test('is for who has the token', async (t) => {
  const running = await oneDaemon(t);
  assert.equal((await scrape(running, { authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await scrape(running, { origin: 'http://example.com' })).status, 403);
});
