/** The delta store in one thread, over LMDB: for tests, tools and `verify`. The daemon spreads the same parts over its lanes. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaId, NodeId, Position } from '../base/ids.ts';
import type { StoredDelta } from '../delta/delta.ts';
import { signHash } from '../delta/delta-frame.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { type CommitListener, CommitListeners } from './commit-listeners.ts';
import { DeltaIndexWriter } from './delta-index.ts';
import { DeltaIntake } from './delta-intake.ts';
import { DeltaLogWriter } from './delta-log.ts';
import { DeltaReader } from './delta-reader.ts';
import type {
  CompactResult,
  DeltaFilter,
  DeltaStore,
  DeltaStoreStats,
  IncomingDelta,
  PathQuery,
  SaveReceipt,
} from './delta-store.ts';
import { compactLog, type RetentionOptions } from './retention.ts';

export interface LmdbDeltaStoreOptions extends RetentionOptions {
  readonly node: NodeId;
  /** Signs the newest own delta of each save. @default deltas stay unsigned */
  readonly privateKey?: KeyObject;
  readonly mapSizeBytes?: number;
  /** Deltas that may wait for the index; queries find them in the log meanwhile. @default defaultIndexLag */
  readonly indexLag?: number;
}

/** Reading a tail of so many deltas costs a query about a millisecond; indexing one by one costs a sync each. */
const defaultIndexLag = 512;

export class LmdbDeltaStore implements DeltaStore {
  readonly #log: DeltaLogWriter;
  readonly #index: DeltaIndexWriter;
  readonly #reader: DeltaReader;
  readonly #listeners: CommitListeners;
  readonly #intake: DeltaIntake;
  readonly #options: LmdbDeltaStoreOptions;
  #closing: Promise<void> | undefined;

  private constructor(log: DeltaLogWriter, index: DeltaIndexWriter, options: LmdbDeltaStoreOptions) {
    const state = log.headState();
    this.#log = log;
    this.#index = index;
    this.#reader = new DeltaReader(log.view, index.tables);
    this.#listeners = new CommitListeners(state.head);
    this.#intake = new DeltaIntake(state.head, state.sources);
    this.#options = options;
  }

  /** @param directory holds `delta/` and `index/`; made when missing. */
  static async open(directory: string, options: LmdbDeltaStoreOptions): Promise<LmdbDeltaStore> {
    const log = await DeltaLogWriter.open(join(directory, 'delta'), options);
    try {
      const index = await DeltaIndexWriter.open(join(directory, 'index'), log.view, options);
      return new LmdbDeltaStore(log, index, options);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  save(incoming: IncomingDelta): Promise<SaveReceipt> {
    return this.saveBatch([incoming]);
  }

  /** Whatever the caller wants to wait for: here everything that is accepted is flushed before this returns. */
  async saveBatch(incoming: readonly IncomingDelta[]): Promise<SaveReceipt> {
    this.#assertOpen();
    const { privateKey, indexLag = defaultIndexLag } = this.#options;
    const { records, duplicates, take } = this.#intake.admit(incoming);
    const sign = privateKey === undefined ? undefined : (hash: Uint8Array) => signHash(hash, privateKey);
    this.#log.append(records, sign);
    take();
    if (this.#intake.head - this.#index.applied() > indexLag) this.#index.applyUpTo(this.#intake.head);
    if (records.length > 0) this.#listeners.tell(this.#intake.head);
    return { positions: records.map(({ position }) => position), duplicates };
  }

  onCommitted(listener: CommitListener): () => void {
    return this.#listeners.add(listener);
  }

  async getSince(vector: VersionVector, filter?: DeltaFilter): Promise<readonly StoredDelta[]> {
    this.#assertOpen();
    return this.#reader.getSince(vector, filter);
  }

  async getRange(from: HlcTime, to: HlcTime, filter?: DeltaFilter): Promise<readonly StoredDelta[]> {
    this.#assertOpen();
    return this.#reader.getRange(from, to, filter);
  }

  async getBySource(source: NodeId, limit?: number): Promise<readonly StoredDelta[]> {
    this.#assertOpen();
    return this.#reader.getBySource(source, limit);
  }

  async getByPath(query: PathQuery): Promise<readonly StoredDelta[]> {
    this.#assertOpen();
    return this.#reader.getByPath(query);
  }

  async getLatest(filter?: DeltaFilter, before?: Position): Promise<readonly StoredDelta[]> {
    this.#assertOpen();
    return this.#reader.getLatest(filter, before);
  }

  async get(id: DeltaId): Promise<StoredDelta | undefined> {
    this.#assertOpen();
    return this.#reader.get(id);
  }

  async committed(): Promise<void> {
    this.#assertOpen();
  }

  vector(): VersionVector {
    this.#assertOpen();
    return this.#intake.vector();
  }

  async compact(before: HlcTime, below?: Position): Promise<CompactResult> {
    this.#assertOpen();
    this.#index.applyUpTo(this.#intake.head);
    const steps = compactLog(this.#log.view, this.#index.tables, { before, below }, this.#options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  async stats(): Promise<DeltaStoreStats> {
    this.#assertOpen();
    const { head, floor, applied } = this.#reader.snapshot();
    return {
      kind: 'lmdb',
      head,
      committed: head,
      flushed: head,
      indexed: applied,
      floor,
      count: head - floor + 1,
      diskBytes: this.#log.diskBytes() + this.#index.tables.environment.diskBytes(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#index.close();
    await this.#log.close();
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new CollabError('STORE_CLOSED', 'the delta store is closed', { next: 'Start the daemon again.' });
  }
}
