import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { NodeId } from '../../src/base/ids.ts';
import { Attacker } from './attacker.ts';
import { Cluster, type ClusterNode, eventually } from './cluster-fixture.ts';

it('a member that tells each node something else, and that all have been told, is found out and named', async (t) => {
  const cluster = new Cluster(t);
  const [ann, bob] = (await cluster.of('ann', 'bob')) as [ClusterNode, ClusterNode];
  const { attacker } = await Attacker.member(await ann.invite());
  t.after(() => attacker.close());
  const { identity } = attacker;
  const nodes: NodeId[] = [];
  for (const node of [ann, bob]) {
    const id = (await node.node()) as NodeId;
    nodes.push(id);
    const addresses = (await node.client.call('status', {})).data.cluster?.addresses ?? [];
    // Bob may not have heard yet that it is a member.
    await eventually('the attacker is let in', () => attacker.dial(id, addresses).then(() => true));
    await eventually('the attacker is heard', async () => attacker.isHeardBy(id));
  }
  for (const [at, node] of nodes.entries()) {
    const half = identity.run([identity.body(1, { path: 'half', content: `for number ${at}` })]);
    assert.ok(attacker.whisper(half, node, nodes));
  }
  await eventually('the evidence is kept', async () =>
    [ann, bob].some(({ home }) => {
      const file = join(home, 'logs', 'forks.jsonl');
      return existsSync(file) && readFileSync(file, 'utf8').includes(identity.node);
    }),
  );
  await eventually('it is named', async () => {
    const views = await Promise.all([ann, bob].map(({ client }) => client.call('status', {})));
    return views.some(({ data }) => data.warnings.some((text) => text.includes(identity.node)));
  });
  // Each has one half, and takes no other.
  for (const node of [ann, bob]) {
    const { deltas } = (await node.client.call('log', { limit: 100 })).data;
    assert.equal(deltas.filter(({ source }) => source === identity.node).length, 1);
  }
});
