/**
 * The vectors of the contexts: made in the background, the newest context first, kept in memory and in a file, and made again when the
 * model is another. Without vectors, or while a service does not answer, the search goes by words alone.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CollabError } from '../base/errors.ts';
import type { ContextDocument, VectorState } from './context-search.ts';
import type { EmbeddingProvider } from './embedding-provider.ts';
import { passagesOf } from './passages.ts';
import { VectorFile } from './vector-file.ts';
import { type VectorHit, VectorIndex } from './vector-index.ts';

export interface VectorStoreOptions {
  /** Called by the first text; undefined for a search by words alone. */
  readonly open: (() => Promise<EmbeddingProvider>) | undefined;
  /** Who makes the vectors, as people read it; a file belongs to one model. Null without any. */
  readonly model: string | null;
  /** Undefined in memory mode. */
  readonly file: string | undefined;
  readonly pause?: (ms: number) => Promise<void>;
}

interface Waiting {
  readonly id: string;
  readonly passages: readonly string[];
}

/** For some thirty contexts of a few sentences. */
const soonMs = 1000;
/** A search answers by words alone rather than wait longer for the vector of its query. */
const queryTimeoutMs = 3000;
/** After a failure, doubled by each further one. */
const firstPauseMs = 1000;
const longestPauseMs = 300_000;
/** The file is written anew when it has more records of contexts that are gone, and more of them than of others. */
const minGone = 1000;

export class VectorStore {
  readonly #options: VectorStoreOptions;
  readonly #documents: () => Iterable<ContextDocument>;
  readonly #file: VectorFile | undefined;
  /** Read from the file, and not asked for yet. */
  #kept: Map<string, Float32Array>;
  #index: VectorIndex | undefined;
  #provider: Promise<EmbeddingProvider> | undefined;
  readonly #waiting = new Map<string, Waiting>();
  /** Of those that wait, the newest last; some have their vectors by now. */
  readonly #order: string[] = [];
  #entries = 0;
  #work: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #problem: string | undefined;

  constructor(options: VectorStoreOptions, documents: () => Iterable<ContextDocument>) {
    this.#options = options;
    this.#documents = documents;
    const { file, model } = options;
    this.#file = file === undefined || model === null ? undefined : new VectorFile({ path: file, model });
    const loaded = this.#file?.load();
    this.#kept = loaded?.vectors ?? new Map();
    if (loaded !== undefined && loaded.dimension > 0) this.#index = new VectorIndex(loaded.dimension);
  }

