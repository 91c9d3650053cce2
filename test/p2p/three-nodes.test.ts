import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PeerView } from '../../src/control/cluster-views.ts';
import { assertCausal, Cluster, type ClusterNode, converged, eventually } from './cluster-fixture.ts';
import { isShort } from './length.ts';

test('three nodes hold one log, through a restart, a SIGKILL, offline work and a late start (needs PEERS=all)', {
  skip: isShort,
}, async (t) => {
  const cluster = new Cluster(t);
  const [a, b, c] = (await cluster.of('ann', 'bob', 'cy')) as [ClusterNode, ClusterNode, ClusterNode];
  const all = [a, b, c];

  for (const node of all) await node.share('src/a.ts', `from ${node.name}`);
  await converged(all, 3);
  const byPath = await b.client.call('log', { cwd: b.repo, path: 'src' });
  assert.equal(byPath.data.deltas.length, 3);
  const listed = await c.client.call('context.list', { cwd: c.repo, path: 'src/a.ts' });
  assert.deepEqual(listed.data.contexts.map(({ content }) => content).sort(), [
    'from ann',
    'from bob',
    'from cy',
  ]);

  // Away in order, and at work meanwhile on both sides.
  await b.kill('SIGTERM');
  await a.share('src/a.ts', 'while bob was away');
  await b.start();
  await converged(all, 4);

  // Away at once. What was acknowledged survives it.
  await c.share('src/c.ts', 'just before the kill');
  await c.kill('SIGKILL');
  await b.share('src/b.ts', 'while cy was down');
  await c.start();
  await c.share('src/c.ts', 'after the kill');
  await converged(all, 7);

  // Alone, with nobody to talk to, and merged on return.
  await a.kill('SIGTERM');
  await b.kill('SIGTERM');
  for (let at = 0; at < 5; at += 1) await c.share('src/c.ts', `alone ${at}`);
  await c.kill('SIGTERM');
  await a.start();
  await a.share('src/a.ts', 'also alone');
  await Promise.all([b.start(), c.start()]);
  await converged(all, 13);

  const d = await cluster.node('late');
  await d.joinBy(b);
  await converged([...all, d], 13);
  await d.share('src/d.ts', 'from the late one');
  await converged([...all, d], 14);
  for (const node of [...all, d]) assertCausal(await node.log());

  const peers = await eventually('all see each other', async () => {
    const list = await a.peers();
    return (
      list.length === 4 &&
      list.every(
        ({ state, behind, roundTripMs }) =>
          state === 'self' || (state === 'connected' && behind === 0 && roundTripMs !== null),
      ) &&
      list
    );
  });
  const bob = peers.find(({ name }) => name === 'bob');
  assert.ok(bob);
  assert.match(bob.address ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\//);
  assert.ok(bob.direction !== null && bob.version !== null && bob.lastSeen !== null);
  assertListed(a);
  const { cluster: summary } = (await a.client.call('status', {})).data;
  assert.deepEqual([summary?.name, summary?.members, summary?.connected], ['acme', 4, 3]);
  for (const node of [...all, d]) assertKeepsSecrets(node);
});

/** What the command shows of each: as text, and as JSON with the same fields whatever their state. */
function assertListed(node: ClusterNode): void {
  const [head = '', ...rows] = node.run('peers', 'list').trimEnd().split('\n');
  for (const column of ['NAME', 'ID', 'STATE', 'ADDRESS', 'ROUND TRIP', 'LAG', 'SEEN', 'VERSION'])
    assert.ok(head.includes(column), head);
  for (const name of ['ann', 'bob', 'cy', 'late'])
    assert.ok(
      rows.some((row) => row.startsWith(name)),
      name,
    );
  const shown = rows.join('\n');
  // Wherever it wraps.
  assert.match(shown, /connected +(to|from) /);
  assert.match(shown, /\/ip4\/127\.0\.0\.1\/tcp\/\d+/);
  assert.doesNotMatch(shown, /\/p2p\//);
  const { data } = JSON.parse(node.run('peers', 'list', '--json')) as { data: { peers: PeerView[] } };
  assert.equal(data.peers.length, 4);
  for (const peer of data.peers)
    assert.deepEqual(
      Object.keys(peer).sort(),
      [
        ...['address', 'ahead', 'behind', 'direction', 'lastSeen', 'name', 'node', 'offences'],
        ...['relayed', 'roundTripMs', 'state', 'version'],
      ].sort(),
    );
}

/** Neither the key of the cluster nor that of its doors, nor the node's own, in anything that is said or kept beside their own files. */
function assertKeepsSecrets(node: ClusterNode): void {
  const { secret, doorKey } = node.clusterFile;
  const own = (JSON.parse(readFileSync(join(node.home, 'key.json'), 'utf8')) as { private_key: string })
    .private_key;
  assert.equal(statSync(join(node.home, 'cluster.json')).mode & 0o777, 0o600);
  const files = readdirSync(node.home, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/^(cluster|key)\.json$/.test(name) && statSync(join(node.home, name)).isFile())
    .map((name) => readFileSync(join(node.home, name)));
  const said = Buffer.from(node.said + readFileSync(`/proc/${node.pid}/cmdline`, 'utf8'));
  for (const hidden of [secret, doorKey, own])
    for (const text of [hidden, Buffer.from(hidden, 'base64').toString('hex'), Buffer.from(hidden, 'base64')])
      for (const bytes of [...files, said]) assert.ok(!bytes.includes(text), `${node.name} shows a secret`);
}
