/**
 * Whether a plan goes with a statement or against it, by rules over words and numbers that can be shown: no verdict that has no
 * reason. What the two speak of in common decides whether there is a verdict at all.
 */
import { formatDuration } from '../base/duration.ts';
import { oppositeIn, otherChoice } from './alternatives.ts';
import type { Quantity, Statement } from './statement.ts';

export interface Comparison {
  readonly says: 'agrees' | 'forbids';
  readonly reason: string;
  /** What both speak of. */
  readonly shared: readonly string[];
  /** For the order of the evidence: higher is surer. */
  readonly weight: number;
}

/** @param similarity of the two as sentences, the cosine of their vectors; undefined when there are none. */
export function compareStatements(
  said: Statement,
  plan: Statement,
  similarity: number | undefined,
): Comparison | undefined {
  const shared = [...said.about].filter((meaning) => plan.about.has(meaning));
  const reason = against(said, plan, shared);
  const weight = shared.length + 4 * (similarity ?? 0);
  if (reason !== undefined)
    return isRelated(shared, similarity, 1) ? { says: 'forbids', reason, shared, weight } : undefined;
  if (!isRelated(shared, similarity, 0) || !isSupported(said, plan)) return undefined;
  return { says: 'agrees', reason: `both speak of ${shared.join(', ') || 'the same'}`, shared, weight };
}

/** A rule that turns something down supports a plan that turns it down too, or that does what the rule asks for instead. */
function isSupported(said: Statement, plan: Statement): boolean {
  if (said.denied.size === 0) return true;
  const both = [...said.denied].filter((meaning) => plan.denied.has(meaning));
  const done = [...said.affirmed].filter((meaning) => plan.affirmed.has(meaning));
  return both.length > 0 || done.length >= 2;
}

/** Two texts of one project share a word by chance; by meaning alone nothing is sure. */
function isRelated(shared: readonly string[], similarity: number | undefined, hints: number): boolean {
  if (similarity === undefined) return shared.length + hints >= 3;
  const needed = [0.66, 0.56, 0.3, 0.1][Math.min(shared.length, 3)] ?? 0;
  return similarity >= needed - 0.2 * hints;
}

function against(said: Statement, plan: Statement, shared: readonly string[]): string | undefined {
  const bothTurnDown = [...said.denied].some((meaning) => plan.denied.has(meaning));
  if (!bothTurnDown)
    for (const denial of said.denials) {
      const done = [...denial].filter((meaning) => plan.affirmed.has(meaning));
      // Of much that is turned down a single word may stand anywhere.
      if (done.length > 0 && 2 * done.length >= denial.size) return `it turns down ${done.join(', ')}`;
    }
  const choice = otherChoice(said.affirmed, plan.affirmed);
  if (choice !== undefined) return `it decides on ${choice.decided}, not ${choice.planned}`;
  const opposite = oppositeIn(said.affirmed, plan.affirmed);
  if (opposite !== undefined) return `it says ${opposite.decided}, the text ${opposite.planned}`;
  const omitted = [...plan.omitted].filter((meaning) => said.affirmed.has(meaning));
  if (said.isRule && omitted.length > 0)
    return `it asks for ${omitted.join(', ')}, which the text leaves out`;
  return shared.length > 0 ? (otherPlace(said, plan) ?? otherNumber(said, plan)) : undefined;
}

function otherPlace(said: Statement, plan: Statement): string | undefined {
  const [right] = said.places;
  const [planned] = plan.places;
  if (!said.isExclusive || right === undefined || planned === undefined) return undefined;
  const isKnown = plan.places.some((place) =>
    said.places.some((one) => one.endsWith(place) || place.endsWith(one) || place.startsWith(one)),
  );
  return isKnown ? undefined : `it names ${right} alone, the text ${planned}`;
}

function otherNumber(said: Statement, plan: Statement): string | undefined {
  for (const mine of said.quantities)
    for (const theirs of plan.quantities)
      if (mine.unit === theirs.unit && !plan.quantities.some((one) => fits(mine, one, said.bound)))
        return `it says ${shown(mine)}, the text ${shown(theirs)}`;
  return undefined;
}

function fits(said: Quantity, planned: Quantity, bound: Statement['bound']): boolean {
  if (said.unit !== planned.unit) return false;
  if (bound === 'most') return planned.value <= said.value;
  if (bound === 'least') return planned.value >= said.value;
  return planned.value === said.value;
}

function shown({ value, unit }: Quantity): string {
  return unit === 'ms' ? formatDuration(value) : `${value} ${unit}`;
}
