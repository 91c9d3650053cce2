import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, type ClusterNode, eventually } from './cluster-fixture.ts';
import { isShort } from './length.ts';

test('an interest reaches the other node, counts there, survives its SIGKILL and is taken back (needs PEERS=all)', {
  skip: isShort,
}, async (t) => {
  const [a, b] = (await new Cluster(t).of('ann', 'bob')) as [ClusterNode, ClusterNode];
  const listed = async (node: ClusterNode) =>
    (await node.client.call('interest.list', { cwd: node.repo })).data.interests;
  const hears = async (node: ClusterNode, count: number) =>
    eventually(
      `${node.name} has ${count}`,
      async () => (await listed(node)).length === count && listed(node),
    );

  await a.client.call('interest.add', { agent: 'eve', cwd: a.repo, patterns: ['auth/**'] });
  const [there] = await hears(b, 1);
  assert.deepEqual([there?.agent, there?.patterns, there?.isHere], ['eve', ['auth/**'], false]);
  assert.equal(there?.node, await a.node());

  // On the other node, by news of either.
  const updates = async () =>
    (await b.client.call('agent.updates', { agent: 'eve', cwd: b.repo })).data.updates.map(
      ({ path }) => path,
    );
  assert.deepEqual(await updates(), []);
  await b.share('db/x.ts', 'not asked for');
  await b.share('auth/b.ts', 'from here');
  await a.share('auth/a.ts', 'from there');
  await eventually('all is there', async () => (await b.log()).length === 4);
  assert.deepEqual([...(await updates())].sort(), ['auth/a.ts', 'auth/b.ts']);
  assert.match(b.run('interests', '--all'), /eve +example\.com\/acme\/app +auth\/\*\* .*…/);

  await b.kill('SIGKILL');
  await b.start();
  assert.deepEqual((await listed(b))[0]?.patterns, ['auth/**']);
  // Only the node that was asked can take it back.
  const tried = await b.client.call('interest.remove', { agent: 'eve', cwd: b.repo });
  assert.deepEqual([tried.data.removed, tried.data.interests.length], [[], 1]);
  const done = await a.client.call('interest.remove', { agent: 'eve', cwd: a.repo });
  assert.deepEqual([done.data.removed, done.data.interests], [['auth/**'], []]);
  await hears(b, 0);
});
