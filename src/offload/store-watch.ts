/**
 * Watches over the files of the stores while the daemon serves, and mends what can be mended without a restart: a store whose file
 * was deleted or replaced is made again from the handles that are still open, and one that LMDB refuses after a failed write is opened anew.
 */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { laneNames } from './contract.ts';
import type { Lanes, Maintenance } from './maintenance.ts';

export interface StoreWatchParts {
  readonly maintenance: Maintenance;
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As in MaintenanceParts. */
  readonly isOurs: () => Promise<boolean>;
}

/** What is written between a deletion and the next look is lost with the process, should it be killed in that time. */
const lookMs = 500;
/** A lane tries by itself for so long; a disk that is merely full needs no more than that. */
const reopenAfterMs = 2_000;
const reopenEveryMs = 10_000;

export class StoreWatch {
  readonly #parts: StoreWatchParts;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;
  #troubleSinceMs: number | undefined;
  #trouble: string | undefined;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.look(), lookMs).unref();
  }

  /** What does not work at the moment, in sentences. */
  get warnings(): readonly string[] {
    return this.#trouble === undefined ? [] : [this.#trouble];
  }

  /** Looks once more: what was deleted a moment ago ends with the handles that are open now. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#bringBack();
  }

  /** Joins a look under way. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    if (this.#parts.maintenance.activity === undefined) await this.#bringBack();
    await this.#reopen();
  }

  async #bringBack(): Promise<void> {
    const { maintenance, logger, isOurs } = this.#parts;
    const missing = maintenance.missing();
    if (missing.length === 0) {
      this.#trouble = undefined;
      return;
    }
    // All of it was deleted, and it is not for this daemon to bring anything of it back.
    if (!(await isOurs())) return;
    const stores = missing.join();
    logger.error('the file of a store was deleted or replaced; making it again from what is open', {
      stores,
    });
    this.#trouble = `the file of the ${missing.join(' and ')} store was deleted or replaced under the daemon`;
    try {
      const aside = await maintenance.bringBack(missing);
      this.#trouble = undefined;
      logger.warn('the stores are whole again', { stores });
      if (aside.length > 0) logger.warn('what stood in their place is kept', { directories: aside.join() });
    } catch (error) {
      logger.error('the store could not be made again', { error: String(error) });
    }
  }

  async #reopen(): Promise<void> {
    const { lanes, maintenance, clock, logger } = this.#parts;
    const isDown = laneNames.some((name) => {
      const { state } = lanes[name];
      return state.state === 'restarting' && state.error.code === 'STORE_UNAVAILABLE';
    });
    const nowMs = clock.monotonicMs();
    if (!isDown) this.#troubleSinceMs = undefined;
    else this.#troubleSinceMs ??= nowMs;
    if (this.#troubleSinceMs === undefined || nowMs - this.#troubleSinceMs < reopenAfterMs) return;
    this.#troubleSinceMs = nowMs + reopenEveryMs - reopenAfterMs;
    await maintenance
      .reopen()
      .catch((error: unknown) =>
        logger.warn('the stores could not be opened again', { error: String(error) }),
      );
  }
}