  state(): VectorState {
    const { model } = this.#options;
    return {
      model,
      embedded: model === null ? 0 : this.#entries - this.#waiting.size,
      entries: this.#entries,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  add({ id, content }: ContextDocument): void {
    this.#entries += 1;
    if (this.#options.open === undefined) return;
    const passages = passagesOf(content);
    const known = passages.flatMap((_, nth) => this.#kept.get(keyOf(id, nth)) ?? []);
    passages.forEach((_, nth) => void this.#kept.delete(keyOf(id, nth)));
    if (known.length === passages.length) {
      for (const vector of known) this.#index?.add(id, vector);
      return;
    }
    this.#wait(id, passages);
    this.#work ??= this.#makeAll().finally(() => {
      this.#work = undefined;
    });
  }

  remove(id: string): void {
    this.#entries -= 1;
    this.#waiting.delete(id);
    this.#index?.remove(id);
  }

  /** Undefined when vectors are off, or cannot be had at the moment. */
  async ofQuery(text: string): Promise<Float32Array | undefined> {
    if (this.#index === undefined || this.#index.size === 0) return undefined;
    try {
      const provider = await this.#open();
      const [vector] = await provider.embed([text], 'query', AbortSignal.timeout(queryTimeoutMs));
      return vector?.length === this.#index.dimension ? vector : undefined;
    } catch (error) {
      this.#problem = messageOf(error);
      return undefined;
    }
  }

  /** Vectors of single sentences, such as a verdict compares; undefined as for `ofQuery`. */
  async ofSentences(texts: readonly string[]): Promise<readonly Float32Array[] | undefined> {
    if (this.#options.open === undefined) return undefined;
    try {
      return await embedAll(await this.#open(), texts, AbortSignal.timeout(queryTimeoutMs));
    } catch (error) {
      this.#problem = messageOf(error);
      return undefined;
    }
  }

  nearest(vector: Float32Array, accept: (id: string) => boolean, limit: number): readonly VectorHit[] {
    return this.#index?.search(vector, accept, limit) ?? [];
  }

  /** Everything of the log was added: what is left of the file belongs to nothing any more. */
  settle(): void {
    const gone = this.#kept.size;
    this.#kept = new Map();
    if (gone > minGone && gone > (this.#index?.size ?? 0)) this.#toFile((file) => file.rewrite(this.#live()));
  }

  /** Until every vector is there, or cannot be had at the moment. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** What was shared a moment ago is to be found by its meaning too: a search waits for a few vectors, not for many. */
  async soon(): Promise<void> {
    if (this.#work === undefined || this.#problem !== undefined) return;
    await Promise.race([this.#work, delay(soonMs, undefined, { ref: false })]);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
    this.#file?.close();
  }

  async #makeAll(): Promise<void> {
    const pause =
      this.#options.pause ?? ((ms) => delay(ms, undefined, { signal: this.#closing.signal, ref: false }));
    let pauseMs = firstPauseMs;
    let batch = Number.POSITIVE_INFINITY;
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      try {
        const provider = await this.#open();
        await this.#make(provider, Math.min(batch, provider.maxBatch));
        this.#problem = undefined;
        pauseMs = firstPauseMs;
        batch = Number.POSITIVE_INFINITY;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#problem = messageOf(error);
        if (isOfText(error)) {
          // One of several texts, or this one: a service will not take it at any other time either.
          if (batch === 1) this.#waiting.delete(this.#newest(1)[0]?.id ?? '');
          batch = 1;
        } else {
          await pause(pauseMs).catch(() => {});
          pauseMs = Math.min(2 * pauseMs, longestPauseMs);
        }
      }
    }
  }

  /** Contexts whose passages fit into one call, the newest first; one alone may take several calls. */
  async #make(provider: EmbeddingProvider, batch: number): Promise<void> {
    const chosen = this.#newest(batch);
    const texts = chosen.flatMap(({ passages }) => passages);
    const vectors = await embedAll(provider, texts, this.#closing.signal);
    if (this.#beginsAnew(vectors[0]?.length)) return;
    const records: (readonly [string, Float32Array])[] = [];
    for (const { id, passages } of chosen) {
      const own = vectors.splice(0, passages.length);
      // It may have been removed meanwhile.
      if (!this.#waiting.delete(id)) continue;
      own.forEach((vector, nth) => {
        this.#index?.add(id, vector);
        records.push([keyOf(id, nth), vector]);
      });
    }
    this.#toFile((file) => file.append(records));
  }

  /** The model gives vectors of another dimension than those that are there: all are made again. */
  #beginsAnew(dimension: number | undefined): boolean {
    if (dimension === undefined || this.#index?.dimension === dimension) return false;
    const isFirst = this.#index === undefined;
    this.#index = new VectorIndex(dimension);
    if (isFirst) return false;
    this.#toFile((file) => file.rewrite([]));
    for (const { id, content } of this.#documents()) this.#wait(id, passagesOf(content));
    return true;
  }

  /** As many as fit into one call, at least one, the newest first. */
  #newest(texts: number): readonly Waiting[] {
    while (this.#order.length > 0 && !this.#waiting.has(this.#order.at(-1) ?? '')) this.#order.pop();
    const chosen: Waiting[] = [];
    let count = 0;
    for (let at = this.#order.length - 1; at >= 0; at -= 1) {
      const waiting = this.#waiting.get(this.#order[at] ?? '');
      if (waiting === undefined) continue;
      count += waiting.passages.length;
      if (chosen.length > 0 && count > texts) break;
      chosen.push(waiting);
    }
    return chosen;
  }

  #wait(id: string, passages: readonly string[]): void {
    this.#waiting.set(id, { id, passages });
    this.#order.push(id);
  }

  *#live(): Iterable<readonly [string, Float32Array]> {
    for (const { owner, nth, vector } of this.#index?.entries() ?? []) yield [keyOf(owner, nth), vector];
  }

  /** What cannot be written is made again by the next start. */
  #toFile(write: (file: VectorFile) => void): void {
    if (this.#file === undefined) return;
    try {
      write(this.#file);
    } catch (error) {
      this.#problem = `the vectors cannot be kept: ${messageOf(error)}`;
    }
  }

  #open(): Promise<EmbeddingProvider> {
    const { open } = this.#options;
    if (open === undefined) throw new CollabError('EMBEDDING_FAILED', 'vectors are switched off');
    this.#provider ??= open().catch((error: unknown) => {
      this.#provider = undefined;
      throw error;
    });
    return this.#provider;
  }
}

/** In as many calls as it takes. */
async function embedAll(
  provider: EmbeddingProvider,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let at = 0; at < texts.length; at += provider.maxBatch)
    vectors.push(...(await provider.embed(texts.slice(at, at + provider.maxBatch), 'document', signal)));
  return vectors;
}

/** Of the one text that was sent, not of the service. */
function isOfText(error: unknown): boolean {
  return error instanceof CollabError && [400, 413, 422].includes(Number(error.details?.status));
}

function keyOf(id: string, nth: number): string {
  return `${id}#${nth}`;
}

function messageOf(error: unknown): string {
  if (error instanceof CollabError && error.next !== undefined) return `${error.message}. ${error.next}`;
  return error instanceof Error ? error.message : String(error);
}
