/** Nodes on hosts of their own, which lose each other, hear each other badly, or reach each other through a third alone. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertCausal, Cluster, type ClusterNode, converged, eventually } from './cluster-fixture.ts';
import { isShort } from './length.ts';
import { type Host, openRow, SwitchedNetwork, whyNoNamespaces } from './network.ts';

const skip = whyNoNamespaces();
/** In the long one connections die of it, in the short one they live on. */
const partitionMs = isShort ? 3000 : 30_000;
const partitionSteps = 10;
const healMs = 10_000;
const badlyEach = isShort ? 10 : 200;
const badlyMs = 60_000;

/** Nothing that would be shorter by compression. */
function noise(chars: number): string {
  return randomBytes(chars).toString('base64').slice(0, chars);
}

type Three = [ClusterNode, ClusterNode, ClusterNode];

class Ends {
  readonly #ends: (() => unknown)[] = [];
  readonly after = (end: () => unknown): void => void this.#ends.unshift(end);

  /** The last first. */
  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end();
  }
}

async function threeOn(ends: Ends, hosts: readonly Host[], peers = {}): Promise<Three> {
  const cluster = new Cluster(ends);
  const names = ['ann', 'bob', 'cy'];
  const nodes = hosts.map((host, at) => cluster.node(names[at] ?? '', peers, host));
  return (await Promise.all(nodes)) as Three;
}

describe('three hosts on one switch (needs network namespaces)', { skip }, () => {
  const ends = new Ends();
  let network: SwitchedNetwork;
  let nodes: Three;
  let count = 3;

  before(async () => {
    network = await SwitchedNetwork.open(ends, 3);
    nodes = await threeOn(ends, network.hosts);
    await Cluster.join(nodes);
    for (const node of nodes) await node.share('src/a.ts', `${node.name} is there`);
    await converged(nodes, count);
    // Two have met the first alone so far, which tells them of each other.
    await eventually('all have met', async () =>
      (await Promise.all(nodes.map((node) => node.peers()))).flat().every(({ state }) => state !== 'away'),
    );
  });
  after(() => ends.close());

  it('hold one log within 10 s of the end of a partition in which both sides worked on', async (t) => {
    const [ann, bob, cy] = nodes;
    network.setCable(0, 'down');
    for (let at = 0; at < partitionSteps; at += 1) {
      await Promise.all([ann.share('src/a.ts', `alone ${at}`), bob.share('src/a.ts', `in company ${at}`)]);
      await delay(partitionMs / partitionSteps);
    }
    await converged([bob, cy], count + partitionSteps);
    assert.equal((await ann.log()).length, count + partitionSteps);
    count += 2 * partitionSteps;
    network.setCable(0, 'up');
    const healedAt = performance.now();
    await converged(nodes, count, healMs);
    t.diagnostic(`${Math.round(performance.now() - healedAt)} ms after ${partitionMs / 1000} s`);
    for (const node of nodes) assertCausal(await node.log());
  });

  it('hold one log where 5 % of all frames are lost, some come twice, and each takes 100 ms', async (t) => {
    await network.setWeather({ lossShare: 0.05, duplicateShare: 0.02, delayMs: 100, jitterMs: 20 });
    const beganAt = performance.now();
    for (let at = 0; at < badlyEach; at += 1)
      await Promise.all(nodes.map((node) => node.share('src/a.ts', `${node.name} badly ${at}`)));
    count += nodes.length * badlyEach;
    const toldAt = performance.now();
    await converged(nodes, count, badlyMs);
    t.diagnostic(
      `${nodes.length * badlyEach} deltas in ${Math.round(toldAt - beganAt)} ms, on all ${Math.round(performance.now() - toldAt)} ms later`,
    );
    for (const node of nodes) assertCausal(await node.log());
  });

  it('take over a log on such a line, where much of it comes at once (needs PEERS=all)', {
    skip: isShort,
  }, async (t) => {
    const [ann, bob, cy] = nodes;
    network.setCable(0, 'down');
    for (let at = 0; at < 100; at += 1)
      await Promise.all([bob, cy].map((node) => node.share('src/b.ts', `${at} ${noise(10_000)}`)));
    count += 200;
    await converged([bob, cy], count, badlyMs);
    network.setCable(0, 'up');
    const healedAt = performance.now();
    await converged([ann], count, 2 * badlyMs);
    t.diagnostic(`2 MB in ${Math.round(performance.now() - healedAt)} ms`);
    await network.setWeather({});
  });
});

describe('three hosts in a row (needs network namespaces)', { skip }, () => {
  const ends = new Ends();
  after(() => ends.close());

  it('reach each other through the one in the middle, also when it was away', async () => {
    const [left, middle, right] = await threeOn(ends, openRow(ends), { behindNat: true });
    await Cluster.join([middle, left, right]);
    const assertReached = async (from: ClusterNode, to: ClusterNode) => {
      const peer = await eventually(`${from.name} reaches ${to.name}`, async () =>
        (await from.peers()).find(({ name, state }) => name === to.name && state === 'connected'),
      );
      assert.equal(peer.relayed, true);
      assert.match(peer.address ?? '', /p2p-circuit/);
    };
    for (const word of ['first', 'second']) {
      await assertReached(left, right);
      await assertReached(right, left);
      const before = (await middle.log()).length;
      await Promise.all([left.share('src/a.ts', `${word}, left`), right.share('src/a.ts', `${word}, right`)]);
      await converged([left, middle, right], before + 2);
      // Everybody finds the way again, which takes the longest pause between two tries, twice.
      if (isShort || word === 'second') break;
      await middle.kill('SIGTERM');
      await middle.start();
    }
  });
});
