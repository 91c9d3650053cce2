/** Locks that real daemons agree on, over real connections. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { CollabError } from '../../src/base/errors.ts';
import type { AgreementView, LockView } from '../../src/control/results.ts';
import { Cluster, type ClusterNode, eventually } from './cluster-fixture.ts';

type Claim = { readonly targets?: readonly string[]; readonly waitMs?: number; readonly ttlMs?: number };

async function claim(node: ClusterNode, { targets = ['src/a.ts'], ...rest }: Claim = {}): Promise<LockView> {
  const input = {
    agent: node.name,
    cwd: node.repo,
    targets: [...targets],
    intention: `${node.name} works`,
    ...rest,
  };
  return (await node.client.call('lock.acquire', input)).data.lock;
}

async function denied(node: ClusterNode, rest: Claim = {}): Promise<CollabError> {
  return claim(node, rest).then(
    (lock) => assert.fail(`granted ${JSON.stringify(lock)}`),
    (error: CollabError) => error,
  );
}

async function status(node: ClusterNode) {
  return (await node.client.call('status', {})).data;
}

function agreed(nodes: readonly ClusterNode[], members = nodes.length): Promise<readonly AgreementView[]> {
  return eventually(`${members} agree on locks`, async () => {
    const views = await Promise.all(nodes.map(async (node) => (await status(node)).locks.agreement));
    return (
      views.every((view) => view !== null && view.members === members && view.majority) &&
      (views as readonly AgreementView[])
    );
  });
}

/** Until then a node that has just started takes the others for reachable, and knows nothing of what they hold. */
function met(node: ClusterNode, others: number): Promise<boolean> {
  return eventually(`${node.name} has met ${others}`, async () => {
    const connected = (await node.peers()).filter(({ state }) => state === 'connected');
    return connected.length === others;
  });
}

