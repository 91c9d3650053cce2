/** Eviction, a new key, leaving: on real nodes, and with members that were away when it happened. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CollabError, encodeError } from '../../src/base/errors.ts';
import type { NodeId } from '../../src/base/ids.ts';
import { Attacker } from './attacker.ts';
import { Cluster, type ClusterNode, converged, eventually } from './cluster-fixture.ts';
import { Identity } from './identity.ts';
import { isShort } from './length.ts';

test('an eviction and a new key reach who was away, and shut out who was evicted (needs PEERS=all)', {
  skip: isShort,
}, async (t) => {
  const cluster = new Cluster(t);
  const [a, b, c, e] = (await cluster.of('ann', 'bob', 'cy', 'eve')) as ClusterNode[] as [
    ClusterNode,
    ClusterNode,
    ClusterNode,
    ClusterNode,
  ];
  await e.share('src/e.ts', 'by eve while she was a member');
  await converged([a, b, c, e], 1);
  const eveId = (await e.node()) as NodeId;
  const old = e.clusterFile.secret;
  const eveKey = JSON.parse(readFileSync(join(e.home, 'key.json'), 'utf8')) as { private_key: string };

  // Cy sleeps through all of it.
  await c.kill('SIGKILL');
  const { data } = await a.client.call('peers.evict', { node: 'eve' });
  assert.equal(data.peer.state, 'evicted');
  await eventually('bob has heard of it', async () =>
    (await b.peers()).some(({ node, state }) => node === eveId && state === 'evicted'),
  );
  const rotated = (await a.client.call('cluster.rotate', {})).data;
  assert.deepEqual(rotated, { epoch: 1, told: 1, later: 1 });
  await a.share('src/a.ts', 'after the change');
  await b.share('src/b.ts', 'after the change');
  await converged([a, b], 3, 30_000);
  assert.notEqual(a.clusterFile.secret, old);
  assert.equal(a.clusterFile.secret, b.clusterFile.secret);

  // Eve keeps what she had: her log, her key, the old key of the cluster. It opens nothing.
  await e.share('src/e.ts', 'by eve, evicted');
  await e.kill('SIGTERM');
  const eve = new Identity(pkcs8Of(eveKey.private_key));
  assert.equal(eve.node, eveId);
  const info = (await a.client.call('status', {})).data.cluster;
  assert.ok(info);
  const annId = (await a.node()) as NodeId;
  // One after the other: they are one node, and would find each other.
  for (const key of [old, a.clusterFile.secret]) {
    const attacker = await Attacker.with(eve, info.id, key);
    await attacker.dial(annId, info.addresses).catch(() => {});
    await eventually('she is out', async () => !attacker.isConnectedTo(annId));
    await attacker.close();
  }

  // Cy comes back with the old key, and is let in with the new one at somebody's door.
  await c.start();
  await converged([a, b, c], 3, 40_000);
  assert.equal(c.clusterFile.secret, a.clusterFile.secret);
  assert.ok((await c.peers()).some(({ node, state }) => node === eveId && state === 'evicted'));

  // By a new invite she may come back.
  await e.start();
  await e.joinBy(b);
  await eventually('she is a member again', async () =>
    (await a.peers()).some(({ node, state }) => node === eveId && state === 'connected'),
  );
});

test('a new key reaches members that have each other in the old one, from a node that died before it told anybody (needs PEERS=all)', {
  skip: isShort,
}, async (t) => {
  const cluster = new Cluster(t);
  const all = await cluster.of('ann', 'bob', 'cy');
  const [a, b, c] = all as [ClusterNode, ClusterNode, ClusterNode];
  await a.share('src/a.ts', 'before');
  await converged(all, 1);
  // They take nothing in, so that nobody has the key when ann dies.
  for (const { pid } of [b, c]) process.kill(pid, 'SIGSTOP');
  const rotating = a.client.call('cluster.rotate', {}).catch((error: unknown) => error);
  await eventually('the key is on her disk', async () => a.clusterFile.epoch === 1);
  await a.kill('SIGKILL');
  await rotating;
  for (const { pid } of [b, c]) process.kill(pid, 'SIGCONT');
  await b.share('src/b.ts', 'in the old key');
  await converged([b, c], 2);
  assert.deepEqual([b.clusterFile.epoch, c.clusterFile.epoch], [0, 0]);
  await a.start();
  await converged(all, 2, 30_000);
  await a.share('src/a.ts', 'in the new key');
  await converged(all, 3);
  assert.deepEqual(new Set(all.map((node) => node.clusterFile.secret)).size, 1);
  assert.equal(c.clusterFile.epoch, 1);
});

test('who leaves is counted no more, keeps the log and may join another cluster (needs PEERS=all)', {
  skip: isShort,
}, async (t) => {
  const cluster = new Cluster(t);
  const [a, b] = (await cluster.of('ann', 'bob')) as [ClusterNode, ClusterNode];
  await a.share('src/a.ts', 'one');
  await converged([a, b], 1);
  assert.deepEqual((await b.client.call('cluster.leave', {})).data, { told: 1 });
  assert.equal(existsSync(join(b.home, 'cluster.json')), false);
  await assert.rejects(b.client.call('peers.list', {}), { code: 'NOT_IN_CLUSTER' });
  await eventually('ann has heard of it', async () =>
    (await a.peers()).some(({ name, state }) => name === 'bob' && state === 'left'),
  );
  assert.equal((await b.log()).length, 1);
  // Whoever wrote the invite has to be there.
  const unused = await a.invite();
  await a.kill('SIGTERM');
  await assert.rejects(b.client.call('cluster.join', { token: unused }), { code: 'PEER_UNREACHABLE' });
  await b.client.call('cluster.init', { name: 'his own' });
  assert.equal((await b.client.call('status', {})).data.cluster?.name, 'his own');

  // A file that others could read is closed to them, and one that is none is named, not guessed at.
  const file = join(a.home, 'cluster.json');
  chmodSync(file, 0o644);
  await a.start();
  await eventually('it is closed to others', async () => (statSync(file).mode & 0o777) === 0o600);
  await a.kill('SIGTERM');
  writeFileSync(file, '{"version":1,"secret":"geheim"}');
  await a.start();
  const refused = await a.client.call('cluster.invite', {}).catch((error: unknown) => error);
  assert.ok(refused instanceof CollabError && refused.code === 'CLUSTER_INVALID');
  assert.doesNotMatch(JSON.stringify(encodeError(refused)), /geheim/);
  assert.match(a.said, /cluster\.json/);
  assert.doesNotMatch(a.said, /geheim/);
  await a.share('src/a.ts', 'it works alone all the same');
});

test('a node that keeps its log in memory stays out of clusters', async (t) => {
  const alone = new Cluster(t).idle('alone');
  await alone.start('--memory');
  await assert.rejects(alone.client.call('cluster.init', { name: 'acme' }), { code: 'PEERS_UNAVAILABLE' });
});

/** From the form of key.json: 4 bytes of protobuf, the seed, the public key. */
function pkcs8Of(encoded: string): Buffer {
  const seed = Buffer.from(encoded, 'base64').subarray(4, 36);
  return Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
}
