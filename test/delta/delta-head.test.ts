import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, ProjectId } from '../../src/base/ids.ts';
import { encodeCbor } from '../../src/codec/cbor.ts';
import { nodeIdFromPublicKey, publicKeyFromNodeId } from '../../src/codec/node-id.ts';
import { type Delta, deltaId, deltaPath, deltaTypes } from '../../src/delta/delta.ts';
import { decodeDeltaBody, encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { readDeltaHead } from '../../src/delta/delta-head.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const nodes = [7, 8, 9].map((byte) => nodeIdFromPublicKey(new Uint8Array(32).fill(byte)));
const [source] = nodes;
assert(source !== undefined);

/** Text with everything that JavaScript allows: half surrogate pairs, NUL, combining marks. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);
const payloads = fc.oneof(
  fc.dictionary(text, fc.jsonValue(), { noNullPrototype: true }),
  fc.record({ path: fc.oneof(text, fc.jsonValue()), content: text, deep: fc.jsonValue() }),
) as fc.Arbitrary<Record<string, unknown>>;

const deltas: fc.Arbitrary<Delta> = fc
  .record({
    source: fc.constantFrom(...nodes),
    seq: fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.maxSafeNat().filter((seq) => seq > 0),
    ),
    time: fc.maxSafeNat().map((time) => time as HlcTime),
    agent: fc.string({ minLength: 1, maxLength: 20 }).map((agent) => agent as AgentId),
    project: text.filter((it) => it !== '' && it.length < 300).map((project) => project as ProjectId),
    type: fc.constantFrom(...deltaTypes),
    deps: fc.dictionary(fc.constantFrom(...nodes), fc.integer({ min: 1 }), { noNullPrototype: true }),
    payload: payloads,
  })
  .map((fields) => ({ ...fields, id: deltaId(fields.source, fields.seq) }));

function headByDecoding(body: Uint8Array) {
  const delta = decodeDeltaBody(body);
  const { seq, time, project, type } = delta;
  return { source: delta.source, seq, time, project, type, path: deltaPath(delta) };
}

describe('the head of a delta', () => {
  it('is what decoding the whole body gives, whatever is in it', () => {
    fc.assert(
      fc.property(deltas, (delta) => {
        const body = encodeDeltaBody(delta);
        assert.deepEqual(readDeltaHead(body), headByDecoding(body));
      }),
      { numRuns: 2000, seed: testSeed() },
    );
  });

  it('is right for bodies that others wrote in another way, and damage is damage', () => {
    const random = seededRandom(testSeed());
    const fields = [
      1,
      publicKeyFromNodeId(source),
      5,
      2 ** 50,
      'a',
      'p',
      0,
      [],
      { path: 'src/a.ts', n: [1, { a: 1.5 }] },
    ];
    const whole = Buffer.from(encodeCbor(fields));
    // A map of one entry more, which is the path once more: the last one counts.
    const twice = Buffer.concat([whole, Buffer.from('6470617468627a7a', 'hex')]);
    const map = twice.indexOf(Buffer.from('a26470617468', 'hex'));
    twice[map] = 0xa3;
    assert.equal(readDeltaHead(twice).path, 'zz');
    assert.deepEqual(readDeltaHead(twice), headByDecoding(twice));
    for (let turn = 0; turn < 20_000; turn += 1) {
      const changed = Buffer.from(whole.subarray(0, random.int(1, whole.length)));
      const at = random.int(0, changed.length - 1);
      changed[at] = random.int(0, 255);
      let expected: unknown;
      try {
        expected = headByDecoding(changed);
      } catch {
        // Nobody stores what does not decode: here it only must not hang, or throw what is no error of ours.
        try {
          readDeltaHead(changed);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'STORE_DAMAGED', String(error));
        }
        continue;
      }
      assert.deepEqual(readDeltaHead(changed), expected, changed.toString('hex'));
    }
  });
});
