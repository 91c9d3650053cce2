import { seededRandom } from '../test/support/seed.ts';
import type { Scenario } from './scenario.ts';

/** One round: one scenario with one seed. */
export interface Turn {
  /** 0, 1, 2, … */
  readonly round: number;
  readonly scenario: Scenario;
  readonly seed: number;
}

export interface TurnOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Named on the command line: then each has its turn in each pass, however long it takes. */
  readonly named: boolean;
}

/**
 * Goes through the scenarios again and again, each time in another order, so that a few rounds are a fair sample. The n-th turn of a
 * scenario has the n-th seed: what a scenario does in turns, such as its failpoints, it then does evenly.
 */
export function* turnsOf(
  scenarios: readonly Scenario[],
  { rounds, seed, named }: TurnOptions,
): Generator<Turn> {
  if (scenarios.length === 0) return;
  const taken = new Map<Scenario, number>();
  for (let pass = 0, round = 0; ; pass += 1) {
    const due = scenarios.filter(({ every = 1 }, at) => named || (pass + at) % every === 0);
    for (const scenario of shuffled(due, seed + pass)) {
      if (round === rounds) return;
      const turn = taken.get(scenario) ?? 0;
      taken.set(scenario, turn + 1);
      yield { round, scenario, seed: seed + turn };
      round += 1;
    }
  }
}

function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  const random = seededRandom(seed);
  const drawn = items.map((item) => ({ item, at: random.next() }));
  return drawn.sort((a, b) => a.at - b.at).map(({ item }) => item);
}
