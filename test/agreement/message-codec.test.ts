import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Body, BodyKind, BodyOf, Message, PlacedWireClaim } from '../../src/agreement/message.ts';
import { decodeMessage, encodeMessage, maxMessageBytes } from '../../src/agreement/message-codec.ts';
import type { Obstacle } from '../../src/agreement/outcome.ts';
import { CollabError } from '../../src/base/errors.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { LockId, NodeId } from '../../src/base/ids.ts';
import { encodeCbor } from '../../src/codec/cbor.ts';
import { claim as claimOf, target } from '../lock/lock-fixture.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const id = 'L1' as LockId;
const node = 'node-00' as NodeId;
const claim: PlacedWireClaim = {
  ...claimOf('alice', ['src/a.ts:3-9', 'src/**'], { priority: -1, contentHash: 'sha256:1' }),
  id,
  stamp: 77 as HlcTime,
  waits: true,
};
const obstacle: Obstacle = {
  id,
  node,
  agent: claim.agent,
  agentName: 'Alice',
  intention: 'renames a function',
  mode: 'exclusive',
  target: target('src/a.ts#function:login'),
  overlap: 'partial',
  state: 'granted',
  assurance: 'cluster',
  remainingMs: 1234.5,
};
const entry = {
  claim,
  node,
  boot: 3,
  granted: true,
  assurance: 'local',
  fence: 2048,
  remainingMs: 17,
} as const;

/** One of each kind: one that is added without a sample does not compile. */
const samples: { readonly [K in BodyKind]: Omit<BodyOf<K>, 'kind'> } = {
  heartbeat: { ready: true },
  claim: { claim, attempt: 2, yields: 1 },
  promise: { id, attempt: 2, yields: 1, promisedRound: 9 },
  refuse: { id, attempt: 1, reason: 'deadlock', obstacle, cycle: [obstacle, obstacle] },
  raise: { id, to: 10 },
  raised: { id, to: 10 },
  inquire: { id, why: 'verify' },
  yield: { id, yields: 2 },
  keep: { batch: 5, recheck: false, leases: [{ id, fence: 3, assurance: 'cluster', remainingMs: 5, claim }] },
  kept: { batch: 5, unknown: [id], refused: [{ id, verdict: 'lost', winner: obstacle }] },
  end: { ids: [id] },
  lost: { id, winner: obstacle },
  force: { request: 1, id, by: 'a person', reason: 'in the way' },
  forced: { request: 1, done: true },
  prepare: { ballot: 256 },
  prepared: {
    ballot: 256,
    vote: { ballot: 255, members: [node], departed: true },
    forgetful: false,
    departed: false,
    entries: [entry],
  },
  accept: { ballot: 256, members: [node], departed: false },
  accepted: { ballot: 256 },
  outvoted: { ballot: 256, promised: 512 },
  view: { view: { epoch: 4, members: [node], departed: false }, entries: [entry] },
  'ask-view': {},
};

const messages = Object.entries(samples).map(
  ([kind, body]): Message => ({
    epoch: 4,
    boot: 16_385,
    round: 16_400,
    time: 99 as HlcTime,
    body: { kind, ...body } as Body,
  }),
);

function refuses(raw: unknown): void {
  const bytes = raw instanceof Uint8Array ? raw : encodeCbor(raw);
  assert.throws(
    () => decodeMessage(bytes),
    (error) => error instanceof CollabError && /^INVALID_(ARGUMENT|PATH)$/.test(error.code),
  );
}

describe('a message of a member', () => {
  for (const message of messages)
    it(`comes back as it was sent: ${message.body.kind}`, () => {
      assert.deepEqual(decodeMessage(encodeMessage(message)), message);
    });

  it('comes back without what was left out', () => {
    const message: Message = {
      ...(messages[0] as Message),
      body: { kind: 'refuse', id, attempt: 1, reason: 'unready' },
    };
    assert.deepEqual(decodeMessage(encodeMessage(message)), message);
  });

  it('is refused over its limits', () => {
    const head = [1, 4, 1, 1, 1];
    refuses(new Uint8Array(maxMessageBytes + 1));
    refuses([...head, 99, []]);
    refuses([2, ...head.slice(1), 0, [true]]);
    refuses([1, -1, 1, 1, 1, 0, [true]]);
    refuses([1, 2 ** 60, 1, 1, 1, 0, [true]]);
    refuses([...head, 0, []]);
    refuses([...head, 0, [1]]);
    refuses([...head, 10, [Array.from({ length: 20_001 }, () => 'L')]]);
    refuses([...head, 10, [['x'.repeat(201)]]]);
    refuses([...head, 16, [1, Array.from({ length: 257 }, (_, at) => `n${at}`), false]]);
    refuses([...head, 1, [['L', 1, true, { agent: 'a', targets: [], intention: 'x' }], 1, 0]]);
  });

  it('is refused with a claim that the lock table would not take', () => {
    for (const change of [{ path: '../x' }, { path: 'a//b' }, { project: '' }, { path: '{a,b}'.repeat(9) }]) {
      const wrong = {
        ...claim,
        targets: [{ ...target('src/a.ts'), ...change }],
      } as unknown as PlacedWireClaim;
      refuses(
        encodeMessage({
          ...(messages[0] as Message),
          body: { kind: 'claim', claim: wrong, attempt: 1, yields: 0 },
        }),
      );
    }
  });

  it('is a message or one kind of error, whatever bytes arrive', (t: TestContext) => {
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    let refused = 0;
    for (let round = 0; round < 8000; round += 1) {
      const bytes = Uint8Array.from(encodeMessage(random.pick(messages)));
      for (let flips = random.int(1, 6); flips > 0; flips -= 1)
        bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      const cut = random.chance(0.2) ? bytes.subarray(0, random.int(0, bytes.length)) : bytes;
      try {
        decodeMessage(cut);
      } catch (error) {
        const isKnown = error instanceof CollabError && /^INVALID_(ARGUMENT|PATH)$/.test(error.code);
        assert.ok(isKnown, `TEST_SEED=${seed} ${Buffer.from(cut).toString('hex')} gave ${String(error)}`);
        refused += 1;
      }
    }
    assert.ok(refused > 2000, `only ${refused} were refused`);
  });
});
