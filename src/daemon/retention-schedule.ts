/** Drops what is older than the configured ages: at the start, every hour, and when asked. */
import type { Clock } from '../base/clock.ts';
import { hlcFromMs } from '../base/hybrid-clock.ts';
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
}

export class RetentionSchedule {
  readonly #stores: OpenStores;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #days: { readonly deltas: number; readonly audit: number };
  readonly #first: NodeJS.Timeout;
  readonly #hourly: NodeJS.Timeout;
  #running: Promise<RetentionResult> | undefined;

  constructor(
    components: { readonly stores: OpenStores; readonly clock: Clock; readonly logger: Logger },
    days: { readonly deltas: number; readonly audit: number },
  ) {
    this.#stores = components.stores;
    this.#clock = components.clock;
    this.#logger = components.logger;
    this.#days = days;
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
    const { dropped, floor } = await this.#stores.deltas.compact(
      hlcFromMs(nowMs - this.#days.deltas * dayMs),
    );
    const auditDropped = await this.#stores.audit.compact(hlcFromMs(nowMs - this.#days.audit * dayMs));
    return { dropped, floor, auditDropped };
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
