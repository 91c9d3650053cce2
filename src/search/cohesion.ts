/**
 * Whether what an agent is about to do, or has done, fits what others shared: a verdict with its evidence. By words alone, so it is
 * careful: a conflict needs a shared context that forbids, in one sentence, what the text speaks of; agreement needs several words
 * in common; all else is uncertain.
 */
import type { ContextSearch, SearchHit, SearchQuery } from './context-search.ts';
import { wordsOf } from './words.ts';

export interface Passage {
  readonly id: string;
  readonly path: string;
  readonly agent: string;
  /** The sentence that tells, as it stands there. */
  readonly passage: string;
  /** The words that it shares with the text. */
  readonly shared: readonly string[];
  readonly says: 'forbids' | 'agrees';
}

export interface Cohesion {
  readonly verdict: 'cohesive' | 'conflict' | 'uncertain';
  readonly method: 'lexical';
  readonly evidence: readonly Passage[];
}

/** Words that a sentence must share with the text to say anything about it: two agree by chance in any project. */
const minShared = 3;
const maxEvidence = 5;
const maxPassageChars = 300;

const forbidding =
  /\b(?:do not|don't|does not|doesn't|must not|mustn't|never|no longer|should not|shouldn't|cannot|can't|avoid|stop|instead of|deprecated|removed|forbidden|reverted|without)\b/i;

export async function judgeCohesion(search: ContextSearch, query: SearchQuery): Promise<Cohesion> {
  const hits = await search.search(query);
  const words = new Set(wordsOf(query.text));
  const textForbids = forbidding.test(query.text);
  const evidence = hits
    .flatMap((hit) => passageOf(hit, words, textForbids))
    .sort(
      (a, b) =>
        Number(b.says === 'forbids') - Number(a.says === 'forbids') || b.shared.length - a.shared.length,
    )
    .slice(0, maxEvidence);
  const verdict = evidence.some(({ says }) => says === 'forbids')
    ? 'conflict'
    : evidence.length > 0
      ? 'cohesive'
      : 'uncertain';
  return { verdict, method: search.method, evidence };
}

/** The sentence of a context that shares the most words with the text. */
function passageOf(hit: SearchHit, words: ReadonlySet<string>, textForbids: boolean): readonly Passage[] {
  let best: { readonly sentence: string; readonly shared: readonly string[] } | undefined;
  for (const sentence of hit.content.split(/(?<=[.!?])\s+|\n+/)) {
    const shared = [...new Set(wordsOf(sentence))].filter((word) => words.has(word));
    if (shared.length >= minShared && shared.length > (best?.shared.length ?? 0)) best = { sentence, shared };
  }
  if (best === undefined) return [];
  const { id, path, agent } = hit;
  // Both forbid the same, or neither does.
  const says = forbidding.test(best.sentence) === textForbids ? 'agrees' : 'forbids';
  return [
    { id, path, agent, passage: best.sentence.trim().slice(0, maxPassageChars), shared: best.shared, says },
  ];
}
