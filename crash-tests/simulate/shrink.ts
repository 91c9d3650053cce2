import { play } from './play.ts';
import type { Script, TimedAction } from './script.ts';
import type { AgreementClass } from './simulation.ts';

/**
 * Leaves out actions as long as the same invariant is still broken: halves, then smaller parts, then each ("Simplifying and
 * isolating failure-inducing input", Zeller and Hildebrandt 2002). @param mostRuns bounds the time.
 */
export function shrink(script: Script, invariant: string, planted?: AgreementClass, mostRuns = 600): Script {
  let { actions } = script;
  let runs = 0;
  const fails = (tried: readonly TimedAction[]) => {
    runs += 1;
    return play({ ...script, actions: tried }, planted).violations[0]?.invariant === invariant;
  };
  for (let part = Math.ceil(actions.length / 2); part >= 1 && runs < mostRuns; ) {
    let isShorter = false;
    for (let at = 0; at < actions.length && runs < mostRuns; ) {
      const without = [...actions.slice(0, at), ...actions.slice(at + part)];
      if (fails(without)) {
        actions = without;
        isShorter = true;
      } else {
        at += part;
      }
    }
    if (part === 1 && !isShorter) break;
    part = Math.max(1, Math.floor(part / 2));
  }
  return { ...script, actions };
}
