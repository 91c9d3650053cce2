/**
 * `npm run search-quality`: how well shared context is found again, and how often a verdict on a plan is right. Queries, answers and pairs
 * were written by people who did not know how the search works (bench/search-data); nothing here is drawn.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProjectId } from '../src/base/ids.ts';
import type { ContextDocument, SearchHit } from '../src/search/context-search.ts';
import type { EmbeddingProvider } from '../src/search/embedding-provider.ts';
import { HybridIndex } from '../src/search/hybrid-index.ts';
import { openSentenceEncoder } from '../src/search/sentence-encoder.ts';

export interface Query {
  readonly query: string;
  /** Entries that a person would take for an answer. */
  readonly answers: readonly string[];
  /** `keyword`: in the words of the entry; `paraphrase`: in others; `question`: as one asks. */
  readonly kind: 'keyword' | 'paraphrase' | 'question';
}

export interface Pair {
  readonly context: string;
  readonly plan: string;
  readonly path: string;
  readonly expected: 'conflict' | 'cohesive' | 'unrelated';
  /** The rules were made on the first; the second was written after them, and tells what they are worth elsewhere. */
  readonly set: 'first' | 'second';
}

export interface Quality {
  /** Mean of 1 / rank of the first answer among ten. */
  readonly mrr10: number;
  /** Mean share of the answers among the first five. */
  readonly recall5: number;
}

export type Method = 'lexical' | 'vector' | 'hybrid';

const project = 'quality' as ProjectId;

/** Makes each vector once: the same texts are asked for by several measurements. */
export function remembering(provider: EmbeddingProvider): EmbeddingProvider {
  const known = new Map<string, Promise<readonly Float32Array[]>>();
  const one = (text: string) => {
    const vector = known.get(text) ?? provider.embed([text], 'document');
    known.set(text, vector);
    return vector;
  };
  const { name, model, maxBatch } = provider;
  return { name, model, maxBatch, embed: async (texts) => (await Promise.all(texts.map(one))).flat() };
}

export function readData<T>(file: 'entries' | 'queries' | 'pairs'): readonly T[] {
  const path = fileURLToPath(new URL(`search-data/${file}.json`, import.meta.url));
  return JSON.parse(readFileSync(path, 'utf8')) as readonly T[];
}

function documentOf(entry: Pick<ContextDocument, 'id' | 'path' | 'content' | 'tags'>): ContextDocument {
  const { id, path, content, tags } = entry;
  return { id, path, content, tags, project, agent: 'somebody', time: '' };
}

/** By method and kind of query, `all` for all kinds. */
export async function measureSearch(
  provider: EmbeddingProvider,
): Promise<Record<Method, Record<string, Quality>>> {
  const documents = readData<ContextDocument>('entries').map(documentOf);
  const queries = readData<Query>('queries');
  const words = new HybridIndex({ model: null, open: undefined, file: undefined });
  const both = new HybridIndex({ model: provider.model, open: async () => provider, file: undefined });
  words.add(documents);
  both.add(documents);
  await both.vectors.idle();
  const ids = (hits: readonly SearchHit[]) => hits.map(({ id }) => id);
  const find: Record<Method, (text: string) => Promise<readonly string[]>> = {
    lexical: async (text) => ids((await words.search({ text, limit: 10 })).hits),
    hybrid: async (text) => ids((await both.search({ text, limit: 10 })).hits),
    vector: async (text) => {
      const vector = await both.vectors.ofQuery(text);
      return vector === undefined
        ? []
        : both.vectors.nearest(vector, () => true, 10).map(({ owner }) => owner);
    },
  };
  const qualities = {} as Record<Method, Record<string, Quality>>;
  for (const method of ['lexical', 'vector', 'hybrid'] as const) {
    const found = new Map<Query, readonly string[]>();
    for (const query of queries) found.set(query, await find[method](query.query));
    qualities[method] = { all: qualityOf(found) };
    for (const kind of ['keyword', 'paraphrase', 'question'])
      qualities[method][kind] = qualityOf(new Map([...found].filter(([query]) => query.kind === kind)));
  }
  await both.vectors.close();
  return qualities;
}

function qualityOf(found: ReadonlyMap<Query, readonly string[]>): Quality {
  let [mrr10, recall5] = [0, 0];
  for (const [{ answers }, ids] of found) {
    const rank = ids.findIndex((id) => answers.includes(id));
    mrr10 += rank === -1 ? 0 : 1 / (rank + 1);
    recall5 += answers.filter((id) => ids.slice(0, 5).includes(id)).length / answers.length;
  }
  return { mrr10: mrr10 / found.size, recall5: recall5 / found.size };
}

export interface Verdicts {
  readonly right: number;
  readonly all: number;
  /** `expected → given`, but for the right ones. */
  readonly wrong: Readonly<Record<string, number>>;
}

/** Each plan against its one context; what is unrelated has to be uncertain. */
export async function measureVerdicts(provider: EmbeddingProvider, set: Pair['set']): Promise<Verdicts> {
  const pairs = readData<Pair>('pairs').filter((pair) => pair.set === set);
  const wrong: Record<string, number> = {};
  let right = 0;
  for (const { context, plan, path, expected } of pairs) {
    const index = new HybridIndex({ model: provider.model, open: async () => provider, file: undefined });
    index.add([documentOf({ id: 'n:1', path, content: context, tags: [] })]);
    await index.vectors.idle();
    const { verdict } = await index.judge({ text: plan, limit: 20 });
    const given = verdict === 'uncertain' ? 'unrelated' : verdict;
    if (given === expected) right += 1;
    else wrong[`${expected} → ${verdict}`] = (wrong[`${expected} → ${verdict}`] ?? 0) + 1;
    await index.vectors.close();
  }
  return { right, all: pairs.length, wrong };
}

async function main(): Promise<void> {
  const provider = remembering(await openSentenceEncoder());
  const say = (text: string) => process.stdout.write(text);
  const qualities = await measureSearch(provider);
  const kinds = ['all', 'keyword', 'paraphrase', 'question'];
  say(`MRR@10 / recall@5   ${kinds.map((kind) => kind.padEnd(15)).join('')}\n`);
  for (const [method, of] of Object.entries(qualities)) {
    const cells = kinds.map((kind) =>
      `${of[kind]?.mrr10.toFixed(3)} / ${of[kind]?.recall5.toFixed(3)}`.padEnd(15),
    );
    say(`${method.padEnd(20)}${cells.join('')}\n`);
  }
  for (const set of ['first', 'second'] as const) {
    const { right, all, wrong } = await measureVerdicts(provider, set);
    const mistakes = Object.entries(wrong).map(([what, count]) => `${what} ${count}`);
    say(
      `verdicts, ${set} set: ${right} of ${all} right (${((100 * right) / all).toFixed(0)} %); wrong: ${mistakes.join(', ')}\n`,
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
