/**
 * The main thread's handles of the stores, and a gate before them: for moments at a time a store is taken from under the daemon, to be
 * repaired, or replaced by its compact copy. Reads that come in the meantime wait; what is accepted stays in the queues.
 *
 * A reader that was asked for is good until the next `await`: use it at once.
 */
import { setImmediate } from 'node:timers/promises';
import { CollabError } from '../base/errors.ts';
import { AuditReader } from '../store/audit-log.ts';
import { openDeltaEnvironment } from '../store/delta-log.ts';
import { type AcceptedTail, DeltaReader } from '../store/delta-reader.ts';
import type { Environment } from '../store/environment.ts';
import { type StoreName, writeSnapshot } from '../store/store-copy.ts';
import type { StorePlaces } from './contract.ts';

/** Reads under way end within this time, or what needs the stores alone is given up: a long query takes a second or two. */
const drainLimitMs = 30_000;

export class StoreHandles {
  readonly #places: StorePlaces;
  readonly #accepted: AcceptedTail;
  #deltas: Promise<DeltaReader> | undefined;
  #audit: Promise<AuditReader> | undefined;
  /** While it is set the stores belong to one; resolves when they are everybody's again. */
  #gate: Promise<void> | undefined;
  #users = 0;
  /** Ends of what is pinned, each to be called once, before the handles are closed. */
  readonly #pins = new Set<() => void>();
  #generation = 0;
  #onUnused: (() => void) | undefined;
  #closed = false;

  constructor(places: StorePlaces, accepted: AcceptedTail) {
    this.#places = places;
    this.#accepted = accepted;
  }

  /** @throws STORE_UNAVAILABLE, STORE_DAMAGED when they cannot be opened, now; STORE_CLOSED. */
  async deltas(): Promise<DeltaReader> {
    await this.#admitted();
    return this.#openDeltas();
  }

  async audit(): Promise<AuditReader> {
    await this.#admitted();
    return this.#openAudit();
  }

  #openDeltas(): Promise<DeltaReader> {
    const { mapSizeBytes } = this.#places;
    const accepted = this.#accepted;
    this.#deltas ??= DeltaReader.open(this.#places, { mapSizeBytes, create: false, accepted });
    const opened = this.#deltas;
    // What could not be opened now may be there later.
    return opened.catch((error: unknown) => {
      if (this.#deltas === opened) this.#deltas = undefined;
      throw error;
    });
  }

  #openAudit(): Promise<AuditReader> {
    const { audit, mapSizeBytes } = this.#places;
    this.#audit ??= AuditReader.open(audit, { mapSizeBytes, create: false });
    const opened = this.#audit;
    return opened.catch((error: unknown) => {
      if (this.#audit === opened) this.#audit = undefined;
      throw error;
    });
  }

  /** True while the stores belong to one: what is asked for now waits. */
  get areTaken(): boolean {
    return this.#gate !== undefined;
  }

  /** Rises each time the stores are taken: what was read of them before may be replaced. */
  get generation(): number {
    return this.#generation;
  }

  /** For a read elsewhere, in a worker or another process, that opens the stores by their names. */
  async shared<T>(read: () => Promise<T>): Promise<T> {
    await this.#admitted();
    this.#users += 1;
    try {
      return await read();
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#onUnused?.();
    }
  }

  /**
   * Runs `read` while no page of what is committed now is used for anything else: for a process that reads the files beside this one
   * (store/view-directory.ts). Who takes the stores ends it. A store that cannot be opened is not pinned; the log is without its index too.
   */
  async pinned<T>(read: () => Promise<T>): Promise<T> {
    const own: (() => void)[] = [];
    const pin = (environment: Environment, then = () => {}) => {
      const unpin = environment.pin();
      const end = () => {
        unpin();
        then();
      };
      own.push(end);
      this.#pins.add(end);
    };
    try {
      const deltas = await this.deltas().catch(() => undefined);
      if (deltas !== undefined) {
        pin(deltas.index.environment);
        pin(deltas.log.environment);
      } else {
        const log = this.#tryOpenLog();
        if (log !== undefined) pin(log, () => void log.close());
      }
      const audit = await this.audit().catch(() => undefined);
      if (audit !== undefined) pin(audit.environment);
      return await read();
    } finally {
      for (const end of own) this.#unpin(end);
    }
  }

  #tryOpenLog(): Environment | undefined {
    const { delta, mapSizeBytes } = this.#places;
    try {
      return openDeltaEnvironment(delta, { mapSizeBytes, create: false });
    } catch {
      return undefined;
    }
  }

  #unpin(end: () => void): void {
    if (this.#pins.delete(end)) end();
  }

  /**
   * Runs `action` while nobody reads and no handle of this thread is open. One at a time: the caller sees to that.
   * @param before run while nobody reads and the handles are still open.
   * @throws STORE_UNAVAILABLE when a read does not end; and whatever `action` throws.
   */
  async alone<T>(action: () => Promise<T>, before: () => Promise<void> = async () => {}): Promise<T> {
    let open: () => void = () => {};
    this.#generation += 1;
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    try {
      await this.#unused();
      // Who was admitted in this turn of the event loop has used its reader at the end of it.
      await setImmediate();
      await before();
      await this.#release();
      return await action();
    } finally {
      this.#gate = undefined;
      open();
    }
  }

  /**
   * From within `before` of `alone`: a copy of a store through the handle that this thread has open.
   * @throws STORE_UNAVAILABLE when it has none.
   */
  async snapshot(store: StoreName, directory: string): Promise<void> {
    const [deltas, audit] = [await this.#deltas, await this.#audit];
    const environments = {
      delta: deltas?.log.environment,
      index: deltas?.index.environment,
      audit: audit?.environment,
    };
    const environment = environments[store];
    if (environment === undefined)
      throw new CollabError('STORE_UNAVAILABLE', `nobody has the ${store} store open any more`, {
        next: 'Restart the daemon: agent-collab daemon restart.',
      });
    await writeSnapshot(environment, directory);
  }

  /**
   * From within `alone`, while nobody writes: after a write that failed LMDB refuses each further transaction of the process, and
   * lmdb-js, which begins one to open a store, then leaves a handle open that nobody can close. With such a one in this thread the store
   * could never be opened anew.
   */
  async openAgain(): Promise<void> {
    if (this.#closed) return;
    // What cannot be opened is told to who asks for it.
    await Promise.allSettled([this.#openDeltas(), this.#openAudit()]);
  }

  /** For good. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#release();
  }

  async #admitted(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate;
    if (this.#closed) throw new CollabError('STORE_CLOSED', 'the stores are closed');
  }

  async #release(): Promise<void> {
    for (const end of [...this.#pins]) this.#unpin(end);
    const readers = [this.#audit, this.#deltas];
    this.#audit = undefined;
    this.#deltas = undefined;
    for (const reader of readers) await reader?.then((opened) => opened.close());
  }

  #unused(): Promise<void> {
    if (this.#users === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#onUnused = undefined;
        reject(
          new CollabError('STORE_UNAVAILABLE', 'a read of the stores does not end', { next: 'Try again.' }),
        );
      }, drainLimitMs);
      this.#onUnused = () => {
        clearTimeout(timer);
        this.#onUnused = undefined;
        resolve();
      };
    });
  }
}
