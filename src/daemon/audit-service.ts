/** The record of who did what: gives each event its place in time, and tells followers once it is committed. */
import type { AuditDraft, AuditEvent } from '../audit/audit-event.ts';
import type { HybridClock } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { AuditStore } from '../store/audit-store.ts';

export class AuditService {
  readonly store: AuditStore;
  readonly #clock: HybridClock;
  readonly #node: NodeId;
  readonly #logger: Logger;
  readonly #listeners = new Set<(event: AuditEvent) => void>();
  #telling: Promise<unknown> = Promise.resolve();

  constructor(components: {
    readonly store: AuditStore;
    readonly clock: HybridClock;
    readonly node: NodeId;
    readonly logger: Logger;
  }) {
    this.store = components.store;
    this.#clock = components.clock;
    this.#node = components.node;
    this.#logger = components.logger;
  }

  /** Returns at once; never throws, so that a transition of a lock cannot fail by its record. */
  record(draft: AuditDraft): void {
    const event: AuditEvent = { ...draft, at: this.#clock.tick(), node: this.#node };
    if (this.#listeners.size === 0) this.store.log(event);
    else this.#tell(event, this.store.logAsync(event));
  }

  /** Calls `listener` for each event from now on, in order, once it is committed, until the returned function is called. */
  subscribe(listener: (event: AuditEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: AuditEvent, recorded: Promise<'recorded' | 'lost'>): void {
    this.#telling = this.#telling.then(async () => {
      try {
        if ((await recorded) === 'lost') return;
        for (const listener of this.#listeners) listener(event);
      } catch (error) {
        this.#logger.warn('an audit event was not told to every follower', { error: String(error) });
      }
    });
  }
}
