import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PeerSide, peersConverge } from '../../crash-tests/peer-checks.ts';
import type { DeltaView } from '../../src/control/results.ts';
import { delta } from './sound-case.ts';

const other = '12D3KooWOther';
const acknowledged = { path: 'src/a.ts', content: 'content 2', durability: 'committed' as const, life: 0 };

/** Of another node, and built on the first two deltas of the first. */
function built(position: number): DeltaView {
  return { ...delta(1), id: `${other}:1`, source: other, position, deps: { [delta(1).source]: 2 } };
}

/** Two logs of the same deltas, each in an order of its own. */
function sound(): { ann: PeerSide; bob: PeerSide } {
  const ann = { name: 'ann', deltas: [delta(1), delta(2), delta(3), built(4)] };
  const bob = { name: 'bob', deltas: [delta(1), delta(2), { ...delta(3), position: 4 }, built(3)] };
  const history = { acknowledged: [{ id: delta(2).id, ...acknowledged }] };
  return { ann: { ...ann, history }, bob: { ...bob, history: { acknowledged: [] } } };
}

describe('the check that peers converge', () => {
  it('finds nothing wrong with logs of one content in different orders', () => {
    const { ann, bob } = sound();
    assert.deepEqual(peersConverge([ann, bob]), []);
  });

  const without = (side: PeerSide, id: string) => ({
    ...side,
    deltas: side.deltas.filter((one) => one.id !== id),
  });
  const bugs: Readonly<
    Record<string, { spoil: (it: ReturnType<typeof sound>) => PeerSide[]; says: RegExp }>
  > = {
    'one lacks a delta of the other': {
      spoil: ({ ann, bob }) => [ann, without(bob, delta(3).id)],
      says: /^G8: bob lacks 12D3KooWSample:3$/,
    },
    'what was acknowledged is on none': {
      spoil: ({ ann, bob }) => [without(ann, delta(2).id), without(bob, delta(2).id)],
      says: /^G8: 12D3KooWSample:2, committed, is on no node$/,
    },
    'one has another content': {
      spoil: ({ ann, bob }) => [
        ann,
        { ...bob, deltas: bob.deltas.map((one) => (one.seq === 3 ? { ...one, prev: 'another' } : one)) },
      ],
      says: /^G8: bob has another 12D3KooWSample:3$/,
    },
    'one has a delta twice': {
      spoil: ({ ann, bob }) => [ann, { ...bob, deltas: [...bob.deltas, { ...delta(3), position: 5 }] }],
      says: /^G8: bob has deltas twice$/,
    },
    'one stands before what it builds on': {
      spoil: ({ ann, bob }) => [ann, { ...bob, deltas: [...bob.deltas.slice(0, 3), built(0)] }],
      says: /^G8: on bob 12D3KooWOther:1 stands before 12D3KooWSample:2, on which it builds$/,
    },
  };
  for (const [name, { spoil, says }] of Object.entries(bugs)) {
    it(`finds that ${name}`, () => {
      const problems = peersConverge(spoil(sound()));
      assert.ok(
        problems.some((problem) => says.test(problem)),
        problems.join('\n'),
      );
    });
  }
});
