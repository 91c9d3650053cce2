/** Long reads in workers of their own: queries that look at many records, and verification. A thread ends when it has been idle. */
import { Piscina } from 'piscina';
import type { AuditEvent } from '../audit/audit-event.ts';
import { CollabError, decodeError } from '../base/errors.ts';
import { decodeParts } from '../codec/record-parts.ts';
import type { StoredDelta } from '../delta/delta.ts';
import type { AuditFilter, AuditPage } from '../store/audit-store.ts';
import type { DeltaQuery } from '../store/delta-queries.ts';
import type { VerifyResult } from '../store/verify.ts';
import type { ReadAnswer, ReadTask, RecordsAnswer, StorePlaces } from './contract.ts';
import { verifyInChild } from './verify-child.ts';
import { workerUrl } from './worker-url.ts';

/** Long enough for a paged read to find its worker warm, short enough not to keep 15 MB for nothing. */
const idleTimeoutMs = 10_000;
/** One for a verification, which may take minutes, and one for the queries meanwhile: a third would take its time from the lanes. */
const maxThreads = 2;
/** Reads that may wait for a worker; more at once than this is no use to anybody. */
const maxQueuedReads = 64;

export class ReadPool {
  readonly #places: StorePlaces;
  readonly #pool: Piscina<ReadTask, ReadAnswer<unknown>>;
  /** The end of the newest verification, however it ended. */
  #verified: Promise<unknown> = Promise.resolve();

  constructor(places: StorePlaces) {
    this.#places = places;
    this.#pool = new Piscina({
      filename: workerUrl('read-task'),
      name: 'run',
      // Most daemons never need it.
      minThreads: 0,
      maxThreads,
      idleTimeout: idleTimeoutMs,
      maxQueue: maxQueuedReads,
      atomics: 'disabled',
      recordTiming: false,
    });
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

  /** In a process of its own, one at a time. */
  verify(): Promise<VerifyResult> {
    const { mapSizeBytes, ...places } = this.#places;
    const verified = this.#verified.then(() => verifyInChild({ places, mapSizeBytes }));
    this.#verified = verified.catch(() => undefined);
    return verified;
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

  /** Ends reads under way: they hold no lock that could die with their thread. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
