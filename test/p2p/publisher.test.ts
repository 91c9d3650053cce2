/** What is told of this node's own deltas: from a real log, and from what the main thread hands over. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { verifyHash } from '../../src/delta/delta-frame.ts';
import type { LogRecord } from '../../src/delta/log-record.ts';
import { gossipPauseMs, maxGossipDeltas } from '../../src/p2p/limits.ts';
import { type OwnDeltas, ownDeltas } from '../../src/p2p/own-deltas.ts';
import { Publisher } from '../../src/p2p/publisher.ts';
import { openRun, type Run } from '../../src/p2p/run.ts';
import { publicKeyObject } from '../../src/store/delta-intake.ts';
import { append, openParts, own, type Parts, sign } from '../store/log-fixture.ts';
import { Author } from '../store/store-fixture.ts';
import { eventually } from './cluster-fixture.ts';

/** A publisher over a log, whose generation a test may raise, and whose reads it may count, hold up and let fail. */
class Desk {
  readonly runs: Run[] = [];
  readonly troubles: unknown[] = [];
  readonly publisher: Publisher;
  readonly #parts: Parts;
  readonly #author = new Author(own);
  generation = 1;
  reads = 0;
  announcements = 0;
  knownSeq = 0;
  beforeRead: () => Promise<void> = async () => {};

  private constructor(parts: Parts, toldSeq: number) {
    this.#parts = parts;
    this.publisher = new Publisher(
      {
        log: {
          read: async (work) => {
            this.reads += 1;
            await this.beforeRead();
            return work(parts.reader, this.generation);
          },
        },
        signer: { own: own.id, sign },
        replica: {
          grew: (seq) => {
            this.knownSeq = seq;
          },
          remember: () => {},
        },
        tell: async (run) => {
          this.runs.push(run);
        },
        announce: () => {
          this.announcements += 1;
        },
        onTrouble: (error) => this.troubles.push(error),
      },
      toldSeq,
    );
  }

  static async open(t: TestContext, toldSeq = 0): Promise<Desk> {
    const desk = new Desk(await openParts(t), toldSeq);
    t.after(() => desk.publisher.close());
    return desk;
  }

  /** Writes deltas into the log. */
  write(count = 1): readonly LogRecord[] {
    return append(
      this.#parts,
      Array.from({ length: count }, () => this.#author.own()),
    );
  }

  handOver(records: readonly LogRecord[]): void {
    const found = ownDeltas(records, this.generation);
    assert.ok(found);
    this.publisher.grew(found);
  }

  /** Writes them and hands them over; resolves once the others could know. */
  async share(count = 1): Promise<void> {
    this.handOver(this.write(count));
    await this.told();
  }

  told(): Promise<boolean> {
    return eventually('all is told', async () => this.knownSeq === this.#author.seq);
  }

  /** What was told follows without a gap, is what the log says, and is signed. */
  assertTold(from: number, to: number): void {
    const seqs: number[] = [];
    for (const run of this.runs) {
      const deltas = openRun(run) ?? assert.fail('a run that does not open');
      const last = deltas.at(-1) ?? assert.fail('an empty run');
      assert.ok(run.signature && verifyHash(last.hash, run.signature, publicKeyObject(own.id)));
      for (const { seq, prev } of deltas) {
        const [inLog] = [...this.#parts.reader.recordsOf(own.id, seq - 1)];
        assert.deepEqual([inLog?.seq, Buffer.from(inLog?.prev ?? [])], [seq, Buffer.from(prev)]);
        seqs.push(seq);
      }
    }
    assert.deepEqual(
      seqs,
      Array.from({ length: to - from + 1 }, (_, at) => from + at),
    );
  }
}

test('reads the log once, and then tells what is handed over', async (t) => {
  const desk = await Desk.open(t);
  for (let at = 0; at < 5; at += 1) await desk.share(at + 1);
  assert.equal(desk.reads, 1);
  desk.assertTold(1, 15);
  assert.equal(desk.announcements, 0);
});

test('begins behind what was there before', async (t) => {
  const desk = await Desk.open(t, 3);
  desk.write(3);
  await desk.share();
  await desk.share();
  desk.assertTold(4, 5);
});

test('reads the log again when the stores were replaced, and when something is missing in between', async (t) => {
  const desk = await Desk.open(t);
  await desk.share();
  await desk.share();
  assert.equal(desk.reads, 1);
  desk.generation = 2;
  await desk.share();
  assert.equal(desk.reads, 2);
  desk.write(2);
  await desk.share();
  assert.equal(desk.reads, 3);
  await desk.share();
  assert.equal(desk.reads, 3);
  desk.assertTold(1, 7);
});

test('tells once what arrives while the log is read', async (t) => {
  const desk = await Desk.open(t);
  let go: () => void = () => {};
  desk.beforeRead = () => new Promise((resolve) => (go = resolve));
  const first = desk.write();
  desk.handOver(first);
  await eventually('the log is read', async () => desk.reads === 1);
  const [second, third] = [desk.write(2), desk.write(2)];
  desk.handOver(second);
  desk.handOver(third);
  go();
  await desk.told();
  await new Promise((resolve) => setTimeout(resolve, 3 * gossipPauseMs));
  desk.beforeRead = async () => {};
  await desk.share();
  assert.equal(desk.reads, 1);
  desk.assertTold(1, 6);
});

test('leaves bulk to the others to ask for, and tells what comes behind it', async (t) => {
  const desk = await Desk.open(t);
  await desk.share();
  await desk.share(maxGossipDeltas + 1);
  assert.deepEqual([desk.announcements, desk.runs.length], [1, 1]);
  // The first is told at once, and what comes in the pause behind it is more than one message carries.
  const many = [1, ...Array.from({ length: 3 }, () => maxGossipDeltas / 2)].map((count) => desk.write(count));
  for (const records of many) desk.handOver(records);
  await desk.told();
  assert.deepEqual([desk.announcements, desk.runs.length], [2, 2]);
  desk.runs.length = 0;
  await desk.share();
  const next = maxGossipDeltas + 1 + (3 * maxGossipDeltas) / 2 + 3;
  desk.assertTold(next, next);
});

test('goes on from the log once it can be read again', async (t) => {
  const desk = await Desk.open(t);
  desk.beforeRead = () => Promise.reject(new Error('no file'));
  desk.handOver(desk.write());
  await eventually('the trouble is told', async () => desk.troubles.length === 1);
  desk.beforeRead = async () => {};
  desk.handOver(desk.write());
  await desk.told();
  desk.assertTold(1, 2);
});

test('what the main thread hands over is copied, and too much of it is left to the log', async (t) => {
  const desk = await Desk.open(t);
  const [record] = desk.write();
  assert.ok(record);
  const pool = new Uint8Array(1_000_000);
  pool.set(record.body, 1000);
  const view = { ...record, body: pool.subarray(1000, 1000 + record.body.length) };
  const given = ownDeltas([view], 7) as OwnDeltas;
  assert.equal(given.bodies[0]?.buffer.byteLength, record.body.length);
  assert.deepEqual([given.generation, given.firstSeq], [7, 1]);
  assert.equal(ownDeltas([], 7), undefined);
  assert.deepEqual(ownDeltas(undefined, 7)?.bodies, []);
  const many = Array.from({ length: maxGossipDeltas + 1 }, () => record);
  assert.deepEqual(ownDeltas(many, 7)?.bodies, []);
  const large = { ...record, body: new Uint8Array(40_000) };
  assert.equal(ownDeltas([large], 7)?.bodies.length, 1);
  assert.deepEqual(ownDeltas([large, large], 7)?.bodies, []);
});
