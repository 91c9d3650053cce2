/** Writing the delta index: the index lane's side of `index/` (index-tables.ts draws the layout). */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { Position } from '../base/ids.ts';
import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import type { DeltaHead } from '../delta/delta-head.ts';
import { dataFileName, lockFileName } from './data-file.ts';
import { type Environment, type EnvironmentOptions, openEnvironment } from './environment.ts';
import { EntryWriter, IndexTables, NumberGiver } from './index-tables.ts';
import { headAt, type LogView } from './log-view.ts';
import { DigestBook, digestName } from './table-digest.ts';

export interface DeltaIndexOptions {
  readonly mapSizeBytes?: number;
  readonly create?: boolean;
  /** Deltas of one transaction. @default defaultIndexBatch */
  readonly batch?: number;
}

/**
 * Entries of one path lie far from those of the next, so a batch writes a page for nearly every path it meets: an index that is behind
 * catches up at 78 000/s with 1000 deltas a batch, 114 000/s with 4000, 130 000/s with 8192 and no faster beyond. About 60 ms, in
 * which only compaction waits.
 */
const defaultIndexBatch = 8192;
/** Bytes of frames after which a batch ends early, so that large deltas do not pile up in memory. */
const maxBatchBytes = 4 * 1024 * 1024;

export function openIndexEnvironment(
  directory: string,
  options: Omit<EnvironmentOptions, 'durability'> = {},
): Environment {
  // Derived from the log: after a power loss `applied` may lie further back, never ahead of its entries.
  return openEnvironment(directory, { ...options, durability: 'no-meta-sync' });
}

interface Pending {
  readonly position: Position;
  readonly head: DeltaHead;
}

export class DeltaIndexWriter {
  readonly tables: IndexTables;
  /** True when `open` found no usable index and began a new one. */
  readonly rebuilding: boolean;
  readonly #log: LogView;
  readonly #batch: number;
  readonly #giver: NumberGiver;
  readonly #entries: EntryWriter;

  private constructor(tables: IndexTables, log: LogView, batch: number, rebuilding: boolean) {
    this.tables = tables;
    this.#log = log;
    this.#batch = batch;
    this.#giver = new NumberGiver(tables);
    this.#entries = new EntryWriter(tables);
    this.rebuilding = rebuilding;
  }

  /**
   * Opens the index of a log. One that is missing, damaged, of another schema or does not belong to this log is begun anew;
   * a file that LMDB itself cannot read is removed first, which is why the writer opens before any reader.
   */
  static async open(
    directory: string,
    log: LogView,
    options: DeltaIndexOptions = {},
  ): Promise<DeltaIndexWriter> {
    try {
      return await DeltaIndexWriter.#open(directory, log, options);
    } catch (error) {
      const damaged = error instanceof CollabError && error.code === 'STORE_DAMAGED';
      // With `create: false` others have the file open.
      if (!damaged || options.create === false) throw error;
      for (const file of [dataFileName, lockFileName]) rmSync(join(directory, file), { force: true });
      return await DeltaIndexWriter.#open(directory, log, options);
    }
  }

  static async #open(directory: string, log: LogView, options: DeltaIndexOptions): Promise<DeltaIndexWriter> {
    const environment = openIndexEnvironment(directory, { ...options, writer: true });
    try {
      const tables = new IndexTables(environment);
      log.environment.refresh();
      const usable = tables.applied(log) !== undefined;
      if (!usable) environment.write(() => tables.reset(log.floor()));
      else if (!tables.meta.has(digestName)) environment.write(() => tables.beginDigests());
      return new DeltaIndexWriter(tables, log, options.batch ?? defaultIndexBatch, !usable);
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  /** Newest position that is indexed. */
  applied(): Position {
    this.tables.environment.refresh();
    this.#log.environment.refresh();
    return this.tables.applied(this.#log) ?? ((this.#log.floor() - 1) as Position);
  }

  /**
   * Indexes the log up to `position`, or as far as it goes. Each batch is one transaction that also moves `applied`, so a
   * crash costs at most one batch, which is done again with the same result.
   * @returns the newest position that is indexed.
   * @throws STORE_DAMAGED at a delta that cannot be read: to skip it would make queries silently short.
   */
  applyUpTo(position: number): Position {
    let applied = this.applied();
    while (applied < position) {
      const done = this.applyBatch(applied, position);
      if (done === applied) break;
      applied = done;
    }
    return applied;
  }

  /** One transaction of `applyUpTo`, for an owner that wants to look at its queue in between. */
  applyBatch(applied: Position, upTo: number): Position {
    const log = this.#log;
    log.environment.refresh();
    const from = Math.max(applied + 1, log.floor());
    const to = Math.min(upTo, log.head(), from + this.#batch - 1);
    if (from > to) return applied;
    const { pending, last } = this.#read(from, to);
    this.tables.environment.writeRepeatable(() => this.#put(pending, last));
    this.#giver.committed();
    return last;
  }

  /** Inside `write`. */
  #put(pending: readonly Pending[], last: Position): void {
    // Read inside the transaction: compaction raises it in one of its own before it removes the first entry.
    const floor = this.tables.floor();
    const digests = new DigestBook(this.tables.meta);
    this.#giver.begin(digests);
    this.#entries.forget();
    for (const { position, head } of pending)
      if (position >= floor) this.#entries.add(this.#giver.numbers(head), position, head, digests);
    this.#entries.finish(digests);
    this.#giver.finish();
    digests.save();
    this.tables.meta.put('applied', { position: last, stamp: this.#log.stamp(last) });
  }

  /** Begins anew, in one transaction; `applyUpTo` then does the work. Readers see a complete answer all along. */
  rebuild(): void {
    this.#log.environment.refresh();
    this.#giver.forget();
    this.tables.environment.write(() => this.tables.reset(this.#log.floor()));
  }

  close(): Promise<void> {
    return this.tables.environment.close();
  }

  /** `last` is the end of what was read; what is lost for good on the way is passed over. */
  #read(from: number, to: number): { readonly pending: readonly Pending[]; readonly last: Position } {
    const pending: Pending[] = [];
    let bytes = 0;
    for (const { position, value } of this.#log.frames(from, to)) {
      pending.push({ position, head: headAt(position, decodeDeltaFrame(position, value)) });
      bytes += value.length;
      if (bytes >= maxBatchBytes) return { pending, last: position };
    }
    return { pending, last: to as Position };
  }
}
