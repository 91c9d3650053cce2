/** Locks over a partition of real hosts: what each side gets, and what the loser hears after it, whatever it calls next. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CollabError } from '../../src/base/errors.ts';
import { Cluster, type ClusterNode, eventually } from './cluster-fixture.ts';
import { SwitchedNetwork, whyNoNamespaces } from './network.ts';

async function claim(node: ClusterNode, path: string, agent = node.name) {
  const input = { agent, cwd: node.repo, targets: [path], intention: `${agent} works`, ttlMs: 600_000 };
  return (await node.client.call('lock.acquire', input)).data.lock;
}

async function majority(node: ClusterNode): Promise<boolean | undefined> {
  return (await node.client.call('status', {})).data.locks.agreement?.majority;
}

/** A hook of Claude Code before an edit, as the daemon answers it. */
async function hook(node: ClusterNode, session: string, path: string): Promise<string> {
  const event = {
    hook_event_name: 'PreToolUse',
    session_id: session,
    cwd: node.repo,
    tool_name: 'Edit',
    tool_input: { file_path: join(node.repo, path), old_string: 'x', new_string: 'y' },
  };
  return new Promise((resolve, reject) => {
    const socketPath = join(node.home, 'daemon.sock');
    const sent = request({ socketPath, path: '/v1/hook/claude', method: 'POST' }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('end', () => resolve(body));
    });
    sent.once('error', reject).end(JSON.stringify(event));
  });
}

test('after a partition one lease survives, and the next call, hook or check of the loser says who won and why (needs network namespaces)', {
  skip: whyNoNamespaces(),
}, async (t) => {
  const network = await SwitchedNetwork.open(t, 3);
  const cluster = new Cluster(t);
  const nodes = (await Promise.all(
    network.hosts.map((host, at) => cluster.node(['ann', 'bob', 'cy'][at] ?? '', {}, host)),
  )) as [ClusterNode, ClusterNode, ClusterNode];
  const [ann, bob] = nodes;
  mkdirSync(join(ann.repo, 'src'), { recursive: true });
  for (const name of ['a.ts', 'b.ts', 'c.ts']) writeFileSync(join(ann.repo, 'src', name), 'x\n');
  await Cluster.join(nodes);
  await eventually('all agree', async () =>
    (await Promise.all(nodes.map(majority))).every((it) => it === true),
  );
  const before = await claim(ann, 'src/c.ts');
  assert.equal(before.assurance, 'cluster');

  network.setCable(0, 'down');
  await eventually('ann is alone', async () => (await majority(ann)) === false);
  const lost = await claim(ann, 'src/a.ts');
  const other = await claim(ann, 'src/b.ts', 'agent-2');
  assert.deepEqual([lost.assurance, other.assurance], ['local', 'local']);
  const won = await claim(bob, 'src/a.ts');
  await claim(bob, 'src/b.ts');
  assert.equal(won.assurance, 'cluster');
  // What ann had a majority for is hers for as long as that promised it.
  const denial = await claim(bob, 'src/c.ts').then(
    () => assert.fail('granted'),
    (error: CollabError) => error,
  );
  assert.equal(denial.details?.nodeName, 'ann');

  network.setCable(0, 'up');
  await eventually('ann is back', async () => (await majority(ann)) === true);
  const said = /bob on bob holds src\/a\.ts with a majority, for "bob works"/;
  const checked = await eventually('the lease has given way', () =>
    ann.client.call('lock.check', { id: lost.id, fence: lost.fence }).then(
      () => undefined,
      (error: CollabError) => error,
    ),
  );
  assert.equal(checked.code, 'LOCK_NOT_HELD');
  assert.match(checked.message, said);
  const { notices } = await ann.client.call('lock.list', { agent: 'ann' });
  assert.match(notices.map(({ message }) => message).join('\n'), said);
  const denied = await hook(ann, 'agent-2', 'src/b.ts');
  assert.match(denied, /"permissionDecision":"deny"/);
  assert.match(denied, /bob on bob holds src\/b\.ts/);
  assert.ok((await ann.client.call('lock.check', { id: before.id, fence: before.fence })).data.valid);
  await eventually('one lease is known everywhere', async () => {
    const lists = await Promise.all(
      nodes.map(async (node) => (await node.client.call('lock.list', {})).data.locks),
    );
    return lists.every(
      (locks) => locks.filter(({ targets }) => targets[0]?.path === 'src/a.ts').length === 1,
    );
  });
});
