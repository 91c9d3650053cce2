/** Attacks over real connections on two real nodes. Nothing false may be stored or forwarded, and who did it is cut off and named. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { NodeId } from '../../src/base/ids.ts';
import { encodeCbor } from '../../src/codec/cbor.ts';
import { publicKeyFromNodeId } from '../../src/codec/node-id.ts';
import { genesisHash } from '../../src/delta/delta-frame.ts';
import { knock } from '../../src/p2p/door.ts';
import { decodeInvite, encodeInvite, type RefusalReason } from '../../src/p2p/invite-token.ts';
import { encodeToldRun } from '../../src/p2p/told-run.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { Attacker } from './attacker.ts';
import { Cluster, type ClusterNode, converged, eventually } from './cluster-fixture.ts';
import { Identity } from './identity.ts';
import { isShort } from './length.ts';
import type { LockTask } from './lock-thread.ts';

describe('a cluster under attack (needs PEERS=all)', { skip: isShort }, () => {
  const ends: (() => Promise<void>)[] = [];
  const attackers: Attacker[] = [];
  let cluster: Cluster;
  let ann: ClusterNode;
  let bob: ClusterNode;
  let annId: NodeId;
  let expected = 2;

  before(async () => {
    cluster = new Cluster({ after: (end) => ends.push(end) });
    [ann, bob] = (await cluster.of('ann', 'bob')) as [ClusterNode, ClusterNode];
    annId = (await ann.node()) as NodeId;
    await ann.share('src/a.ts', 'one');
    await bob.share('src/a.ts', 'two');
    await converged([ann, bob], expected);
  });
  // One at a time: they would find each other, and talk among themselves.
  afterEach(async () => {
    for (const attacker of attackers.splice(0)) await attacker.close();
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const addresses = async () => (await ann.client.call('status', {})).data.cluster?.addresses ?? [];

  /** A member that misbehaves, connected to ann and heard by her. */
  async function member(): Promise<Attacker> {
    const { attacker, answer } = await Attacker.member(await ann.invite());
    attackers.push(attacker);
    // From an address from which others have just been turned away a line may be refused, as it is for members, who dial again.
    await eventually('the attacker is let in', () => attacker.dial(annId, answer.main).then(() => true));
    // By ann herself: bob may find the new member too.
    await eventually('the attacker is heard', async () => attacker.isHeardBy(annId));
    return attacker;
  }

  async function assertCutOff(attacker: Attacker, why: RegExp, limitMs?: number): Promise<void> {
    const { node } = attacker.identity;
    const named = await eventually(
      `${why} is named`,
      async () => (await ann.peers()).find((peer) => peer.node === node && peer.state === 'cut off'),
      limitMs,
    );
    assert.match(named.offences?.last ?? '', why);
    await eventually('its connection ends', async () => !attacker.isConnectedTo(annId));
    // The gate closes once the other end has said who it is: the dial itself may have gone well by then.
    await attacker.dial(annId, await addresses()).catch(() => {});
    await eventually('it is kept out', async () => !attacker.isConnectedTo(annId));
  }

  /** Both stay up, hold what they held and take what is true. */
  async function assertUnharmed(): Promise<void> {
    await ann.share('src/a.ts', `still here ${expected}`);
    expected += 1;
    await converged([ann, bob], expected);
  }

  it('lets nobody in without the key, nor with the key who is no member', async () => {
    const { secret } = ann.clusterFile;
    const info = (await ann.client.call('status', {})).data.cluster;
    assert.ok(info);
    const without = await Attacker.with(new Identity(), info.id, Buffer.alloc(32, 7).toString('base64'));
    const stranger = await Attacker.with(new Identity(), info.id, secret);
    attackers.push(without, stranger);
    await assert.rejects(without.dial(annId, info.addresses));
    await stranger.dial(annId, info.addresses).catch(() => {});
    await eventually('the stranger is out', async () => !stranger.isConnectedTo(annId));
    await stranger.tellRun(stranger.identity.run([stranger.identity.body(1, { path: 'x' })]));
    await assertUnharmed();
  });

  it('refuses invites that are expired, used, revoked, changed or of another cluster, and says why', async () => {
    const refused = (token: string, reason: RefusalReason) =>
      assert.rejects(Attacker.present(token), (error: { code?: string; details?: { reason?: string } }) => {
        assert.deepEqual([error.code, error.details?.reason], ['INVITE_REFUSED', reason]);
        assert.ok(!JSON.stringify(error).includes(token.slice(20, 60)));
        return true;
      });
    const used = await ann.invite();
    await Attacker.present(used);
    await refused(used, 'used');
    const { data } = await ann.client.call('cluster.invite', {});
    await ann.client.call('cluster.revokeInvite', { id: data.invite.id });
    await refused(data.token, 'revoked');
    const short = await ann.invite(1000);
    assert.throws(() => decodeInvite(short, Date.now() + 1001), { code: 'INVITE_REFUSED' });
    await delay(1001);
    await refused(short, 'expired');
    const good = await ann.invite();
    for (const at of [8, 40, good.length - 3])
      await refused(`${good.slice(0, at)}${good[at] === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`, 'bad');
    await assert
      .rejects(ann.client.call('cluster.join', { token: good }), { code: 'CLUSTER_EXISTS' })
      .catch(() =>
        assert.rejects(ann.client.call('cluster.join', { token: good }), { code: 'INVITE_REFUSED' }),
      );
    await assert.rejects(bob.client.call('cluster.init', { name: 'second' }), { code: 'CLUSTER_EXISTS' });
    const states = (await ann.client.call('cluster.invites', {})).data.invites.map(({ state }) => state);
    assert.deepEqual(states.slice(-4), ['used', 'revoked', 'expired', 'open']);
  });

  it('refuses invites to another cluster, however they are dressed up', async () => {
    const zed = await cluster.node('zed');
    await zed.client.call('cluster.init', { name: 'another' });
    const foreign = decodeInvite(await zed.invite(), 0);
    const good = decodeInvite(await ann.invite(), 0);
    const mallory = new Identity();
    const knockAtAnn = (named: { cluster: string; id: string; secret: string }) =>
      knock({ seed: mallory.seed, doorKey: good.doorKey, listen: '127.0.0.1' }, annId, good.addresses, {
        kind: 'join',
        cluster: named.cluster,
        invite: named.id,
        secret: named.secret,
        name: 'm',
        version: '0',
      });
    const refused = (reason: RefusalReason) => (error: { code?: string; details?: { reason?: string } }) => {
      assert.deepEqual([error.code, error.details?.reason], ['INVITE_REFUSED', reason]);
      return true;
    };
    await assert.rejects(knockAtAnn(foreign), refused('foreign'));
    await assert.rejects(knockAtAnn({ ...foreign, cluster: good.cluster }), refused('unknown'));
    await assert.rejects(knockAtAnn({ ...good, secret: foreign.secret }), refused('unknown'));
    // Signed by another than the inviter that it names, or by one who has no door there.
    const forged = encodeInvite({ ...good, id: foreign.id }, mallory.privateKey);
    await assert.rejects(Attacker.present(forged, mallory), refused('bad'));
    const astray = encodeInvite({ ...good, inviter: mallory.node }, mallory.privateKey);
    await assert.rejects(Attacker.present(astray), { code: 'PEER_UNREACHABLE' });
    await assert.rejects(
      Attacker.present(
        encodeInvite({ ...foreign, addresses: good.addresses, inviter: mallory.node }, mallory.privateKey),
      ),
      {
        code: 'PEER_UNREACHABLE',
      },
    );
    assert.ok((await ann.peers()).every(({ node }) => node !== mallory.node));
    await zed.kill('SIGTERM');
    await assertUnharmed();
  });

  it('cuts off who forges a signature', async () => {
    const attacker = await member();
    const run = attacker.identity.run([attacker.identity.body(1, { path: 'forged' })]);
    await attacker.tellRun({ ...run, signature: Buffer.alloc(64, 1) });
    await assertCutOff(attacker, /forged/);
    await assertUnharmed();
  });

  it("cuts off who speaks in another's name", async () => {
    const attacker = await member();
    const bobId = (await bob.node()) as NodeId;
    const body = attacker.identity.body(2, { path: 'forged' }, bobId);
    await attacker.tellRun(attacker.identity.run([body], 2, genesisHash, bobId));
    await assertCutOff(attacker, /forged/);
    await assertUnharmed();
  });

  it('cuts off who signs a delta whose body says something else than its run', async () => {
    const attacker = await member();
    await attacker.tellRun(attacker.identity.run([attacker.identity.body(7, { path: 'forged' })], 1));
    await assertCutOff(attacker, /forged/);
    await assertUnharmed();
  });

  it('keeps evidence of a fork and names its author', async () => {
    const attacker = await member();
    const { identity } = attacker;
    await attacker.tellRun(identity.run([identity.body(1, { path: 'fork', content: 'first' })]));
    expected += 1;
    await converged([ann, bob], expected);
    await attacker.tellRun(identity.run([identity.body(1, { path: 'fork', content: 'second' })]));
    const evidence = await eventually('the evidence is kept', async () => {
      const [line, rest] = readFileSync(join(ann.home, 'logs', 'forks.jsonl'), 'utf8').split('\n');
      // Whole, once there is an end of its line.
      return rest === undefined ? undefined : line;
    });
    assert.equal((JSON.parse(evidence) as { source: string }).source, identity.node);
    const { warnings } = (await ann.client.call('status', {})).data;
    assert.ok(warnings.some((text) => text.includes(identity.node)));
    // Nothing is built on the other half either.
    await attacker.tellRun(identity.run([identity.body(2, { path: 'fork' })], 2, Buffer.alloc(32, 9)));
    await assertUnharmed();
    const { data } = await ann.client.call('audit', { action: 'violation' });
    assert.ok(data.events.some(({ metadata }) => metadata?.peer === identity.node));
  });

  it('ignores what is told again, and holds what comes before its turn', async () => {
    const attacker = await member();
    const { identity } = attacker;
    const run = identity.run([
      identity.body(1, { path: 'replayed' }),
      identity.body(2, { path: 'replayed' }),
    ]);
    for (let at = 0; at < 3; at += 1)
      await attacker.tell(Buffer.concat([Buffer.of(1), encodeToldRun(run, [])]));
    expected += 2;
    await converged([ann, bob], expected);
    // A part of it in another run, which is another message.
    await attacker.tellRun(identity.run([run.bodies[0] ?? new Uint8Array()]));
    await attacker.tellRun(identity.run([identity.body(9, { path: 'too early' })], 9, Buffer.alloc(32, 3)));
    await assertUnharmed();
    assert.ok((await ann.peers()).some((peer) => peer.node === identity.node && peer.offences === null));
  });

  it('cuts off who sends truncated, oversized, deeply nested or random messages', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    const garbage = (identity: Identity): readonly Uint8Array[] => {
      const whole = Buffer.concat([
        Buffer.of(1),
        encodeToldRun(identity.run([identity.body(1, { path: 'cut' })]), []),
      ]);
      const nested = Buffer.concat([Buffer.alloc(100_000, 0x81), Buffer.of(0)]);
      const bodies = [
        nested,
        encodeCbor([1, publicKeyFromNodeId(identity.node), 1, 1, 'm', 'p', 6, [], deep(100)]),
      ];
      return [
        whole.subarray(0, whole.length - 9),
        whole.subarray(0, 40),
        Buffer.of(1),
        Buffer.of(9, 9),
        Buffer.concat([whole, Buffer.of(0)]),
        ...bodies.map((body) => Buffer.concat([Buffer.of(1), encodeToldRun(identity.run([body]), [])])),
        Buffer.from('\u0002{"vector":{"not a node":1},"digest":"x"}'),
        Buffer.from(`\u0002${'['.repeat(50_000)}`),
        Uint8Array.from({ length: 5000 }, () => random.int(0, 255)),
      ];
    };
    const attacker = await member();
    for (const message of garbage(attacker.identity)) await attacker.tell(message);
    await attacker.tell(Buffer.from('{"no":"records"}'), 'members');
    await assertCutOff(attacker, /malformed|forged/);
    await assertUnharmed();
    assert.ok(seed >= 0);
  });

  /** What claims and releases take, in ms, sorted. By a thread of its own: this one is busy with the flood. */
  async function lockTimes(): Promise<readonly number[]> {
    const file = fileURLToPath(new URL('lock-thread.ts', import.meta.url));
    const socketPath = join(ann.home, 'daemon.sock');
    const thread = new Worker(`require('tsx/cjs'); require(${JSON.stringify(file)})`, {
      eval: true,
      workerData: { socketPath, cwd: ann.repo, pairs: 200 } satisfies LockTask,
    });
    const [took] = (await once(thread, 'message')) as [readonly number[]];
    return took;
  }

  it('cuts off who floods, and grants locks as before meanwhile', async (t) => {
    const quiet = await lockTimes();
    const attacker = await member();
    let isFlooding = true;
    const flood = (async () => {
      for (let at = 0; isFlooding && at < 20_000 && attacker.isConnectedTo(annId); at += 1) {
        await attacker.tell(Buffer.from(`\u0002{"vector":{},"digest":"${at}"}`));
        if (at % 50 === 0) await setImmediate();
      }
    })();
    const took = await lockTimes();
    await assertCutOff(attacker, /flood/).finally(() => {
      isFlooding = false;
    });
    await flood;
    const told = (of: readonly number[]) => `p50 ${of[100]?.toFixed(1)}, p99 ${of[198]?.toFixed(1)} ms`;
    t.diagnostic(`claim and release: ${told(quiet)}; under the flood ${told(took)}`);
    // Two calls over the socket, beside an attacker that takes one of two cores; on a machine that is busy without it, as slow as before.
    const most = Math.max(250, 3 * (quiet[180] ?? 0));
    assert.ok((took[180] ?? 0) < most, `p90 is ${took[180]} ms, without the flood ${quiet[180]} ms`);
    await assertUnharmed();
  });

  it('is not held back by who sends a byte a second, and cuts it off', async () => {
    const attacker = await member();
    await attacker.serveDripping();
    await attacker.drip(annId, 8);
    const before = residentMiB(ann.pid);
    // Whatever it claims to have is asked for.
    await attacker.tell(Buffer.from(`\u0002{"vector":{"${attacker.identity.node}":1000},"digest":"x"}`));
    // More at once than gossip carries, so that ann has to ask bob for it.
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        ['b', 'c', 'd'].map((name) => bob.share(`src/${name}.ts`, `${round}`.repeat(40_000))),
      );
      expected += 3;
      await converged([ann, bob], expected, 6000);
    }
    await assertCutOff(attacker, /stalled/, 45_000);
    assert.ok(residentMiB(ann.pid) - before < 64, 'what drips in is not kept');
    await assertUnharmed();
  });

  it('gives up a stream on which nothing comes, or no hello', async () => {
    const attacker = await member();
    for (let at = 0; at < 5; at += 1) {
      const stream = await attacker.stream(annId).catch(() => undefined);
      try {
        stream?.send(Buffer.of(5, 1, 2, 3, 4, 5));
      } catch {
        // It has been cut off by then.
      }
    }
    await assertCutOff(attacker, /malformed/);
    await assertUnharmed();
  });
});

function residentMiB(pid: number): number {
  const [, kib = ''] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

function deep(levels: number): unknown {
  let value: unknown = {};
  for (let at = 0; at < levels; at += 1) value = { a: value };
  return value;
}
