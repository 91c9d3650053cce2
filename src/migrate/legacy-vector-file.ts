/** The documents of one `vectors/<name>.json`, whatever is wrong with the file. */
import type { FileHandle } from 'node:fs/promises';
import { type JsonSpan, JsonSpans } from './json-spans.ts';
import { type LegacyDocument, readLegacyDocument, type Unreadable } from './legacy-document.ts';

/** Where a document lies in its file. */
export type DocumentSpan = Pick<JsonSpan, 'key' | 'from' | 'to'>;
export type Reading = LegacyDocument | Unreadable;

/** What is wrong beside single documents. `document` is the key of the one that it is in the middle of. */
export interface FileFault {
  readonly document?: string;
  readonly why: string;
}

export interface FileReader {
  /** The file's name without `.json`. */
  readonly collection: string;
  readonly onDocument: (span: DocumentSpan, reading: Reading) => void;
  readonly onFault: (fault: FileFault) => void;
  /** How far it is. */
  readonly onBytes: (bytes: number) => void;
}

const chunkBytes = 1024 * 1024;
/** One document has some kilobytes, with its embedding 40. A larger one is damage, and would be held in memory. */
const maxDocumentBytes = 64 * 1024 * 1024;
/** Each damaged place may cost a walk to the end of the file. So many walks are more than a crash or a bad sector makes necessary. */
const maxWalks = 16;
/** For small files, where a walk takes no time. */
const leastBytesRead = 256 * 1024 * 1024;
/** How a document begins: its key in the file is its id too, which no text inside of a string can look like. */
const documentStart = /"((?:[^"\\\n]|\\.){1,500})"\s*:\s*\{\s*"id"\s*:\s*"\1"/;
const maxStartBytes = 2048;

/** Reads on behind what is damaged, at the next place that looks like the start of a document. */
export async function readVectorFile(handle: FileHandle, reader: FileReader): Promise<void> {
  const { size } = await handle.stat();
  await new DamagedReader(handle, reader, Math.max(maxWalks * size, leastBytesRead)).run();
}

class DamagedReader {
  readonly #handle: FileHandle;
  readonly #reader: FileReader;
  readonly #chunk = Buffer.allocUnsafe(chunkBytes);
  #bytesLeft: number;

  constructor(handle: FileHandle, reader: FileReader, maxBytesRead: number) {
    this.#handle = handle;
    this.#reader = reader;
    this.#bytesLeft = maxBytesRead;
  }

  async run(): Promise<void> {
    let at = await this.#readFrom(undefined);
    while (at !== undefined && this.#bytesLeft > 0) at = await this.#readFrom(at);
    if (at === undefined) return;
    this.#reader.onFault({
      why: `the file is damaged in too many places; nothing behind byte ${at} was read`,
    });
  }

  /** Returns where to go on when what was read made no sense any more. */
  async #readFrom(start: number | undefined): Promise<number | undefined> {
    const { collection, onDocument, onFault, onBytes } = this.#reader;
    const spans: JsonSpan[] = [];
    const finder = new JsonSpans('documents', (span) => spans.push(span), start);
    for (;;) {
      const bytes = await this.#read(finder.at);
      if (bytes.length === 0) break;
      finder.push(bytes);
      for (const span of spans.splice(0)) {
        if (span.level !== 2) continue;
        const reading = await readDocument(this.#handle, span, collection);
        onDocument(span, reading);
        // A bracket or a quote is missing or too many: where it ends is not to be trusted.
        const next = 'why' in reading && reading.isTorn ? await this.#findStart(span.from + 1) : undefined;
        if (next !== undefined) return next;
      }
      onBytes(finder.at);
    }
    const fault = finder.end();
    if (fault === undefined) return undefined;
    onFault({ ...(fault.key === undefined ? {} : { document: fault.key }), why: `the file ${fault.what}` });
    return this.#findStart(fault.from);
  }

  /** The first byte behind `from` at which the key of a document stands. */
  async #findStart(from: number): Promise<number | undefined> {
    for (let at = from; ; ) {
      const bytes = await this.#read(at);
      // As Latin-1 a character is a byte.
      const found = documentStart.exec(bytes.toString('latin1'));
      if (found !== null) return at + found.index;
      if (bytes.length <= maxStartBytes) return undefined;
      at += bytes.length - maxStartBytes;
    }
  }

  async #read(at: number): Promise<Buffer> {
    const { bytesRead } = await this.#handle.read(this.#chunk, 0, this.#chunk.length, at);
    this.#bytesLeft -= bytesRead;
    return this.#chunk.subarray(0, bytesRead);
  }
}

export async function readDocument(
  handle: FileHandle,
  { key, from, to }: DocumentSpan,
  collection: string,
): Promise<Reading> {
  const length = to - from;
  if (length > maxDocumentBytes) return { why: `it has ${length} bytes`, isTorn: true };
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(bytes, 0, length, from);
  if (bytesRead < length) return { why: 'it is cut off', isTorn: true };
  return readLegacyDocument(bytes.toString('utf8'), { key, collection });
}
