/** What the README says of the search and of verdicts: the figures of `npm run search-quality` may not fall below these. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  measureSearch,
  measureVerdicts,
  type Pair,
  type Query,
  readData,
  remembering,
} from '../../bench/search-quality.ts';
import { openSentenceEncoder } from '../../src/search/sentence-encoder.ts';

const encoder = openSentenceEncoder().then(remembering);

describe('the quality of the search', () => {
  it('is judged on what an issue asks for: 300 entries, 60 queries whose answers are there, 40 pairs', () => {
    const ids = new Set(readData<{ readonly id: string }>('entries').map(({ id }) => id));
    const queries = readData<Query>('queries');
    assert.ok(ids.size >= 300 && queries.length >= 60 && readData<Pair>('pairs').length >= 40);
    assert.deepEqual(
      queries.flatMap(({ answers }) => answers).filter((id) => !ids.has(id)),
      [],
    );
  });

  it('is better with words and vectors than with either', async () => {
    const { lexical, vector, hybrid } = await measureSearch(await encoder);
    const best = Math.max(lexical.all?.mrr10 ?? 1, vector.all?.mrr10 ?? 1);
    assert.ok((hybrid.all?.mrr10 ?? 0) >= Math.max(best, 0.68), JSON.stringify({ lexical, vector, hybrid }));
    assert.ok(
      (hybrid.all?.recall5 ?? 0) >= Math.max(lexical.all?.recall5 ?? 1, vector.all?.recall5 ?? 1, 0.75),
    );
  });

  it('gives the right verdict on four of five pairs, and says uncertain of what is unrelated', async () => {
    const [first, second] = [
      await measureVerdicts(await encoder, 'first'),
      await measureVerdicts(await encoder, 'second'),
    ];
    const right = first.right + second.right;
    assert.ok(right >= 0.8 * (first.all + second.all), JSON.stringify([first, second]));
    const guessed = [first, second].flatMap(({ wrong }) =>
      Object.entries(wrong).filter(([what]) => what.startsWith('unrelated')),
    );
    assert.ok(guessed.reduce((sum, [, count]) => sum + count, 0) <= 2, JSON.stringify(guessed));
  });
});
