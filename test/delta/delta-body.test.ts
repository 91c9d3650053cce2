import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId } from '../../src/base/ids.ts';
import { maxAgentChars, maxDeltaBytes, maxProjectBytes } from '../../src/base/limits.ts';
import { decodeCbor, encodeCbor } from '../../src/codec/cbor.ts';
import { nodeIdFromPublicKey } from '../../src/codec/node-id.ts';
import { type Delta, deltaId, deltaPath, deltaTypes, parseDeltaId } from '../../src/delta/delta.ts';
import { decodeDeltaBody, encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { refusesGarbage } from './garbage.ts';

const source = nodeIdFromPublicKey(new Uint8Array(32).fill(7));
const other = nodeIdFromPublicKey(new Uint8Array(32).fill(8));

const sample: Delta = {
  id: deltaId(source, 5),
  source,
  seq: 5,
  time: (2 ** 50) as HlcTime,
  agent: 'claude:ä' as AgentId,
  project: 'github.com/acme/app' as ProjectId,
  type: 'context',
  deps: { [other]: 2 ** 40 },
  payload: { path: 'src/a.ts', nested: { list: [1, -2.5, null, true, 'ö\u0000'] }, empty: {} },
};

describe('the body of a delta', () => {
  it('comes back as it was, for every type', () => {
    for (const type of deltaTypes) {
      const delta = { ...sample, type };
      assert.deepEqual(decodeDeltaBody(encodeDeltaBody(delta)), delta);
    }
    assert.deepEqual(decodeDeltaBody(encodeDeltaBody({ ...sample, deps: {} })).deps, {});
  });

  it('stores no key names of ours and 32 bytes for a node', () => {
    const body = encodeDeltaBody({ ...sample, payload: {}, deps: {} });
    assert.ok(body.length < 32 + 60, String(body.length));
  });

  it('takes fields at their limits and a body of exactly 256 KiB', () => {
    const delta = {
      ...sample,
      seq: Number.MAX_SAFE_INTEGER,
      id: deltaId(source, Number.MAX_SAFE_INTEGER),
      time: Number.MAX_SAFE_INTEGER as HlcTime,
      agent: 'a'.repeat(maxAgentChars) as AgentId,
      project: 'p'.repeat(maxProjectBytes) as ProjectId,
    };
    assert.deepEqual(decodeDeltaBody(encodeDeltaBody(delta)), delta);
    const room =
      maxDeltaBytes - encodeDeltaBody({ ...sample, payload: { text: 'x'.repeat(100_000) } }).length;
    const full = { ...sample, payload: { text: 'x'.repeat(100_000 + room) } };
    assert.equal(encodeDeltaBody(full).length, maxDeltaBytes);
    assert.deepEqual(decodeDeltaBody(encodeDeltaBody(full)), full);
    const over = { ...sample, payload: { text: 'x'.repeat(100_001 + room) } };
    assert.throws(() => encodeDeltaBody(over), { code: 'DELTA_TOO_LARGE' });
  });

  it('refuses each field of the wrong form', () => {
    const fields = decodeCbor(encodeDeltaBody(sample)) as unknown[];
    const wrong: readonly (readonly unknown[])[] = [
      [0, 2, '1', null],
      [new Uint8Array(31), new Uint8Array(33), 'key', null, 7],
      [0, -1, 1.5, '1', 2 ** 53, Number.NaN],
      [-1, 1.5, 'now', 2 ** 53],
      ['', 7, null, 'a'.repeat(maxAgentChars + 1)],
      ['', 7, null, 'p'.repeat(maxProjectBytes + 1), 'ä'.repeat(maxProjectBytes / 2 + 1)],
      [-1, deltaTypes.length, 1.5, 'context', null],
      [null, {}, [1], [new Uint8Array(32)], [new Uint8Array(32), 0], [new Uint8Array(3), 1], ['x', 1]],
      [null, [], 'text', 7, new Uint8Array(3)],
    ];
    assert.equal(wrong.length, fields.length);
    for (const [at, values] of wrong.entries())
      for (const value of values) {
        const body = encodeCbor(fields.map((field, i) => (i === at ? value : field)));
        assert.throws(
          () => decodeDeltaBody(body),
          { code: 'STORE_DAMAGED' },
          `field ${at} = ${String(value)}`,
        );
      }
    for (const shape of [fields.slice(1), [...fields, 1], {}, null, 'x'])
      assert.throws(() => decodeDeltaBody(encodeCbor(shape)), { code: 'STORE_DAMAGED' });
    assert.throws(() => decodeDeltaBody(new Uint8Array(maxDeltaBytes + 1)), { code: 'STORE_DAMAGED' });
  });

  it('refuses garbage with STORE_DAMAGED and nothing else', (t) => {
    refusesGarbage(t, testSeed(), encodeDeltaBody(sample), decodeDeltaBody);
  });

  it('encodes nothing that it would not read back', () => {
    const wrong: readonly Partial<Record<keyof Delta, unknown>>[] = [
      { seq: 0 },
      { time: -1 },
      { agent: '' },
      { agent: 'a'.repeat(maxAgentChars + 1) },
      { project: '' },
      { project: 'ä'.repeat(maxProjectBytes / 2 + 1) },
      { type: 'unknown' },
      { payload: null },
      { payload: [] },
      { deps: { [other]: 0 } },
    ];
    for (const fields of wrong)
      assert.throws(
        () => encodeDeltaBody({ ...sample, ...fields } as Delta),
        { code: 'INVALID_ARGUMENT' },
        JSON.stringify(fields),
      );
    const project = 'ä'.repeat(maxProjectBytes / 2) as ProjectId;
    assert.equal(decodeDeltaBody(encodeDeltaBody({ ...sample, project })).project, project);
  });
});

describe('a delta id', () => {
  it('is made of source and seq, and read back, shortened or whole', () => {
    assert.equal(sample.id, `${source}:5`);
    assert.deepEqual(parseDeltaId(sample.id), { source, seq: 5 });
    assert.deepEqual(parseDeltaId('abcd:17'), { source: 'abcd', seq: 17 });
    for (const text of [
      '',
      ':',
      'abc:1',
      'abcd:0',
      'abcd:-1',
      'abcd:01',
      'abcd:1.5',
      'ab0d:1',
      'abcd:1:1',
      `${'a'.repeat(61)}:1`,
    ])
      assert.equal(parseDeltaId(text), undefined, text);
  });

  it('is exact for every seq that it names', () => {
    const random = seededRandom(3);
    for (let i = 0; i < 200; i++) {
      const seq = random.int(1, Number.MAX_SAFE_INTEGER - 1);
      assert.equal(parseDeltaId(deltaId('abcd' as NodeId, seq))?.seq, seq);
    }
  });
});

describe('the path of a delta', () => {
  it('is a non-empty string of that name, or none', () => {
    assert.equal(deltaPath({ payload: { path: 'a' } }), 'a');
    for (const payload of [{}, { path: '' }, { path: 7 }, { path: null }, { path: ['a'] }])
      assert.equal(deltaPath({ payload }), undefined);
  });
});
