/** A short round of `npm run simulate`, and whether its judge finds what is planted. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findBug, withBug } from '../../crash-tests/simulate/plant.ts';
import { play } from '../../crash-tests/simulate/play.ts';
import { protocolBugs } from '../../crash-tests/simulate/protocol-bugs.ts';
import { drawScript } from '../../crash-tests/simulate/script.ts';
import { shrink } from '../../crash-tests/simulate/shrink.ts';
import { decodeMessage, encodeMessage } from '../../src/agreement/message-codec.ts';
import { testSeed } from '../support/seed.ts';

/** Runs of the short round; each is about half a minute in a cluster of up to seven nodes. */
const runs = 150;
/** Seeds tried for a bug here, from the one at which it was found; `npm run simulate -- --planted` tries more, from 1. */
const seedsHere = 20;

describe('the agreement, simulated', () => {
  const first = (testSeed() % 1_000_000) + 1;

  it(`keeps I1 to I7 in ${runs} runs from seed ${first}: npm run simulate -- --seed N repeats one`, () => {
    let grants = 0;
    for (let seed = first; seed < first + runs; seed += 1) {
      const played = play(drawScript(seed));
      assert.deepEqual(played.violations, [], `npm run simulate -- --seed ${seed}`);
      grants += played.grants;
    }
    assert.ok(grants > 5 * runs, `only ${grants} grants: the runs show nothing`);
  });

  it('is the same when every message travels as bytes', () => {
    for (let seed = first; seed < first + 10; seed += 1) {
      const plain = play(drawScript(seed));
      const coded = play(drawScript(seed), undefined, {
        pass: (message) => decodeMessage(encodeMessage(message)),
      });
      assert.deepEqual(coded, plain, `seed ${seed}`);
    }
  });

  it('repeats a run exactly', () => {
    const trace = () => {
      const lines: string[] = [];
      play(drawScript(first), undefined, { trace: (line) => lines.push(line()) });
      return lines;
    };
    assert.deepEqual(trace(), trace());
  });

  it('cuts a failing run down to the actions that it needs', async () => {
    const bug = protocolBugs.find(({ name }) => name === 'the fence is taken from a counter of the node');
    assert.ok(bug !== undefined);
    await withBug(bug, (planted) => {
      const script = drawScript(1, { faults: bug.under });
      const violation = play(script, planted).violations[0];
      assert.equal(violation?.invariant, 'I2');
      const short = shrink(script, 'I2', planted);
      assert.ok(
        short.actions.length <= 6,
        `${short.actions.length} of ${script.actions.length} actions are left`,
      );
      assert.equal(play(short, planted).violations[0]?.invariant, 'I2');
    });
  });
});

describe('planted protocol bugs', () => {
  for (const bug of protocolBugs)
    it(`are found within ${seedsHere} seeds: ${bug.name}`, async () => {
      const found = await findBug(bug, seedsHere, bug.firstSeed);
      assert.ok(found !== undefined, 'npm run simulate -- --planted says from which seed on it is');
    });

  it('are what breaks the runs that are written for them', () => {
    for (const { name, script } of protocolBugs)
      if (script !== undefined) assert.deepEqual(play(script).violations, [], name);
  });

  it('are not planted when their text is not there', async () => {
    const [bug] = protocolBugs;
    assert.ok(bug !== undefined);
    const edits = bug.edits.map((edit) => ({ ...edit, replace: 'a text that stands nowhere' }));
    await assert.rejects(findBug({ ...bug, edits }, 1), /cannot be planted: its text stands 0 times/);
  });
});
