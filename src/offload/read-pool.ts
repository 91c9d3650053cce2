/** Long reads in workers of their own: queries that look at many records. A thread ends when it has been idle. */
import { Piscina } from 'piscina';
import type { AuditEvent } from '../audit/audit-event.ts';
import { CollabError, decodeError } from '../base/errors.ts';
import { decodeParts } from '../codec/record-parts.ts';
import type { StoredDelta } from '../delta/delta.ts';
import { closeLoadGate, createLoadGate } from '../queue/load-gate.ts';
import type { AuditFilter, AuditPage } from '../store/audit-store.ts';
import type { DeltaQuery } from '../store/delta-queries.ts';
import type { FreeShare } from '../store/inspect.ts';
import type { StoreName } from '../store/store-copy.ts';
import type { GatedReadTask, ReadAnswer, ReadTask, RecordsAnswer, StorePlaces } from './contract.ts';
import type { StoreHandles } from './store-handles.ts';
import { poolTask } from './worker-url.ts';

/** Long enough for a paged read to find its worker warm, short enough not to keep 15 MB for nothing. */
const idleTimeoutMs = 10_000;
/** A third would take its time from the lanes. */
const maxThreads = 2;
/** Reads that may wait for a worker; more at once than this is no use to anybody. */
const maxQueuedReads = 64;

export class ReadPool {
  readonly #places: StorePlaces;
  readonly #handles: StoreHandles;
  readonly #gate = createLoadGate();
  #pool = createPool();
  #closed = false;

  constructor(places: StorePlaces, handles: StoreHandles) {
    this.#places = places;
    this.#handles = handles;
  }

  async query(query: DeltaQuery): Promise<readonly StoredDelta[]> {
    const { parts } = await this.#run<RecordsAnswer>({ task: 'query', places: this.#places, query });
    return decodeParts<StoredDelta>(parts);
  }

  async audit(filter: AuditFilter): Promise<AuditPage> {
    const answer = await this.#run<RecordsAnswer>({ task: 'audit', places: this.#places, filter });
    const events = await decodeParts<AuditEvent>(answer.parts);
    return answer.cursor === undefined ? { events } : { events, cursor: answer.cursor };
  }

  /** Reads a page for every five hundred that are free: too long for the main loop. */
  free(store: StoreName): Promise<FreeShare> {
    return this.#run<FreeShare>({ task: 'free', directory: this.#places[store] });
  }

  async #run<T>(task: ReadTask): Promise<T> {
    const run = this.#handles.shared(() => this.#runTask(task));
    const answer = await run.catch((cause: unknown) => {
      if (cause instanceof CollabError) throw cause;
      throw new CollabError('STORE_UNAVAILABLE', `a read failed: ${String(cause)}`, {
        cause,
        next: 'Try again.',
      });
    });
    if ('error' in answer) throw decodeError(answer.error);
    return answer.value as T;
  }

  async #runTask(task: ReadTask): Promise<ReadAnswer<unknown>> {
    const answer = await this.#pool.run({ ...task, gate: this.#gate });
    if ('error' in answer && answer.error.code === 'STORE_UNAVAILABLE') await this.#replaceThreads();
    return answer;
  }

  /** A store that could not be opened may have left a handle open that only ends with its thread (lane-worker.ts). */
  async #replaceThreads(): Promise<void> {
    if (this.#closed) return;
    const failed = this.#pool;
    this.#pool = createPool();
    await failed.close();
  }

  /** Ends reads under way: they hold no lock that could die with their thread. */
  async close(): Promise<void> {
    this.#closed = true;
    await closeLoadGate(this.#gate);
    await this.#pool.destroy();
  }
}

function createPool(): Piscina<GatedReadTask, ReadAnswer<unknown>> {
  return new Piscina({
    ...poolTask('read'),
    // Most daemons never need it.
    minThreads: 0,
    maxThreads,
    idleTimeout: idleTimeoutMs,
    maxQueue: maxQueuedReads,
    atomics: 'disabled',
    recordTiming: false,
  });
}
