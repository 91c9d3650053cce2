import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../../src/base/ids.ts';
import { genesisHash } from '../../src/delta/delta-frame.ts';
import type { ForeignDelta } from '../../src/delta/foreign-delta.ts';
import { type Fork, Replica } from '../../src/p2p/replica.ts';
import type { Run } from '../../src/p2p/run.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { Identity } from './identity.ts';

const own = new Identity();
const [ann, bob] = [new Identity(), new Identity()];

/** A log in memory that checks what it is given, and refuses when told to. */
class Log {
  readonly stored: ForeignDelta[] = [];
  refuses = false;

  async save(deltas: readonly ForeignDelta[]): Promise<void> {
    if (this.refuses) throw new Error('no room');
    for (const delta of deltas) {
      const before = this.stored.findLast(({ source }) => source === delta.source);
      assert.equal(delta.seq, (before?.seq ?? 0) + 1);
      assert.equal(Buffer.compare(delta.prev, before?.hash ?? genesisHash), 0);
      this.stored.push(delta);
    }
  }

  async heads() {
    return new Map(this.stored.map(({ source, seq, hash }) => [source, { seq, hash }]));
  }
}

function replicaOn(log: Log, forks: Fork[] = [], isDue: (time: number) => boolean = () => true): Replica {
  const isKnown = (source: NodeId) => [own.node, ann.node, bob.node].includes(source);
  return new Replica({ own: own.node, log, isKnown, isDue, onFork: (fork) => forks.push(fork) });
}

/** One run for each delta, chained. */
function runsOf(
  identity: Identity,
  count: number,
  depsOf: (seq: number) => Record<NodeId, number> = () => ({}),
): Run[] {
  const runs: Run[] = [];
  let prev: Uint8Array = genesisHash;
  const scratch = replicaOn(new Log());
  for (let seq = 1; seq <= count; seq += 1) {
    const body = identity.body(seq, { seq }, identity.node, 'custom', depsOf(seq));
    const run = identity.run([body], seq, prev);
    const opened = scratch.check(run);
    assert.ok(typeof opened !== 'string');
    prev = opened[0]?.hash ?? assert.fail();
    runs.push(run);
  }
  return runs;
}

test('takes runs in any order and any number of times, and stores each delta once, behind what it builds on', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const anns = runsOf(ann, 30, (seq) => (seq > 1 ? { [bob.node]: seq - 1 } : {}));
  const bobs = runsOf(bob, 30, (seq) => ({ [ann.node]: seq }));
  for (let round = 0; round < 20; round += 1) {
    const log = new Log();
    const replica = replicaOn(log);
    await replica.begin();
    const twice = [...anns, ...bobs, ...anns, ...bobs]
      .map((run) => [random.next(), run] as const)
      .sort(([a], [b]) => a - b);
    for (const [, run] of twice) assert.notEqual(replica.offer(run), 'invalid');
    await replica.settled();
    assert.equal(log.stored.length, 60, `TEST_SEED=${seed}`);
    assert.equal(replica.heldCount, 0);
    for (const [at, { source, seq }] of log.stored.entries()) {
      const other = source === ann.node ? bob.node : ann.node;
      const needs = source === ann.node ? seq - 1 : seq;
      assert.ok(log.stored.slice(0, at).filter((it) => it.source === other).length >= needs);
    }
  }
});

test('sees that another node has been told something else by a source, and after a restart takes that for a fork', async () => {
  const [first, second] = runsOf(ann, 2) as [Run, Run];
  const other = ann.run([ann.body(1, { other: true })]);
  const [log, otherLog] = [new Log(), new Log()];
  const [replica, liar] = [replicaOn(log), replicaOn(otherLog)];
  assert.equal(replica.offer(first), 'taken');
  assert.equal(liar.offer(other), 'taken');
  await Promise.all([replica.settled(), liar.settled()]);
  assert.deepEqual(replica.contradicted(liar.vector(), liar.heads()), [ann.node]);
  assert.deepEqual(replica.contradicted(replica.vector(), replica.heads()), []);
  // One that has less, or says nothing of it, contradicts nothing.
  assert.deepEqual(replica.contradicted({}, liar.heads()), []);
  assert.deepEqual(replica.contradicted(liar.vector(), {}), []);
  const forks: Fork[] = [];
  const again = replicaOn(log, forks);
  await again.begin();
  assert.equal(again.offer(other), 'fork');
  assert.deepEqual([forks[0]?.source, forks[0]?.seq], [ann.node, 1]);
  assert.equal(again.offer(first), 'duplicate');
  assert.equal(again.offer(second), 'taken');
});

test('tells apart what is false, strange, early, old and forked', async () => {
  const forks: Fork[] = [];
  const log = new Log();
  const replica = replicaOn(log, forks);
  await replica.begin();
  const [first, second, third] = runsOf(ann, 3) as [Run, Run, Run];
  assert.equal(replica.offer({ ...first, signature: undefined }), 'invalid');
  assert.equal(replica.offer({ ...first, signature: second.signature }), 'invalid');
  assert.equal(replica.offer(new Identity().run([ann.body(1, {})], 1, genesisHash, ann.node)), 'invalid');
  const stranger = new Identity();
  assert.equal(replica.offer(stranger.run([stranger.body(1, {})])), 'stranger');
  assert.equal(replica.offer(third), 'gap');
  assert.equal(replica.offer(first), 'taken');
  assert.equal(replica.offer(first), 'duplicate');
  assert.equal(replica.offer(second), 'taken');
  await replica.settled();
  assert.equal(log.stored.length, 3);
  assert.equal(replica.offer(ann.run([ann.body(2, { other: true })], 2, log.stored[0]?.hash)), 'fork');
  assert.equal(replica.offer(own.run([own.body(1, {})])), 'fork');
  replica.offer(ann.run([ann.body(4, {})], 4, Buffer.alloc(32, 1)));
  await replica.settled();
  assert.deepEqual(
    forks.map(({ source, seq }) => [source, seq]),
    [
      [ann.node, 2],
      [ann.node, 3],
    ],
  );
  assert.equal(log.stored.length, 3);
});

test('a log that refuses loses nothing: what it did not take comes again', async () => {
  const log = new Log();
  const replica = replicaOn(log);
  await replica.begin();
  const runs = runsOf(ann, 3);
  log.refuses = true;
  for (const run of runs) replica.offer(run);
  await assert.rejects(replica.settled());
  assert.deepEqual(replica.vector(), {});
  log.refuses = false;
  for (const run of runs) replica.offer(run);
  await replica.settled();
  assert.deepEqual(replica.vector(), { [ann.node]: 3 });
});

test('a delta of tomorrow waits for it, and its source behind it', async () => {
  const log = new Log();
  let isDue = false;
  const replica = replicaOn(log, [], () => isDue);
  await replica.begin();
  for (const run of runsOf(ann, 2)) replica.offer(run);
  await replica.settled();
  assert.equal(log.stored.length, 0);
  isDue = true;
  replica.grew(0);
  await replica.settled();
  assert.equal(log.stored.length, 2);
});

test('goes on behind a floor only with a delta that names it', async () => {
  const log = new Log();
  const replica = replicaOn(log);
  await replica.begin();
  const runs = runsOf(ann, 3);
  const head = { seq: 2, hash: runs[2]?.prev ?? assert.fail() };
  assert.equal(replica.goesOnBehind(ann.node, head), false);
  replica.offer(runs[2] ?? assert.fail());
  assert.equal(replica.goesOnBehind(ann.node, head), true);
  assert.equal(replica.goesOnBehind(ann.node, { ...head, hash: Buffer.alloc(32) }), false);
});
