/**
 * Drops what is older than the configured ages, and of a log over its configured size the oldest; gives the room back to the disk: at
 * the start, every hour, and when asked.
 */
import type { Clock } from '../base/clock.ts';
import { hlcFromMs } from '../base/hybrid-clock.ts';
import type { Position } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { OpenStores } from './stores.ts';

const dayMs = 86_400_000;
const intervalMs = 3_600_000;
/** The first run waits until a start is over and its clients are served. */
const firstRunMs = 30_000;

export interface RetentionResult {
  readonly dropped: number;
  readonly floor: number;
  readonly auditDropped: number;
  /** Given back to the disk by compact copies. */
  readonly reclaimedBytes: number;
}

/** How long and how much is kept. */
export interface RetentionLimits {
  readonly deltaDays: number;
  /** Of the log and its index; null for as much as there is. */
  readonly deltaBytes: number | null;
  readonly auditDays: number;
}

/** A log over its limit is cut to this share of it, so that the next runs have nothing to cut. */
const cutTo = 0.9;

export class RetentionSchedule {
  readonly #stores: OpenStores;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: RetentionLimits;
  readonly #first: NodeJS.Timeout;
  readonly #hourly: NodeJS.Timeout;
  #running: Promise<RetentionResult> | undefined;

  constructor(
    components: { readonly stores: OpenStores; readonly clock: Clock; readonly logger: Logger },
    limits: RetentionLimits,
  ) {
    this.#stores = components.stores;
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#limits = limits;
    this.#first = setTimeout(() => this.#runQuietly(), firstRunMs).unref();
    this.#hourly = setInterval(() => this.#runQuietly(), intervalMs).unref();
  }

  /** Joins a run under way. @throws STORE_UNAVAILABLE. */
  run(): Promise<RetentionResult> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  close(): void {
    clearTimeout(this.#first);
    clearInterval(this.#hourly);
  }

  async #run(): Promise<RetentionResult> {
    const nowMs = this.#clock.wallMs();
    const { deltaDays, auditDays } = this.#limits;
    const { dropped, floor } = await this.#stores.deltas.compact(
      hlcFromMs(nowMs - deltaDays * dayMs),
      await this.#cutBelow(),
    );
    const auditDropped = await this.#stores.audit.compact(hlcFromMs(nowMs - auditDays * dayMs));
    const { stores, bytes, stalledMs } = await this.#stores.reclaim();
    if (stores.length > 0)
      this.#logger.info('made compact copies', { stores: stores.join(), bytes, stalledMs });
    return { dropped, floor, auditDropped, reclaimedBytes: bytes };
  }

  /** Records differ in size, so the cut is a good guess; what is too much still is cut by the next run. */
  async #cutBelow(): Promise<Position | undefined> {
    const { deltaBytes } = this.#limits;
    const used = deltaBytes === null ? 0 : await this.#stores.usedBytes();
    if (deltaBytes === null || used <= deltaBytes) return undefined;
    const { floor, count } = await this.#stores.deltas.stats();
    return (floor + Math.ceil(count * (1 - (deltaBytes * cutTo) / used))) as Position;
  }

  #runQuietly(): void {
    this.run().then(
      ({ dropped, auditDropped }) => {
        if (dropped + auditDropped > 0)
          this.#logger.info('dropped what was too old', { dropped, auditDropped });
      },
      (error: unknown) => this.#logger.warn('what is too old could not be dropped', { error: String(error) }),
    );
  }
}
