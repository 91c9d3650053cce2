import { Piscina } from 'piscina';
import { CollabError, decodeError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { LaneName, LaneReport, LaneStarts, LaneTask } from './contract.ts';
import { poolTask } from './worker-url.ts';

/** What a run failed of, and where its batch ended, if it was a batch that failed. */
export type LaneFailure = CollabError & { readonly ticket: number | undefined };

export type RunEnding = 'closed' | 'paused' | LaneFailure;

/** What a batch leaves behind lives for a moment. Node's 48 MB for it are filled before they are cleaned; this does as well. */
const maxYoungGenerationSizeMb = 12;

/**
 * The one thread of a lane. A run whose store failed is the last of its thread: when lmdb-js cannot open a store, because a write to it
 * has failed before, it leaves a handle open that only ends with the thread, and while there is one LMDB goes on refusing.
 */
export class LaneWorker<Name extends LaneName> {
  readonly #name: Name;
  readonly #logger: Logger;
  #pool: Piscina<LaneTask<Name>, LaneReport>;
  #destroyed = false;

  constructor(name: Name, logger: Logger) {
    this.#name = name;
    this.#logger = logger;
    this.#pool = this.#createPool();
  }

  /** Runs until the queue is closed or paused, or the run fails. Never rejects: the death of the thread is a failure too. */
  async run(start: LaneStarts[Name]): Promise<RunEnding> {
    const ending = await this.#runOnce(start);
    if (this.#destroyed) return 'closed';
    if (ending instanceof CollabError && ending.code.startsWith('STORE_')) {
      const failed = this.#pool;
      this.#pool = this.#createPool();
      await failed.destroy();
    }
    return ending;
  }

  /** For good. Ends a run that is under way, which only one may that has not begun to work: see `Lane.close`. Idempotent. */
  destroy(): Promise<void> {
    this.#destroyed = true;
    return this.#pool.destroy();
  }

  async #runOnce(start: LaneStarts[Name]): Promise<RunEnding> {
    try {
      const report = await this.#pool.run({ lane: this.#name, start });
      if (report.ended !== 'failed') return report.ended;
      return Object.assign(decodeError(report.error), { ticket: report.ticket });
    } catch (cause) {
      const what = `the worker of the ${this.#name} lane died: ${String(cause)}`;
      return Object.assign(new CollabError('INTERNAL', what, { cause }), { ticket: undefined });
    }
  }

  #createPool(): Piscina<LaneTask<Name>, LaneReport> {
    const pool = new Piscina<LaneTask<Name>, LaneReport>({
      ...poolTask('lane'),
      // One thread, always there: the lane is one consumer, and a second would break the queue's contract.
      minThreads: 1,
      maxThreads: 1,
      // The worker waits on its queue by itself; piscina's own way of sleeping would only get in between.
      atomics: 'disabled',
      // Nothing to time: a run lasts as long as the daemon.
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    // Piscina repeats a worker's death here; the rejected run is where it is handled.
    pool.on('error', (error: unknown) =>
      this.#logger.debug('worker error', { lane: this.#name, error: String(error) }),
    );
    return pool;
  }
}
