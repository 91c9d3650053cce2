import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, type ClusterNode, eventually } from './cluster-fixture.ts';
import { isShort } from './length.ts';

test('what one node shares is found by meaning on the other, also what supersedes it (needs PEERS=all)', {
  skip: isShort,
}, async (t) => {
  const [a, b] = (await new Cluster(t).of('ann', 'bob')) as [ClusterNode, ClusterNode];
  await a.share('src/session.ts', 'Sessions expire after fifteen minutes of inactivity.');
  const find = async (query: string) =>
    (await b.client.call('context.search', { query, cwd: b.repo, limit: 3 })).data;
  await eventually('it is found', async () => {
    const { method, hits } = await find('how long until a user is logged out');
    return method === 'hybrid' && hits[0]?.path === 'src/session.ts';
  });
  const [old] = (await find('sessions expire')).hits;
  await a.client.call('context.share', {
    agent: 'ann',
    cwd: a.repo,
    path: 'src/session.ts',
    content: 'Sessions expire after an hour.',
    supersedes: old?.id ?? '',
  });
  await eventually('its successor is found', async () => {
    const { hits } = await find('sessions expire');
    return hits.find(({ id }) => id === old?.id)?.supersededBy === hits[0]?.id;
  });
  const verdict = await b.client.call('context.cohesion', {
    cwd: b.repo,
    text: 'I set the sessions to expire after two days.',
    when: 'before',
  });
  assert.equal(verdict.data.verdict, 'conflict');
  assert.match(verdict.data.evidence[0]?.reason ?? '', /it says 1h, the text 2d/);
});
