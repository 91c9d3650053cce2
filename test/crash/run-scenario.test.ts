import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Round } from '../../crash-tests/round.ts';
import { runScenario } from '../../crash-tests/run-scenario.ts';

/** Runs a scenario of which only its end matters. */
async function runOne(run: (round: Round) => Promise<void>) {
  const kept: string[] = [];
  const order: string[] = [];
  let directory = '';
  const scenario = {
    name: 'sample',
    about: 'a sample',
    run: (round: Round) => {
      directory = round.directory;
      round.onEnd(() => {
        order.push('undone');
      });
      return run(round);
    },
  };
  const outcome = await runScenario(scenario, 5, 'built', (name, round) => {
    assert.ok(existsSync(round.directory), 'what is to be kept is there');
    kept.push(name);
    order.push('kept');
  });
  return { outcome, kept, order, directory };
}

describe('a round', () => {
  it('keeps nothing when it passes', async () => {
    const { outcome, kept, directory } = await runOne(async () => {});
    assert.deepEqual(outcome.problems, []);
    assert.deepEqual(kept, []);
    assert.ok(!existsSync(directory));
  });

  it('keeps its evidence when something was wrong, and then takes back what it did to the machine', async () => {
    const { outcome, kept, order, directory } = await runOne(async (round) => {
      round.problems.push('G1: lost');
    });
    assert.deepEqual(outcome.problems, ['G1: lost']);
    assert.deepEqual(kept, ['sample-5']);
    assert.deepEqual(order, ['kept', 'undone']);
    assert.ok(!existsSync(directory));
  });

  it('fails when its scenario throws, also when that is no error', async () => {
    for (const thrown of [new Error('boom'), 'boom']) {
      const { outcome, kept, order } = await runOne(() => Promise.reject(thrown));
      assert.match(String(outcome.problems[0]), /boom/);
      assert.deepEqual(kept, ['sample-5']);
      assert.deepEqual(order, ['kept', 'undone']);
    }
  });
});
