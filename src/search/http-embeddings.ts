/** Embeddings by a service over HTTP: texts in batches, and a hard look at what comes back. */
import { CollabError } from '../base/errors.ts';
import type { ChosenService } from './choose-embeddings.ts';
import { type EmbeddingProvider, type EmbeddingPurpose, normalize } from './embedding-provider.ts';
import { embeddingServices, fieldOf, type ServiceFormat, type ServiceLimits } from './embedding-services.ts';
import {
  type PostConfig,
  type PostOptions,
  type PostOutcome,
  patientPost,
  resolvePostOptions,
} from './patient-post.ts';

/** Services refuse an empty text; a full stop says as little. */
const blankText = '.';
/** Of what a service says about a failure. */
const maxQuotedChars = 200;

/** Why there are no vectors; `details.reason` of EMBEDDING_FAILED. */
type Reason = 'refused' | 'timeout' | 'network' | 'answer';

export class HttpEmbeddings implements EmbeddingProvider {
  readonly name: string;
  readonly model: string;
  readonly maxBatch: number;
  readonly #chosen: ChosenService;
  readonly #format: ServiceFormat;
  readonly #config: PostConfig;

  constructor(chosen: ChosenService, options: PostOptions = {}) {
    this.#chosen = chosen;
    this.#format = embeddingServices[chosen.service];
    this.#config = resolvePostOptions(options);
    this.name = chosen.service;
    this.model = chosen.model;
    this.maxBatch = this.#format.limits.maxBatch;
  }

  /**
   * More texts than `maxBatch`, or than one request may hold, go in several requests, one after the other. A text over the limit of
   * the service is cut.
   */
  async embed(
    texts: readonly string[],
    purpose: EmbeddingPurpose,
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    signal?.throwIfAborted();
    const { limits } = this.#format;
    const vectors: Float32Array[] = [];
    for (const batch of batchesOf(
      texts.map((text) => cutText(text, limits.maxTextBytes)),
      limits,
    )) {
      vectors.push(...(await this.#embedBatch(batch, purpose, vectors[0]?.length, signal)));
    }
    return vectors;
  }

  async #embedBatch(
    batch: readonly string[],
    purpose: EmbeddingPurpose,
    dimensions: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    const { url, model, key } = this.#chosen;
    const { version, path, headers, body } = this.#format;
    const post = {
      url: `${url}${version}${path(model)}`,
      headers: key === undefined ? {} : headers(key),
      body: JSON.stringify(body(model, batch, purpose)),
    };
    const outcome = await patientPost(post, this.#config, signal);
    if (outcome.kind !== 'answered') throw this.#failed(outcome);
    const read = readVectors(outcome.text, this.#format, batch.length, dimensions);
    if (typeof read === 'string') throw this.#failure('answer', read, outcome.attempts);
    return read;
  }

  #failed(outcome: Exclude<PostOutcome, { readonly kind: 'answered' }>): CollabError {
    const { kind, attempts } = outcome;
    switch (kind) {
      case 'too large':
        return this.#failure('answer', `answers more than ${this.#config.maxAnswerBytes} bytes`, attempts);
      case 'timeout':
        return this.#failure('timeout', `does not answer within ${this.#config.timeoutMs} ms`, attempts);
      case 'network':
        return this.#failure('network', `cannot be reached (${outcome.code})`, attempts);
      case 'refused':
        return this.#refused(outcome);
    }
  }

  #refused(outcome: Extract<PostOutcome, { readonly kind: 'refused' }>): CollabError {
    const { status, text, attempts, retryAfterMs } = outcome;
    const { key } = this.#chosen;
    const plain = saidIn(text);
    // Before it is cut: half a key is a key to some.
    const said = (key === undefined ? plain : key.scrub(plain)).slice(0, maxQuotedChars);
    return this.#failure('refused', `answers ${status}${said === '' ? '' : `: ${said}`}`, attempts, {
      details: { status, ...(retryAfterMs > 0 ? { retryAfterMs } : {}) },
      next: this.#nextStep(status),
    });
  }

  #nextStep(status: number): string | undefined {
    const { model, service, because } = this.#chosen;
    if (status === 401 || status === 403) return `Check the key (${because}).`;
    if (status === 404) {
      return service === 'ollama' ? `Run \`ollama pull ${model}\`.` : `Check the url and the model ${model}.`;
    }
    return status >= 300 && status < 400
      ? 'Set the url to where it leads: no redirect is followed.'
      : undefined;
  }

  /** Without a cause: what was thrown below may quote the headers of the request. */
  #failure(
    reason: Reason,
    what: string,
    attempts: number,
    { details, next }: { readonly details?: object; readonly next?: string | undefined } = {},
  ): CollabError {
    const { service, model } = this.#chosen;
    const tries = attempts > 1 ? ` (tried ${attempts} times)` : '';
    return new CollabError('EMBEDDING_FAILED', `${service} ${what}${tries}`, {
      details: { service, model, reason, attempts, ...details },
      ...(next === undefined ? {} : { next }),
    });
  }
}

