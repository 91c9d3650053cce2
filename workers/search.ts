/** The thread that searches shared context: it holds the index and makes vectors, so that neither takes time from a lock. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { embeddingEnvironment } from '../src/base/environment.ts';
import { type Answerers, ThreadLink } from '../src/queue/thread-link.ts';
import { HybridIndex } from '../src/search/hybrid-index.ts';
import { planEmbeddings } from '../src/search/plan-embeddings.ts';
import type { SearchAsks, SearchStart } from '../src/search/search-messages.ts';
import { giveWay } from './thread-priority.ts';

/** Behind the lanes: what waits for a vector can be found by its words meanwhile. */
giveWay(12);

const { directory, embeddings } = workerData as SearchStart;
if (directory !== undefined) mkdirSync(directory, { recursive: true, mode: 0o700 });
const index = new HybridIndex({
  ...planEmbeddings(embeddings, embeddingEnvironment()),
  // One file, begun anew with another model: vectors of two models are never compared.
  file: directory === undefined ? undefined : join(directory, 'context.vec'),
});

const answerers: Answerers<SearchAsks> = {
  add: ({ documents, last }) => {
    index.add(documents);
    if (last) index.vectors.settle();
    return index.vectors.state();
  },
  search: (query) => index.search(query),
  judge: (query) => index.judge(query),
  state: () => index.vectors.state(),
};
if (parentPort !== null) new ThreadLink<object, SearchAsks>(parentPort, answerers);
