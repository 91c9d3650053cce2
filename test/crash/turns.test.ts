import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Scenario } from '../../crash-tests/scenario.ts';
import { scenarios } from '../../crash-tests/scenarios.ts';
import { type Turn, turnsOf } from '../../crash-tests/turns.ts';

const scenario = (name: string, every?: number): Scenario => ({
  name,
  about: name,
  ...(every === undefined ? {} : { every }),
  run: () => Promise.resolve(),
});
const short = ['a', 'b', 'c', 'd'].map((name) => scenario(name));

function namesOf(turns: Iterable<Turn>): readonly string[] {
  return [...turns].map((turn) => turn.scenario.name);
}

describe('the turns of the scenarios', () => {
  it('give each scenario one round before any has a second, and number the rounds', () => {
    const turns = [...turnsOf(short, { rounds: 12, seed: 7, named: false })];
    assert.deepEqual(
      turns.map(({ round }) => round),
      Array.from({ length: 12 }, (_, round) => round),
    );
    for (const from of [0, 4, 8])
      assert.deepEqual(namesOf(turns.slice(from, from + 4)).toSorted(), ['a', 'b', 'c', 'd']);
  });

  it('give the n-th round of a scenario the n-th seed, however many scenarios there are', () => {
    const turns = [...turnsOf(short, { rounds: 12, seed: 7, named: false })];
    for (const { name } of short) {
      const seeds = turns.filter((turn) => turn.scenario.name === name).map(({ seed }) => seed);
      assert.deepEqual(seeds, [7, 8, 9]);
    }
  });

  it('go in another order in each pass, the same for the same seed', () => {
    const names = (seed: number) => namesOf(turnsOf(scenarios, { rounds: 200, seed, named: false }));
    assert.deepEqual(names(1), names(1));
    assert.notDeepEqual(names(1), names(2));
  });

  it('are fewer for a scenario that takes long, unless it was named', () => {
    const all = [...short, scenario('long', 3)];
    const count = (named: boolean) =>
      namesOf(turnsOf(all, { rounds: 130, seed: 1, named })).filter((name) => name === 'long').length;
    assert.equal(count(false), 10);
    assert.equal(count(true), 26);
  });

  it('reach every scenario within a thousand rounds, each of them several times', () => {
    const counts = new Map<string, number>();
    for (const name of namesOf(turnsOf(scenarios, { rounds: 1000, seed: 1, named: false })))
      counts.set(name, (counts.get(name) ?? 0) + 1);
    assert.deepEqual(
      scenarios.filter(({ name }) => (counts.get(name) ?? 0) < 2).map(({ name }) => name),
      [],
    );
    assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length, 'names are unique');
  });
});
