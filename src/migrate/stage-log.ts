/**
 * Makes, in the staging directory, the log that there will be: a copy of the one that is there, if any, with the contexts of the older
 * program behind its end. Nothing in its place is touched, so a kill at any time costs the time that it took.
 *
 * The same input gives the same log, byte for byte: documents in one order, batches of one size, times counted up from the start of the
 * migration, and Ed25519 draws nothing.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { syncDirectory } from '../backup/file-error.ts';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { HybridClock } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import type { Delta, DeltaDraft } from '../delta/delta.ts';
import { DeltaAuthor } from '../delta/delta-author.ts';
import { encodeDeltaBody } from '../delta/delta-body.ts';
import { signHash } from '../delta/delta-frame.ts';
import type { LogRecord } from '../delta/log-record.ts';
import type { NodeKey } from '../home/node-key.ts';
import { dataFileName } from '../store/data-file.ts';
import { DeltaLogWriter } from '../store/delta-log.ts';
import { fitsDepth, type ImportTarget, importedContext, shortened } from './imported-context.ts';
import type { LegacyDocument } from './legacy-document.ts';
import { type DocumentEntry, printableName, VectorReader } from './legacy-vectors.ts';

export interface StageOptions {
  readonly key: NodeKey;
  readonly target: ImportTarget;
  /** Of the migration: the time that every delta carries. */
  readonly startedMs: number;
  readonly vectors: string;
  readonly entries: readonly DocumentEntry[];
  readonly onProgress: (done: number) => void;
}

export interface StagedLog {
  readonly head: Position;
  readonly imported: number;
  readonly duplicates: number;
  readonly cut: number;
  readonly bytes: number;
}

/** Fixed, since a batch is what one signature covers: another size would make another log. */
const batchDeltas = 256;
const batchBytes = 4 * 1024 * 1024;

/** A copy of the log at `from`, which the first commit to it puts on disk. The caller holds the owner lock, and nothing has it open. */
export async function copyLog(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  await copyFile(join(from, dataFileName), join(to, dataFileName), constants.COPYFILE_FICLONE);
}

/**
 * When it returns, the log is on disk, its names too.
 * @param directory with the copy of the log, or not there yet. @throws as `DeltaLogWriter`.
 */
export async function stageLog(directory: string, options: StageOptions): Promise<StagedLog> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const staged = await fillLog(directory, options);
  await syncDirectory(directory);
  await syncDirectory(dirname(directory));
  return staged;
}

async function fillLog(directory: string, options: StageOptions): Promise<StagedLog> {
  const log = await DeltaLogWriter.open(directory, { node: options.key.nodeId });
  const reader = new VectorReader(options.vectors);
  try {
    // A log with deltas and without fences is taken for one that was lost (daemon/lmdb-stores.ts).
    log.reserveFences(1);
    return await new Importer(log, reader, options).run();
  } finally {
    await reader.close();
    await log.close();
  }
}

class Importer {
  readonly #log: DeltaLogWriter;
  readonly #reader: VectorReader;
  readonly #options: StageOptions;
  readonly #author: DeltaAuthor;
  /** What the author knows; its own entry rises as it writes. */
  readonly #known: Record<NodeId, number> = {};
  /** Of a collection, a path and a content, the document that had them first. */
  readonly #firstWith = new Map<string, string>();
  #batch: LogRecord[] = [];
  #batchBytes = 0;
  #position: Position;
  #duplicates = 0;
  #cut = 0;

  constructor(log: DeltaLogWriter, reader: VectorReader, options: StageOptions) {
    this.#log = log;
    this.#reader = reader;
    this.#options = options;
    const { head, clock, sources } = log.headState();
    for (const [source, { seq }] of sources) if (seq > 0) this.#known[source] = seq;
    this.#position = head;
    const { startedMs, key } = options;
    // Not their own time of creation, which is in their metadata: retention drops what is old.
    const stopped = { wallMs: () => startedMs, monotonicMs: () => 0 };
    this.#author = new DeltaAuthor({ source: key.nodeId, clock: new HybridClock(stopped, clock) });
  }

  async run(): Promise<StagedLog> {
    const { entries, onProgress } = this.#options;
    for (const [at, entry] of entries.entries()) {
      this.#add(await this.#reader.read(entry), entry);
      if (this.#batch.length < batchDeltas && this.#batchBytes < batchBytes) continue;
      this.#flush();
      onProgress(at + 1);
      // Progress is shown by a timer, and lmdb-js resets its read transactions by one.
      await setImmediate();
    }
    this.#flush();
    onProgress(entries.length);
    return {
      head: this.#position,
      imported: entries.length,
      duplicates: this.#duplicates,
      cut: this.#cut,
      bytes: this.#log.diskBytes(),
    };
  }

  #add(document: LegacyDocument, entry: DocumentEntry): void {
    const draft = importedContext(document, this.#options.target, this.#firstLike(document));
    const { delta, body } = this.#encode(draft, document, entry.file);
    const { source, seq, time } = delta;
    this.#position = (this.#position + 1) as Position;
    this.#known[source] = seq;
    this.#batch.push({ position: this.#position, source, seq, time, body });
    this.#batchBytes += body.length;
  }

  #encode(
    draft: DeltaDraft,
    document: LegacyDocument,
    file: string,
  ): { readonly delta: Delta; readonly body: Uint8Array } {
    const whole = this.#author.draft(draft, this.#known);
    if (fitsDepth(whole.payload)) {
      try {
        return { delta: whole, body: encodeDeltaBody(whole) };
      } catch (error) {
        if (!(error instanceof CollabError && error.code === 'DELTA_TOO_LARGE')) throw error;
      }
    }
    this.#cut += 1;
    const delta = this.#author.draft(shortened(draft, document, printableName(file)), this.#known);
    return { delta, body: encodeDeltaBody(delta) };
  }

  #firstLike(document: LegacyDocument): string | undefined {
    const { collection, filePath = '', content, id } = document;
    const like = createHash('sha256')
      .update(JSON.stringify([collection, filePath, content]))
      .digest('base64');
    const first = this.#firstWith.get(like);
    if (first === undefined) this.#firstWith.set(like, id);
    else this.#duplicates += 1;
    return first;
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    failpoint('migrate.batch');
    this.#log.append(this.#batch, (hash) => signHash(hash, this.#options.key.privateKey));
    this.#batch = [];
    this.#batchBytes = 0;
  }
}
