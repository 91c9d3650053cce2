import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeId } from '../../src/base/ids.ts';
import {
  compareVectors,
  covers,
  mergeVectors,
  seqOf,
  type VersionVector,
} from '../../src/delta/version-vector.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/seed.ts';

const vector = (text: string): VersionVector =>
  Object.fromEntries(
    text
      .split(' ')
      .filter(Boolean)
      .map((entry) => [entry[0], Number(entry.slice(1))]),
  ) as VersionVector;

describe('a version vector', () => {
  it('compares as the partial order of vectors', () => {
    for (const [a, b, order] of [
      ['', '', 'equal'],
      ['a1', 'a1', 'equal'],
      ['a0', '', 'equal'],
      ['a1', 'a2', 'before'],
      ['', 'a2', 'before'],
      ['a2 b1', 'a2', 'after'],
      ['a1 b2', 'a2 b1', 'concurrent'],
      ['a1', 'b1', 'concurrent'],
    ] as const) {
      assert.equal(compareVectors(vector(a), vector(b)), order, `${a} | ${b}`);
    }
  });

  it('counts a source that is not in it as 0, whatever objects inherit', () => {
    assert.equal(seqOf(vector('a3'), 'b' as NodeId), 0);
    assert.equal(seqOf(vector('a3'), 'toString' as NodeId), 0);
    assert.equal(seqOf(vector('a3'), '__proto__' as NodeId), 0);
    assert.ok(covers(vector('a3'), 'a' as NodeId, 3));
    assert.equal(covers(vector('a3'), 'a' as NodeId, 4), false);
  });

  it('merges to the least vector that covers both', (t) => {
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const pick = (from: SeededRandom) =>
      vector(
        [...'abcd']
          .filter(() => from.chance(0.7))
          .map((s) => s + from.int(1, 4))
          .join(' '),
      );
    for (let round = 0; round < 500; round++) {
      const [a, b] = [pick(random), pick(random)];
      const merged = mergeVectors(a, b);
      for (const part of [a, b]) assert.ok(['equal', 'before'].includes(compareVectors(part, merged)));
      for (const source of Object.keys(merged) as NodeId[])
        assert.equal(seqOf(merged, source), Math.max(seqOf(a, source), seqOf(b, source)));
      const opposite = {
        before: 'after',
        after: 'before',
        equal: 'equal',
        concurrent: 'concurrent',
      } as const;
      assert.equal(compareVectors(b, a), opposite[compareVectors(a, b)]);
    }
  });
});