/** Ends at a whole character. Half a surrogate pair, which some services refuse, becomes U+FFFD. */
function cutText(text: string, maxBytes: number): string {
  if (text.trim() === '') return blankText;
  const bytes = Buffer.from(text.slice(0, maxBytes));
  if (bytes.length <= maxBytes) return bytes.toString();
  let end = maxBytes;
  // A byte 10xxxxxx goes on with the character before it.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

function batchesOf(
  texts: readonly string[],
  { maxBatch, maxBatchBytes }: ServiceLimits,
): readonly (readonly string[])[] {
  const batches: string[][] = [];
  let room = 0;
  for (const text of texts) {
    const bytes = Buffer.byteLength(text);
    const last = batches.at(-1);
    if (last !== undefined && last.length < maxBatch && bytes <= room) {
      last.push(text);
      room -= bytes;
    } else {
      batches.push([text]);
      room = maxBatchBytes - bytes;
    }
  }
  return batches;
}

/** The vectors, or what is wrong with the answer. */
function readVectors(
  text: string,
  format: ServiceFormat,
  count: number,
  dimensions: number | undefined,
): readonly Float32Array[] | string {
  const answer = parseJson(text);
  if (answer === undefined) return 'answers something that is not JSON';
  const items = format.vectors(answer);
  if (items === undefined) return 'answers in a form that is not that of its embeddings';
  if (items.length !== count) return `answers ${items.length} vectors for ${count} texts`;
  const vectors: Float32Array[] = [];
  for (const item of items) {
    const vector = vectorOf(item);
    if (vector === undefined) return 'answers a vector that is empty, of zeros or not of finite numbers';
    const expected = dimensions ?? vectors[0]?.length ?? vector.length;
    if (vector.length !== expected)
      return `answers vectors of ${expected} and of ${vector.length} dimensions`;
    vectors.push(vector);
  }
  return vectors;
}

function vectorOf(item: unknown): Float32Array | undefined {
  if (!Array.isArray(item) || !item.every((value) => typeof value === 'number')) return undefined;
  const vector = Float32Array.from(item);
  // After the rounding: what is finite in 64 bits may not be in 32, and what is not zero may become it.
  return vector.every(Number.isFinite) && vector.some((value) => value !== 0) ? normalize(vector) : undefined;
}

/** Of a refusal: the forms of the four services, else its text as it stands. On one line. */
function saidIn(text: string): string {
  const json = parseJson(text);
  const error = fieldOf(json, 'error');
  const said = [fieldOf(error, 'message'), error, fieldOf(json, 'detail'), fieldOf(json, 'message')].find(
    (it) => typeof it === 'string',
  );
  return String(said ?? text)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim();
}

/** Undefined when it is none; JSON has no such value. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
