import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { VersionVector } from '../../src/delta/version-vector.ts';
import { Gossip } from '../../src/p2p/gossip.ts';
import { type MainNet, openMainNet, tryAddress } from '../../src/p2p/net.ts';
import { eventually } from './cluster-fixture.ts';
import { Identity } from './identity.ts';

const cluster = 'testcluster';

interface Side {
  readonly identity: Identity;
  readonly net: MainNet;
  readonly gossip: Gossip;
  readonly heard: VersionVector[];
  /** Seqs of the runs that came, each once. */
  readonly runs: number[];
}

const after = { vector: {}, heads: {}, digest: 'after' };

async function side(t: TestContext, networkKey: Uint8Array): Promise<Side> {
  const identity = new Identity();
  const { seed } = identity;
  const shared = { cluster, networkKey, listen: '127.0.0.1', port: 0, mdns: false };
  const net = await openMainNet({ ...shared, seed, isAllowed: () => true });
  t.after(() => net.stop());
  const heard: VersionVector[] = [];
  const runs: number[] = [];
  const gossip = new Gossip(net, {
    cluster,
    nowMs: () => performance.now(),
    onRun: (_from, run) => {
      runs.push(run.firstSeq);
      return 'forward';
    },
    onAnnouncement: (_from, { vector }) => heard.push(vector),
    onRecords: () => {},
    onOffence: (_from, _kind, what) => assert.fail(what),
  });
  return { identity, net, gossip, heard, runs };
}

async function connect(one: Side, other: Side): Promise<void> {
  const addresses = other.net.getMultiaddrs().map((it) => tryAddress(String(it), other.identity.node));
  await one.net.dial(addresses.filter((it) => it !== undefined));
}

/** Each hears that so many others listen. */
async function listening(sides: readonly Side[], others: (at: number) => number): Promise<void> {
  await eventually('all listen', async () =>
    sides.every(({ net: { services } }, at) => {
      const [topic = ''] = services.pubsub.getTopics();
      return services.pubsub.getSubscribers(topic).length === others(at);
    }),
  );
}

/** One passes on to the other. */
async function inMesh({ net }: Side, { identity }: Side): Promise<void> {
  const pubsub = net.services.pubsub as typeof net.services.pubsub & {
    getMeshPeers(topic: string): readonly string[];
  };
  const [topic = ''] = pubsub.getTopics();
  await eventually('the other is in the mesh', async () =>
    pubsub.getMeshPeers(topic).includes(identity.node),
  );
}

async function tell({ gossip, identity }: Side, seqs: readonly number[]): Promise<void> {
  for (const seq of seqs) await gossip.tellRun(identity.run([identity.body(seq, { path: 'a' })], seq));
}

test('an announcement is heard each time it is told, also when it says the same, and by both sides', async (t) => {
  const key = randomBytes(32);
  const [ann, bob] = [await side(t, key), await side(t, key)];
  const vector = { [ann.identity.node]: 7 };
  // Before anybody listens: it must not be the only time that this is said.
  await ann.gossip.announce({ vector, heads: {}, digest: 'same' });
  await connect(bob, ann);
  await eventually('both listen', async () =>
    [ann, bob].every(
      ({ net }) => net.services.pubsub.getSubscribers(net.services.pubsub.getTopics()[0] ?? '').length > 0,
    ),
  );
  for (let at = 0; at < 3; at += 1) await ann.gossip.announce({ vector, heads: {}, digest: 'same' });
  await eventually('three are heard', async () => bob.heard.length === 3);
  assert.deepEqual(bob.heard, [vector, vector, vector]);
  await bob.gossip.announce({ vector, heads: {}, digest: 'same' });
  await eventually('the answer is heard', async () => ann.heard.length === 1);
});

test('where everybody is connected to everybody, a run comes to each once', async (t) => {
  const key = randomBytes(32);
  const sides = [await side(t, key), await side(t, key), await side(t, key)] as const;
  const [ann, bob, carl] = sides;
  for (const [one, other] of [
    [ann, bob],
    [ann, carl],
    [bob, carl],
  ] as const)
    await connect(one, other);
  await listening(sides, () => 2);
  const seqs = [1, 2, 3, 4, 5];
  await tell(ann, seqs);
  await eventually('all have come', async () => [bob, carl].every(({ runs }) => runs.length === seqs.length));
  // Behind whatever is still on its way to it.
  await bob.gossip.announce(after);
  await carl.gossip.announce(after);
  await eventually('the others have said something since', async () =>
    [bob, carl].every(({ heard }) => heard.length > 0),
  );
  for (const { runs, gossip } of [bob, carl]) {
    assert.deepEqual(runs, seqs);
    assert.equal(gossip.counts.repeated, 0);
  }
});

test('who is not connected to the author is told by who is', async (t) => {
  const key = randomBytes(32);
  const sides = [await side(t, key), await side(t, key), await side(t, key), await side(t, key)] as const;
  const [ann, bob, carl, dora] = sides;
  for (const [one, other] of [
    [ann, bob],
    [ann, carl],
    [bob, carl],
    [carl, dora],
  ] as const)
    await connect(one, other);
  await listening(sides, (at) => [2, 2, 3, 1][at] ?? 0);
  // The last knows nobody else, so both of them see to it.
  await inMesh(carl, dora);
  await tell(ann, [1, 2, 3]);
  await eventually('the last has heard', async () => dora.runs.length === 3);
  assert.deepEqual(dora.runs, [1, 2, 3]);
  await tell(dora, [1, 2, 3]);
  // Two steps on: it is passed on by who had it from somebody else, too.
  await eventually('the first has heard', async () => ann.runs.length === 3 && bob.runs.length === 6);
});
