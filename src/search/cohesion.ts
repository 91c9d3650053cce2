/**
 * Whether what an agent is about to do, or has done, fits what others shared: a verdict with its evidence. Related contexts are found by
 * the search; each of their sentences is then compared with the text by rules that can be shown (compare-statements.ts). What no
 * rule speaks of is uncertain.
 */
import type { Comparison } from './compare-statements.ts';
import { compareStatements } from './compare-statements.ts';
import type { SearchAnswer, SearchHit, SearchQuery } from './context-search.ts';
import { sentencesOf } from './passages.ts';
import { readStatement } from './statement.ts';

export interface Passage {
  readonly id: string;
  readonly path: string;
  readonly agent: string;
  /** The sentences that tell, as they stand there. */
  readonly passage: string;
  /** The stems of words that it shares with the text. */
  readonly shared: readonly string[];
  readonly says: 'forbids' | 'agrees';
  /** Why it does, in a few words. */
  readonly reason: string;
}

export interface Cohesion {
  readonly verdict: 'cohesive' | 'conflict' | 'uncertain';
  /** `lexical`: without vectors, so less is found to be related. */
  readonly method: 'lexical' | 'hybrid';
  readonly evidence: readonly Passage[];
}

export interface CohesionParts {
  search(query: SearchQuery): Promise<SearchAnswer>;
  /** Undefined when there are no vectors. */
  vectorsOf(texts: readonly string[]): Promise<readonly Float32Array[] | undefined>;
}

const maxEvidence = 5;
const maxPassageChars = 300;
/** Passages that are compared: of each context its first ones. */
const maxPassagesOfContext = 6;

interface Candidate {
  readonly hit: SearchHit;
  readonly passage: string;
}

export async function judgeCohesion(parts: CohesionParts, query: SearchQuery): Promise<Cohesion> {
  const { hits } = await parts.search(query);
  const candidates = hits
    // What was superseded says nothing about what holds.
    .filter(({ supersededBy }) => supersededBy === undefined)
    .flatMap((hit) => passagesToCompare(hit.content).map((passage): Candidate => ({ hit, passage })));
  const vectors =
    candidates.length === 0
      ? undefined
      : await parts.vectorsOf([query.text, ...candidates.map(({ passage }) => passage)]);
  const plan = readStatement(query.text);
  const evidence = candidates
    .flatMap((candidate, at) => {
      const compared = compareStatements(
        readStatement(candidate.passage),
        plan,
        similarity(vectors?.[0], vectors?.[at + 1]),
      );
      return compared === undefined ? [] : [{ ...candidate, compared }];
    })
    .sort((a, b) => rank(b.compared) - rank(a.compared))
    .slice(0, maxEvidence)
    .map(({ hit: { id, path, agent }, passage, compared: { says, reason, shared } }) => ({
      id,
      path,
      agent,
      passage: passage.slice(0, maxPassageChars),
      shared,
      says,
      reason,
    }));
  const [surest] = evidence;
  const verdict = surest === undefined ? 'uncertain' : surest.says === 'forbids' ? 'conflict' : 'cohesive';
  return { verdict, method: vectors === undefined ? 'lexical' : 'hybrid', evidence };
}

/** A rule and its reason often stand in two sentences: each is compared with the one that follows. */
function passagesToCompare(content: string): readonly string[] {
  const sentences = sentencesOf(content);
  if (sentences.length <= 2) return [sentences.join(' ')].filter((passage) => passage !== '');
  return sentences
    .slice(0, maxPassagesOfContext)
    .map((sentence, at) => [sentence, sentences[at + 1] ?? ''].join(' ').trim());
}

function rank({ says, weight }: Comparison): number {
  return (says === 'forbids' ? 1000 : 0) + weight;
}

function similarity(a: Float32Array | undefined, b: Float32Array | undefined): number | undefined {
  if (a === undefined || b === undefined || a.length !== b.length) return undefined;
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}
