import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxDeltaBytes } from '../../src/base/limits.ts';
import { encodeCbor } from '../../src/codec/cbor.ts';
import { packBatch, unpackBatch } from '../../src/p2p/foreign-batch.ts';
import { readHello, readVector } from '../../src/p2p/hello.ts';
import { maxRunDeltas } from '../../src/p2p/limits.ts';
import { decodeRun, encodeRun, openRun } from '../../src/p2p/run.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { Identity } from './identity.ts';

const ann = new Identity();
const bodies = [1, 2, 3].map((seq) => ann.body(seq, { path: 'src/a.ts', content: `n ${seq}` }));
const run = ann.run(bodies);

test('a run comes back as it was, and its deltas with their chain', () => {
  for (const it of [run, { ...run, signature: undefined }]) {
    const decoded = decodeRun(encodeRun(it));
    assert.ok(decoded);
    assert.deepEqual(decoded.bodies.map(Buffer.from), bodies.map(Buffer.from));
    assert.deepEqual([decoded.source, decoded.firstSeq], [ann.node, 1]);
    assert.equal(decoded.signature === undefined, it.signature === undefined);
  }
  const deltas = openRun(run) ?? [];
  assert.deepEqual(
    deltas.map(({ seq }) => seq),
    [1, 2, 3],
  );
  assert.deepEqual(deltas[1]?.prev, deltas[0]?.hash);
  assert.deepEqual(
    deltas.map(({ signature }) => signature !== undefined),
    [false, false, true],
  );
  for (const [at, delta] of unpackBatch(packBatch(deltas)).entries()) {
    const { deps: _, ...expected } = deltas[at] ?? assert.fail();
    for (const part of ['body', 'prev', 'hash'] as const)
      assert.equal(Buffer.compare(delta[part], expected[part]), 0);
    assert.deepEqual([delta.source, delta.seq, delta.time], [expected.source, expected.seq, expected.time]);
    assert.equal(delta.signature === undefined, expected.signature === undefined);
  }
});

test('a run over a limit, cut anywhere or changed in its frame is none', () => {
  const whole = encodeRun(run);
  for (let length = 0; length < whole.length; length += 1)
    assert.equal(decodeRun(whole.subarray(0, length)), undefined);
  assert.equal(decodeRun(Buffer.concat([whole, Buffer.of(0)])), undefined);
  const body = Buffer.alloc(1, 1);
  assert.ok(decodeRun(encodeRun({ ...run, bodies: new Array(maxRunDeltas).fill(body) })));
  assert.equal(decodeRun(encodeRun({ ...run, bodies: new Array(maxRunDeltas + 1).fill(body) })), undefined);
  assert.equal(decodeRun(encodeRun({ ...run, bodies: [] })), undefined);
  assert.equal(decodeRun(encodeRun({ ...run, bodies: [Buffer.alloc(maxDeltaBytes + 1)] })), undefined);
  for (const firstSeq of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.equal(decodeRun(encodeRun({ ...run, firstSeq })), undefined);
});

test('garbage is no run, and a run of garbage has no deltas', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const whole = encodeRun(run);
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(whole);
    for (let hits = random.int(1, 4); hits > 0; hits -= 1)
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    const decoded = decodeRun(bytes);
    // Whatever it is, it is told apart without an exception; a changed body changes the hash.
    if (decoded !== undefined) openRun(decoded);
  }
  for (const body of [Buffer.alloc(100_000, 0x81), encodeCbor({}), Buffer.alloc(0), Buffer.of(0xff)])
    assert.equal(openRun(ann.run([body])), undefined, `TEST_SEED=${seed}`);
});

test('a run whose deltas say something else, or belong in no log, has no deltas', () => {
  const bob = new Identity();
  assert.equal(openRun(ann.run([ann.body(2, {})], 1)), undefined);
  assert.equal(openRun(ann.run([bob.body(1, {})])), undefined);
  assert.equal(openRun(ann.run([ann.body(1, {}, ann.node, 'agent_status')])), undefined);
  let deep: Record<string, unknown> = {};
  for (let level = 0; level < 70; level += 1) deep = { deep };
  assert.equal(openRun(ann.run([ann.body(1, deep)])), undefined);
});

test('a hello is read within its limits or not at all', () => {
  const hello = {
    vector: { [ann.node]: 3 },
    digest: 'd',
    version: '1',
    main: ['/ip4/1.2.3.4/tcp/1'],
    door: [],
  };
  assert.deepEqual(readHello(hello, 'c'), { ...hello, records: [], places: {} });
  const place = { main: ['/ip4/1.2.3.4/tcp/2'], door: [] };
  const told = { [ann.node]: { ...place, more: 1 }, nobody: place };
  assert.deepEqual(readHello({ ...hello, places: told }, 'c'), {
    ...hello,
    records: [],
    places: { [ann.node]: place },
  });
  for (const places of [5, 'x', { [ann.node]: 5 }, { [ann.node]: { main: [5, 'y'.repeat(301)] } }]) {
    const read = readHello({ ...hello, places }, 'c');
    assert.ok(typeof read === 'object' && Object.values(read.places).every(({ main }) => main.length === 0));
  }
  for (const wrong of [
    null,
    5,
    [],
    {},
    { ...hello, vector: { x: 1 } },
    { ...hello, digest: 1 },
    { ...hello, records: 5 },
  ])
    assert.equal(readHello(wrong, 'c'), undefined);
  assert.equal(readHello({ ...hello, records: [{ kind: 'add' }] }, 'c'), 'forged');
  for (const seq of [-1, 1.5, '1', Number.MAX_VALUE])
    assert.equal(readVector({ [ann.node]: seq }), undefined);
});
