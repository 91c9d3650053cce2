/** Long reads in a worker of their own: queries for many deltas, and verification. The thread ends when it has been idle. */
import { Piscina } from 'piscina';
import { CollabError, decodeError } from '../base/errors.ts';
import type { StoredDelta } from '../delta/delta.ts';
import type { DeltaQuery } from '../store/delta-queries.ts';
import type { VerifyResult } from '../store/verify.ts';
import type { ReadAnswer, ReadTask, StorePlaces } from './contract.ts';
import { workerUrl } from './worker-url.ts';

/** Long enough for a paged read to find its worker warm, short enough not to keep 15 MB for nothing. */
const idleTimeoutMs = 10_000;
/** Reads that may wait for the worker; more at once than this is no use to anybody. */
const maxQueuedReads = 64;

export class ReadPool {
  readonly #places: StorePlaces;
  readonly #pool: Piscina<ReadTask, ReadAnswer<unknown>>;

  constructor(places: StorePlaces) {
    this.#places = places;
    this.#pool = new Piscina({
      filename: workerUrl('read-task'),
      name: 'run',
      // Most daemons never need it.
      minThreads: 0,
      // Two cores: a second reader would take its time from the lanes.
      maxThreads: 1,
      idleTimeout: idleTimeoutMs,
      maxQueue: maxQueuedReads,
      atomics: 'disabled',
      recordTiming: false,
    });
  }

  query(query: DeltaQuery): Promise<readonly StoredDelta[]> {
    return this.#run<readonly StoredDelta[]>({ task: 'query', places: this.#places, query });
  }

  verify(): Promise<VerifyResult> {
    return this.#run<VerifyResult>({ task: 'verify', places: this.#places });
  }

  async #run<T>(task: ReadTask): Promise<T> {
    const answer = await this.#pool.run(task).catch((cause: unknown) => {
      throw new CollabError('STORE_UNAVAILABLE', `a read failed: ${String(cause)}`, {
        cause,
        next: 'Try again.',
      });
    });
    if ('error' in answer) throw decodeError(answer.error);
    return answer.value as T;
  }

  /** Waits for reads under way. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