describe('daemons that agree on locks', () => {
  it('grant to one, tell the others who and where, take turns, and outlive a holder that is killed', async (t) => {
    const cluster = new Cluster(t);
    const [ann, bob, cy] = (await cluster.of('ann', 'bob', 'cy')) as [ClusterNode, ClusterNode, ClusterNode];
    await agreed([ann, bob, cy]);

    const first = await claim(ann);
    assert.equal(first.assurance, 'cluster');
    const denial = await denied(bob);
    assert.equal(denial.code, 'LOCK_DENIED');
    assert.match(denial.message, /^ann on ann holds src\/a\.ts for "ann works"/);
    assert.equal(denial.details?.nodeName, 'ann');
    const { locks } = (await cy.client.call('lock.list', {})).data;
    assert.deepEqual(
      locks.map(({ id, nodeName, fence }) => [id, nodeName, fence]),
      [[first.id, 'ann', first.fence]],
    );
    const { explanation } = (await cy.client.call('why', { cwd: cy.repo, target: 'src/a.ts' })).data;
    assert.match(explanation, /^ann on ann holds src\/a\.ts/);

    const waiting = claim(bob, { waitMs: 60_000 });
    await eventually('the wait is known elsewhere', async () => {
      const { waiters } = (await cy.client.call('lock.list', {})).data;
      return waiters.some(({ agent, nodeName }) => agent === 'bob' && nodeName === 'bob');
    });
    await ann.client.call('lock.release', { id: first.id, agent: 'ann' });
    const second = await waiting;
    assert.ok(second.fence > first.fence);

    const [one, two] = await Promise.allSettled([
      claim(ann, { targets: ['src/race.ts'] }),
      claim(cy, { targets: ['src/race.ts'] }),
    ]);
    assert.deepEqual([one?.status, two?.status].sort(), ['fulfilled', 'rejected']);

    const { data } = await cy.client.call('lock.force', { id: second.id, by: 'carol', reason: 'needed' });
    assert.equal(data.released.nodeName, 'bob');
    const told = await bob.client.call('lock.list', { agent: 'bob' });
    assert.match(told.notices[0]?.message ?? '', /was released by force by carol \(needed\)/);

    const kept = await claim(bob, { ttlMs: 12_000 });
    // What the trail has by then is told after the restart.
    await bob.client.call('audit', { limit: 1 });
    await bob.kill('SIGKILL');
    assert.equal((await denied(ann)).code, 'LOCK_DENIED');
    const after = await eventually('the lease of the dead ends with its ttl', () => claim(ann));
    assert.ok(after.fence > kept.fence && after.assurance === 'cluster');

    await bob.start();
    await met(bob, 2);
    await agreed([ann, bob, cy]);
    const back = await bob.client.call('lock.list', { agent: 'bob' });
    // With what was told before, of which there is no sign that it was heard.
    assert.match(back.notices.map(({ message }) => message).join('\n'), /ended with a restart/);
    assert.equal((await denied(bob)).details?.nodeName, 'ann');
    await ann.client.call('lock.release', { id: after.id, agent: 'ann' });
    // The others may hear of the release after bob has asked them.
    const again = await claim(bob, { waitMs: 20_000 });
    assert.ok(again.fence > after.fence);
  });

  it('leave one by one: what a node holds ends, it works alone, and its fences go on rising', async (t) => {
    const cluster = new Cluster(t);
    const [ann, bob] = (await cluster.of('ann', 'bob')) as [ClusterNode, ClusterNode];
    await agreed([ann, bob]);
    const held = await claim(bob);
    await bob.client.call('cluster.leave', {});
    await agreed([ann], 1);
    assert.equal((await status(bob)).locks.agreement, null);
    const { notices } = await bob.client.call('lock.list', { agent: 'bob' });
    assert.match(notices[0]?.message ?? '', /was lost \(this node is no member of its cluster any more\)/);
    const [alone, other] = [await claim(bob), await claim(ann)];
    assert.ok(alone.fence > held.fence && other.fence > held.fence);
    await bob.kill('SIGTERM');
    await bob.start();
    assert.ok((await claim(bob)).fence > alone.fence);
    // The last one decides alone, also across a restart, and without waiting for anybody.
    await ann.kill('SIGTERM');
    await ann.start();
    const last = await claim(ann);
    assert.ok(last.assurance === 'cluster' && last.fence > other.fence);
  });

  it('without a majority say so in a sentence, and grant or refuse as locks.partition says', async (t) => {
    const cluster = new Cluster(t);
    const [ann, bob] = (await cluster.of('ann', 'bob')) as [ClusterNode, ClusterNode];
    await agreed([ann, bob]);
    await bob.kill('SIGTERM');
    await eventually('the loss is seen', async () => (await status(ann)).locks.agreement?.majority === false);
    const { warnings } = await status(ann);
    assert.ok(
      warnings.some((text) =>
        /^Only 1 of 2 members can be reached, which is no majority: locks are/.test(text),
      ),
      warnings.join('\n'),
    );
    assert.equal((await claim(ann)).assurance, 'local');
    await ann.kill('SIGTERM');
    const file = join(ann.home, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...config, locks: { partition: 'refuse' } }));
    await ann.start();
    assert.equal((await denied(ann)).code, 'LOCK_NO_MAJORITY');
  });

  it('are taken in again when their state was damaged', async (t) => {
    const cluster = new Cluster(t);
    const [ann, bob] = (await cluster.of('ann', 'bob')) as [ClusterNode, ClusterNode];
    await agreed([ann, bob]);
    await bob.kill('SIGTERM');
    writeFileSync(join(bob.home, 'agreement.json'), '{"version":1,"cluster":"x","reservedRound":-4}');
    await bob.start();
    await met(bob, 1);
    await agreed([ann, bob]);
    const held = await claim(bob);
    assert.equal(held.assurance, 'cluster');
    assert.equal((await denied(ann)).details?.nodeName, 'bob');
  });
});
