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
}

async function side(t: TestContext, networkKey: Uint8Array): Promise<Side> {
  const identity = new Identity();
  const { seed } = identity;
  const shared = { cluster, networkKey, listen: '127.0.0.1', port: 0, mdns: false };
  const net = await openMainNet({ ...shared, seed, isAllowed: () => true });
  t.after(() => net.stop());
  const heard: VersionVector[] = [];
  const gossip = new Gossip(net, {
    cluster,
    nowMs: () => performance.now(),
    onRun: () => 'keep',
    onAnnouncement: (_from, vector) => heard.push(vector),
    onRecords: () => {},
    onOffence: (_from, _kind, what) => assert.fail(what),
  });
  return { identity, net, gossip, heard };
}

test('an announcement is heard each time it is told, also when it says the same, and by both sides', async (t) => {
  const key = randomBytes(32);
  const [ann, bob] = [await side(t, key), await side(t, key)];
  const vector = { [ann.identity.node]: 7 };
  // Before anybody listens: it must not be the only time that this is said.
  await ann.gossip.announce(vector, 'same');
  const addresses = ann.net.getMultiaddrs().map((it) => tryAddress(String(it), ann.identity.node));
  await bob.net.dial(addresses.filter((it) => it !== undefined));
  await eventually('both listen', async () =>
    [ann, bob].every(
      ({ net }) => net.services.pubsub.getSubscribers(net.services.pubsub.getTopics()[0] ?? '').length > 0,
    ),
  );
  for (let at = 0; at < 3; at += 1) await ann.gossip.announce(vector, 'same');
  await eventually('three are heard', async () => bob.heard.length === 3);
  assert.deepEqual(bob.heard, [vector, vector, vector]);
  await bob.gossip.announce(vector, 'same');
  await eventually('the answer is heard', async () => ann.heard.length === 1);
});
