/** Writing the delta index: the index lane's side of `index/` (index-tables.ts draws the layout). */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { Position } from '../base/ids.ts';
import { decodeDeltaFrame } from '../delta/delta-frame.ts';
import { dataFileName, lockFileName } from './data-file.ts';
import { type Environment, type EnvironmentOptions, openEnvironment } from './environment.ts';
import { IndexBatch } from './index-batch.ts';
import { IndexTables } from './index-tables.ts';
import { headAt, type LogView } from './log-view.ts';
import { RunCare } from './run-merge.ts';
import type { RunContent } from './sorted-runs.ts';

export interface DeltaIndexOptions {
  readonly mapSizeBytes?: number;
  readonly create?: boolean;
  /** Deltas of one transaction. @default defaultIndexBatch */
  readonly batch?: number;
}

/** A run of its own: the larger it is, the less often what is in it is merged. */
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

export class DeltaIndexWriter {
  readonly tables: IndexTables;
  /** True when `open` found no usable index and began a new one. */
  readonly rebuilding: boolean;
  readonly #log: LogView;
  readonly #batch: number;
  readonly #care: RunCare;

  private constructor(tables: IndexTables, log: LogView, batch: number, rebuilding: boolean) {
    this.tables = tables;
    this.#log = log;
    this.#batch = batch;
    this.#care = new RunCare(tables.environment, tables.runs);
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
      environment.write(() => {
        if (!usable) tables.reset(log.floor());
        else tables.runs.abandonBuilding();
      });
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
      this.tidy(applied < position);
    }
    return applied;
  }

  /**
   * One transaction of what keeps the runs few; to be called between batches, and for as long as it answers true.
   * @param isBusy whether more is to be indexed: then what can wait does.
   */
  tidy(isBusy = false): boolean {
    return this.#care.step(isBusy);
  }

  /** One transaction of `applyUpTo`, for an owner that wants to look at its queue in between. */
  applyBatch(applied: Position, upTo: number): Position {
    const log = this.#log;
    log.environment.refresh();
    const from = Math.max(applied + 1, log.floor());
    const to = Math.min(upTo, log.head(), from + this.#batch - 1);
    if (from > to) return applied;
    const content = this.#read(from, to);
    this.tables.environment.writeRepeatable(() => this.#put(content));
    return content.span.last as Position;
  }

  /** Inside `write`. */
  #put(content: RunContent): void {
    const { last } = content.span;
    this.tables.runs.add(content);
    this.tables.meta.put('applied', { position: last, stamp: this.#log.stamp(last) });
    this.#care.mergeSmall();
  }

  /** Begins anew, in one transaction; `applyUpTo` then does the work. Readers see a complete answer all along. */
  rebuild(): void {
    this.#log.environment.refresh();
    this.#care.forget();
    this.tables.environment.write(() => this.tables.reset(this.#log.floor()));
  }

  close(): Promise<void> {
    return this.tables.environment.close();
  }

  /** What is lost for good on the way is passed over. */
  #read(from: number, to: number): RunContent {
    const batch = new IndexBatch();
    let bytes = 0;
    for (const { position, view } of this.#log.frameViews(from, to)) {
      batch.add(position, headAt(position, decodeDeltaFrame(position, view)));
      bytes += view.length;
      if (bytes >= maxBatchBytes) return batch.content(from, position);
    }
    return batch.content(from, to);
  }
}
