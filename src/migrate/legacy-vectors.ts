/** The `vectors/` of the older program: which documents there are, and each one when it is asked for. Nothing is written. */
import { type FileHandle, readdir, stat } from 'node:fs/promises';
import { bytesOf, decodeName } from '../backup/path-text.ts';
import { CollabError } from '../base/errors.ts';
import {
  type AgedDocument,
  ageOf,
  compareByAge,
  type LegacyDocument,
  wellFormed,
} from './legacy-document.ts';
import { type DocumentSpan, type Reading, readDocument, readVectorFile } from './legacy-vector-file.ts';
import { openPlainFile } from './plain-file.ts';

/** Where a document lies. Its text stays on disk: ten thousand of them may be 300 MB. */
export interface DocumentEntry extends AgedDocument, DocumentSpan {
  readonly dimension: number;
  readonly wrapped: boolean;
  /** As UTF-8. */
  readonly contentBytes: number;
}

/** Something that is not imported, and why. `document` is absent when it is a whole file. */
export interface Skipped {
  readonly file: string;
  readonly document?: string;
  readonly why: string;
}

export interface VectorSurvey {
  /** In the order in which they are imported. */
  readonly entries: readonly DocumentEntry[];
  readonly skipped: readonly Skipped[];
  readonly files: number;
  readonly bytes: number;
  /** Sizes of embeddings met, ascending: they are dropped. */
  readonly dimensions: readonly number[];
  /** Documents whose content was wrapped in JSON. */
  readonly wrapped: number;
  /** Of the contents alone, as UTF-8. */
  readonly contentBytes: number;
}

/** Bytes. */
export interface SurveyProgress {
  readonly done: number;
  readonly total: number;
}

/** Names of the files below `directory`, which need not exist; a link is followed, as the older program did. */
export async function listVectorFiles(directory: string): Promise<readonly string[]> {
  try {
    const names = (await readdir(directory, { encoding: 'buffer' })).map(decodeName);
    return names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** Looks at every document once. Of two with one key in a file the later counts, as in every JSON reader. */
export async function surveyVectors(
  directory: string,
  onProgress: (progress: SurveyProgress) => void = () => {},
): Promise<VectorSurvey> {
  const files = await listVectorFiles(directory);
  const sizes = await Promise.all(files.map((file) => sizeOf(bytesOf(directory, file))));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const survey = new Survey(directory);
  let before = 0;
  for (const [at, file] of files.entries()) {
    await survey.add(file, (bytes) => onProgress({ done: before + bytes, total }));
    before += sizes[at] ?? 0;
  }
  return survey.result(files.length, total);
}

class Survey {
  readonly #directory: string;
  readonly #entries: DocumentEntry[] = [];
  readonly #skipped: Skipped[] = [];
  readonly #dimensions = new Set<number>();
  #wrapped = 0;
  #contentBytes = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async add(file: string, onBytes: (bytes: number) => void): Promise<void> {
    const skip = (why: string, document?: string) =>
      this.#skipped.push({
        file: printableName(file),
        ...(document === undefined ? {} : { document: wellFormed(document) }),
        why,
      });
    const found = new Map<string, DocumentEntry>();
    const onDocument = (span: DocumentSpan, reading: Reading) => {
      if ('why' in reading) {
        skip(reading.why, span.key);
        return;
      }
      if (found.has(span.key)) skip('a later one has the same key', span.key);
      found.set(span.key, entryOf(reading, span, file));
    };
    try {
      const handle = await openPlainFile(bytesOf(this.#directory, file));
      try {
        await readVectorFile(handle, {
          collection: collectionOf(file),
          onDocument,
          onFault: ({ why, document }) => skip(why, document),
          onBytes,
        });
      } finally {
        await handle.close();
      }
    } catch (error) {
      // What was found before it stays found.
      const { code, message } = error as NodeJS.ErrnoException;
      skip(`it cannot be read (${code ?? message})`);
    }
    for (const entry of found.values()) this.#keep(entry);
  }

  #keep(entry: DocumentEntry): void {
    this.#entries.push(entry);
    this.#dimensions.add(entry.dimension);
    this.#contentBytes += entry.contentBytes;
    if (entry.wrapped) this.#wrapped += 1;
  }

  result(files: number, bytes: number): VectorSurvey {
    return {
      entries: this.#entries.toSorted(compareByAge),
      skipped: this.#skipped,
      files,
      bytes,
      dimensions: [...this.#dimensions].sort((a, b) => a - b),
      wrapped: this.#wrapped,
      contentBytes: this.#contentBytes,
    };
  }
}

/** Reads documents again by their entries; keeps the file of the last one open. */
export class VectorReader {
  readonly #directory: string;
  #open: { readonly file: string; readonly handle: FileHandle } | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws STORE_UNAVAILABLE when the file is no longer what was surveyed. */
  async read(entry: DocumentEntry): Promise<LegacyDocument> {
    const handle = await this.#handleOf(entry.file).catch((error: NodeJS.ErrnoException) => {
      throw changed(entry, `it cannot be read (${error.code ?? error.message})`);
    });
    const reading = await readDocument(handle, entry, collectionOf(entry.file));
    if ('why' in reading) throw changed(entry, reading.why);
    return reading;
  }

  async #handleOf(file: string): Promise<FileHandle> {
    if (this.#open?.file === file) return this.#open.handle;
    await this.close();
    const handle = await openPlainFile(bytesOf(this.#directory, file));
    this.#open = { file, handle };
    return handle;
  }

  async close(): Promise<void> {
    await this.#open?.handle.close();
    this.#open = undefined;
  }
}

/** Nobody but the older program writes there, and it does not run. */
function changed({ file, id }: DocumentEntry, why: string): CollabError {
  return new CollabError(
    'STORE_UNAVAILABLE',
    `vectors/${printableName(file)} changed while it was imported: ${id}: ${why}`,
    {
      next: 'End whatever writes into the data directory, then run this again.',
      details: { file: printableName(file) },
    },
  );
}

function entryOf(document: LegacyDocument, span: DocumentSpan, file: string): DocumentEntry {
  const { collection, id, content, dimension, wrapped, createdAt } = document;
  return {
    ...{ key: span.key, from: span.from, to: span.to, file },
    ...{ collection, id, dimension, wrapped, contentBytes: Buffer.byteLength(content) },
    ...ageOf(createdAt),
  };
}

function collectionOf(file: string): string {
  return printableName(file).slice(0, -'.json'.length);
}

/** A name that is no UTF-8 is kept in a form (backup/path-text.ts) that nothing outside takes. */
export function printableName(file: string): string {
  return wellFormed(file);
}

async function sizeOf(path: Buffer): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    // It is named with its reason when it is opened.
    () => 0,
  );
}
