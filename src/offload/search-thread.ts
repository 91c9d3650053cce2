/** The main thread's side of the search: begins the thread with the first question, feeds it the log, and ends it when it was idle for long. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { CollabError } from '../base/errors.ts';
import { beginThread, ThreadLink } from '../queue/thread-link.ts';
import type { Cohesion } from '../search/cohesion.ts';
import type { ContextFeed, SearchAnswer, SearchQuery, VectorState } from '../search/context-search.ts';
import type { SearchAsks, SearchStart } from '../search/search-messages.ts';
import { workerUrl } from './worker-url.ts';

/** It has some 200 MB: not for a daemon that is asked nothing any more. */
const idleMs = 15 * 60_000;
/** `status` waits no longer for one that makes vectors. */
const busyMs = 200;
/** A search waits no longer; a thread that does not answer then is begun anew. */
const answerMs = 30_000;

/** 50 000 contexts of some 2 KB and their words; vectors lie outside. */
const maxHeapMb = 1024;

export interface SearchThreadOptions extends SearchStart {
  readonly feed: ContextFeed;
}

interface Running {
  state: VectorState | undefined;
  readonly worker: Worker;
  readonly link: ThreadLink<SearchAsks, object>;
}

export class SearchThread {
  readonly #options: SearchThreadOptions;
  #running: Running | undefined;
  /** How far the thread has the log. */
  #upTo = 0;
  #feeding: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SearchThreadOptions) {
    this.#options = options;
  }

  /** @throws SEARCH_UNAVAILABLE when the thread ends or does not answer; the next call begins another. */
  async search(query: SearchQuery): Promise<SearchAnswer> {
    await this.#catchUp();
    return this.#ask((link) => link.ask('search', query));
  }

  /** @throws SEARCH_UNAVAILABLE, as `search`. */
  async judge(query: SearchQuery): Promise<Cohesion> {
    await this.#catchUp();
    return this.#ask((link) => link.ask('judge', query));
  }

  /** Undefined while there is no thread. As it was told last when the thread is too busy to answer at once. */
  async state(): Promise<VectorState | undefined> {
    const running = this.#running;
    if (running === undefined) return undefined;
    const told = running.link.ask('state', null).then((state) => (running.state = state));
    return Promise.race([told, delay(busyMs, undefined)]).then(
      (state) => state ?? running.state,
      () => undefined,
    );
  }

  /** Ends the thread; the next question begins another, which reads the log again. */
  async restart(why: string): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#lost(running, why);
    await running.worker.terminate();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.restart('the daemon ends');
  }

  /** The first search pays for what was shared before; those after it for what is new. */
  #catchUp(): Promise<void> {
    this.#feeding ??= this.#feedNew().finally(() => {
      this.#feeding = undefined;
    });
    return this.#feeding;
  }

  async #feedNew(): Promise<void> {
    const { feed } = this.#options;
    const running = this.#begin();
    const head = await feed.head();
    while (this.#upTo < head && this.#running === running) {
      const { contexts, upTo } = await feed.read(this.#upTo);
      const last = upTo >= head || upTo <= this.#upTo;
      await this.#ask((link) => link.ask('add', { documents: contexts, last }));
      if (upTo <= this.#upTo) return;
      this.#upTo = upTo;
    }
  }

  async #ask<Answer>(question: (link: Running['link']) => Promise<Answer>): Promise<Answer> {
    const { link } = this.#begin();
    const timer = setTimeout(() => void this.restart(`it gave no answer within ${answerMs} ms`), answerMs);
    try {
      return await question(link);
    } finally {
      clearTimeout(timer);
    }
  }

  #begin(): Running {
    if (this.#isClosed) throw unavailable('the daemon ends');
    this.#idle?.refresh();
    if (this.#running !== undefined) return this.#running;
    const { directory, embeddings } = this.#options;
    const workerData: SearchStart = { directory, embeddings };
    const worker = beginThread(workerUrl('search'), { workerData, name: 'search', maxHeapMb });
    const running: Running = {
      state: undefined,
      worker,
      link: new ThreadLink<SearchAsks, object>(worker, {}),
    };
    // Whoever waits for an answer keeps the process; the thread itself does not.
    worker.unref();
    worker.on('error', (error) => this.#lost(running, error.message));
    worker.on('exit', () => this.#lost(running, 'its thread ended'));
    this.#running = running;
    this.#upTo = 0;
    this.#idle = setTimeout(() => void this.restart('it was idle'), idleMs).unref();
    return running;
  }

  #lost(running: Running, why: string): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#upTo = 0;
    clearTimeout(this.#idle);
    running.link.close(unavailable(why));
  }
}

function unavailable(why: string): CollabError {
  return new CollabError('SEARCH_UNAVAILABLE', `the search does not answer: ${why}`, {
    next: 'Try again; agent-collab context list shows what was shared meanwhile.',
  });
}
