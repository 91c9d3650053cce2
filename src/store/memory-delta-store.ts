/**
 * The delta store of `run --memory`, and the model that the others are tested against: a list, and a filter per query.
 * Deltas go through their encoding once, so that what comes out is what any other store would give.
 */
import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaId, NodeId, Position } from '../base/ids.ts';
import { parseDeltaId, type StoredDelta } from '../delta/delta.ts';
import { decodeDeltaBody } from '../delta/delta-body.ts';
import { genesisHash } from '../delta/delta-frame.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { type CommitListener, CommitListeners } from './commit-listeners.ts';
import { DeltaIntake } from './delta-intake.ts';
import {
  type CompactResult,
  type DeltaFilter,
  type DeltaStore,
  type DeltaStoreStats,
  defaultQueryLimit,
  type IncomingDelta,
  type PathQuery,
  type SaveReceipt,
} from './delta-store.ts';
import { storedDelta } from './log-view.ts';
import { filterFits, findSource, isAbout, sinceFits } from './query-filter.ts';

export class MemoryDeltaStore implements DeltaStore {
  /** In log order. */
  #deltas: StoredDelta[] = [];
  #floor = 1 as Position;
  readonly #listeners = new CommitListeners(0);
  readonly #intake = new DeltaIntake(0 as Position, new Map());
  #closed = false;

  save(incoming: IncomingDelta): Promise<SaveReceipt> {
    return this.saveBatch([incoming]);
  }

  async saveBatch(incoming: readonly IncomingDelta[]): Promise<SaveReceipt> {
    this.#assertOpen();
    const { records, duplicates, take } = this.#intake.admit(incoming);
    const stored = records.map(({ position, prev = genesisHash, body }) =>
      storedDelta(position, { prev }, decodeDeltaBody(Uint8Array.from(body))),
    );
    take();
    this.#deltas.push(...stored);
    if (records.length > 0) this.#listeners.tell(this.#intake.head);
    return { positions: records.map(({ position }) => position), duplicates };
  }

  onCommitted(listener: CommitListener): () => void {
    return this.#listeners.add(listener);
  }

  async getSince(vector: VersionVector, filter: DeltaFilter = {}): Promise<readonly StoredDelta[]> {
    return this.#select((delta) => sinceFits(delta, vector) && filterFits(delta, filter), filter.limit);
  }

  async getRange(from: HlcTime, to: HlcTime, filter: DeltaFilter = {}): Promise<readonly StoredDelta[]> {
    return this.#select(
      (delta) => delta.time >= from && delta.time < to && filterFits(delta, filter),
      filter.limit,
      (a, b) => a.time - b.time || a.position - b.position,
    );
  }

  async getBySource(source: NodeId, limit?: number): Promise<readonly StoredDelta[]> {
    return this.#select((delta) => delta.source === source, limit, newestFirst);
  }

  async getByPath(query: PathQuery): Promise<readonly StoredDelta[]> {
    return this.#select(
      (delta) => isAbout(delta, query) && filterFits(delta, query),
      query.limit,
      newestFirst,
    );
  }

  async getLatest(filter: DeltaFilter = {}, before?: Position): Promise<readonly StoredDelta[]> {
    const fits = (delta: StoredDelta) =>
      filterFits(delta, filter) && (before === undefined || delta.position < before);
    return this.#select(fits, filter.limit, newestFirst);
  }

  async get(id: DeltaId): Promise<StoredDelta | undefined> {
    const parsed = parseDeltaId(id);
    if (parsed === undefined) return undefined;
    const source = findSource(parsed.source, new Set(Object.keys(this.vector()) as NodeId[]));
    return this.#select((delta) => delta.source === source && delta.seq === parsed.seq, 1)[0];
  }

  async committed(): Promise<void> {
    this.#assertOpen();
  }

  vector(): VersionVector {
    this.#assertOpen();
    return this.#intake.vector();
  }

  async compact(before: HlcTime, below: number = this.#floor): Promise<CompactResult> {
    this.#assertOpen();
    const young = this.#deltas.findIndex(({ time, position }) => time >= before && position >= below);
    const dropped = young < 0 ? this.#deltas.length : young;
    this.#deltas = this.#deltas.slice(dropped);
    this.#floor = (this.#floor + dropped) as Position;
    return { dropped, floor: this.#floor };
  }

  async stats(): Promise<DeltaStoreStats> {
    this.#assertOpen();
    const { head } = this.#intake;
    return {
      kind: 'memory',
      head,
      committed: head,
      flushed: head,
      indexed: head,
      floor: this.#floor,
      count: this.#deltas.length,
      diskBytes: 0,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #select(
    fits: (delta: StoredDelta) => boolean,
    limit: number = defaultQueryLimit,
    order?: (a: StoredDelta, b: StoredDelta) => number,
  ): readonly StoredDelta[] {
    this.#assertOpen();
    const fitting = this.#deltas.filter(fits);
    if (order !== undefined) fitting.sort(order);
    return fitting.slice(0, limit);
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new CollabError('STORE_CLOSED', 'the delta store is closed', { next: 'Start the daemon again.' });
  }
}

function newestFirst(a: StoredDelta, b: StoredDelta): number {
  return b.position - a.position;
}
