import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeInvite, encodeInvite } from '../../src/p2p/invite-token.ts';
import {
  clusterIdOf,
  type MemberRecord,
  Membership,
  readRecord,
  signRecord,
} from '../../src/p2p/membership.ts';
import { Offences } from '../../src/p2p/offences.ts';
import { RateGate } from '../../src/p2p/rate-gate.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { Identity } from './identity.ts';

const [ann, bob, cy, eve, sybil] = [1, 2, 3, 4, 5].map(() => new Identity()) as [
  Identity,
  Identity,
  Identity,
  Identity,
  Identity,
];
const cluster = clusterIdOf(ann.node, 'nonce');
let at = 1000;

function record(
  by: Identity,
  kind: MemberRecord['kind'],
  about: Identity,
  rest: Partial<MemberRecord> = {},
): MemberRecord {
  at += 1;
  return signRecord(
    { kind, cluster, node: about.node, generation: 1, text: 'x', keeps: [], by: by.node, as: 1, at, ...rest },
    by.privateKey,
  );
}

const founding = record(ann, 'add', ann, { keeps: ['nonce'] });
const nodes = (membership: Membership) =>
  new Set(
    membership
      .all()
      .filter(({ gone }) => gone === undefined)
      .map(({ node }) => node),
  );

test('members add members, and all who hold the same records agree, in whatever order they came', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const addBob = record(ann, 'add', bob);
  const addEve = record(bob, 'add', eve);
  const addSybil = record(eve, 'add', sybil, { at: 1002 });
  const evictEve = record(ann, 'remove', eve, { text: 'evicted', keeps: [] });
  const addCy = record(bob, 'add', cy);
  const revenge = record(eve, 'remove', bob, { text: 'evicted' });
  const all = [founding, addBob, addEve, addSybil, evictEve, addCy, revenge];
  const expected = new Set([ann.node, bob.node, cy.node]);
  for (let round = 0; round < 50; round += 1) {
    const shuffled = all.map((it) => [random.next(), it] as const).sort(([a], [b]) => a - b);
    const membership = new Membership(cluster);
    for (const [, it] of shuffled) membership.add([it]);
    assert.deepEqual(nodes(membership), expected, `TEST_SEED=${seed}`);
    assert.equal(membership.get(eve.node)?.gone, 'evicted');
    assert.equal(membership.wasMember(sybil.node), false);
    assert.equal(membership.digest, new Membership(cluster, all).digest);
  }
});

test('who was evicted comes back as a new generation, and only so', () => {
  const evict = record(ann, 'remove', bob, { text: 'evicted' });
  const again = record(ann, 'add', bob, { generation: 2 });
  assert.equal(new Membership(cluster, [founding, record(ann, 'add', bob), evict]).isMember(bob.node), false);
  assert.equal(new Membership(cluster, [founding, evict, again]).isMember(bob.node), true);
});

test('nobody founds a cluster that is there, adds itself, or leaves for another', () => {
  const forged = [
    record(eve, 'add', eve, { keeps: ['nonce'] }),
    record(eve, 'add', eve),
    record(sybil, 'add', eve),
    record(bob, 'remove', ann, { text: 'left' }),
  ];
  assert.deepEqual(
    nodes(new Membership(cluster, [founding, record(ann, 'add', bob), ...forged])),
    new Set([ann.node, bob.node]),
  );
});

test('a record is read with its own signature and in its own form only', () => {
  const good = record(ann, 'add', bob);
  assert.deepEqual(readRecord(JSON.parse(JSON.stringify(good)), cluster), good);
  assert.equal(readRecord(good, 'another'), undefined);
  for (const change of [
    { text: 'y' },
    { node: cy.node },
    { by: bob.node },
    { at: 5 },
    { keeps: ['a'] },
    { generation: 2 },
    { as: 0 },
  ])
    assert.equal(readRecord({ ...good, ...change }, cluster), undefined);
  for (const garbage of [null, 1, 'x', [], {}, { ...good, keeps: 'x' }, { ...good, text: 'x'.repeat(101) }])
    assert.equal(readRecord(garbage, cluster), undefined);
});

test('of two changes of the key the later epoch counts, and of one epoch the first', () => {
  const rotate = (epoch: number, text: string) => record(ann, 'rotate', ann, { generation: epoch, text });
  const first = rotate(1, 'a');
  assert.deepEqual(new Membership(cluster, [founding, rotate(1, 'b'), first]).epoch, {
    epoch: 1,
    keyId: 'a',
  });
  assert.deepEqual(new Membership(cluster, [founding, rotate(2, 'c'), first]).epoch, {
    epoch: 2,
    keyId: 'c',
  });
});

test('an invite comes back as it was, and no other text is one', () => {
  const invite = {
    cluster,
    name: 'acme',
    id: 'i',
    secret: 's',
    doorKey: 'k',
    inviter: ann.node,
    expiresAtMs: 5000,
    addresses: ['/ip4/127.0.0.1/tcp/1'],
  };
  const token = encodeInvite(invite, ann.privateKey);
  assert.deepEqual(decodeInvite(` ${token}\n`, 4999), invite);
  const refused = (text: string, reason: string, nowMs = 0) =>
    assert.throws(
      () => decodeInvite(text, nowMs),
      (error: { code?: string; details?: { reason?: string } }) => {
        assert.deepEqual([error.code, error.details?.reason], ['INVITE_REFUSED', reason]);
        return true;
      },
    );
  refused(token, 'expired', 5000);
  refused(encodeInvite(invite, eve.privateKey), 'bad');
  for (const text of [
    '',
    'x',
    'acinv1',
    'acinv1..',
    'acinv1.e30.AA',
    token.slice(0, -2),
    `${token}.x`,
    'a'.repeat(9000),
  ])
    refused(text, 'bad');
});

test('offences add up and fade, one forgery is enough, and each time it takes longer', () => {
  const clock = new ManualClock();
  const cut: string[] = [];
  const offences = new Offences(clock, (_peer, why) => cut.push(why));
  for (let times = 0; times < 3; times += 1) offences.add(eve.node, 'malformed', 'a run');
  assert.equal(offences.isCutOff(eve.node), false);
  clock.advance(600_000);
  offences.add(eve.node, 'malformed', 'a run');
  assert.equal(offences.isCutOff(eve.node), false);
  for (const banMs of [60_000, 120_000]) {
    offences.add(eve.node, 'forged', 'a signature');
    assert.equal(offences.isCutOff(eve.node), true);
    clock.advance(banMs - 1);
    assert.equal(offences.isCutOff(eve.node), true);
    clock.advance(1);
    assert.equal(offences.isCutOff(eve.node), false);
  }
  assert.deepEqual([cut.length, offences.of(eve.node)?.count], [2, 6]);
});

test('a gate lets so much through at once, and so much a second', () => {
  const gate = new RateGate(10, 20, 0);
  assert.ok(gate.take(20, 0));
  assert.equal(gate.take(1, 50), false);
  assert.ok(gate.take(1, 100));
  assert.ok(gate.take(20, 10_000));
  assert.equal(gate.take(1, 10_000), false);
});
