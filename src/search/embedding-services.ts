/** What the services differ in: addresses, headers, bodies, answers and limits. */
import type { ApiKey } from './api-key.ts';
import type { EmbeddingPurpose } from './embedding-provider.ts';

export const serviceNames = ['voyage', 'openai', 'google', 'ollama'] as const;
export type ServiceName = (typeof serviceNames)[number];

/**
 * Texts are measured in bytes of UTF-8, because a token is never less than a byte: what fits in bytes fits in tokens, in every
 * language and without a tokenizer. For English it is four times too careful; what a text is about stands at its beginning.
 */
export interface ServiceLimits {
  /** A longer text is cut to this before it is sent. */
  readonly maxTextBytes: number;
  /** Texts of one request. */
  readonly maxBatch: number;
  /** All texts of one request. */
  readonly maxBatchBytes: number;
}

export interface ServiceFormat {
  readonly url: string;
  /** Between the address and what is asked for. An address that ends in it already is accepted too. */
  readonly version: string;
  readonly model: string;
  /** Where the key may stand in the environment, the first that is set; none when the service asks for no key. */
  readonly keyVariables: readonly string[];
  readonly limits: ServiceLimits;
  path(model: string): string;
  headers(key: ApiKey): Readonly<Record<string, string>>;
  body(model: string, texts: readonly string[], purpose: EmbeddingPurpose): unknown;
  /** One entry a text, in their order and not looked at yet; undefined when the answer has another form. */
  vectors(answer: unknown): readonly unknown[] | undefined;
}

const bearer = (key: ApiKey) => ({ authorization: `Bearer ${key.reveal()}` });

export const embeddingServices: Readonly<Record<ServiceName, ServiceFormat>> = {
  voyage: {
    url: 'https://api.voyageai.com',
    version: '/v1',
    model: 'voyage-3.5',
    keyVariables: ['VOYAGE_API_KEY'],
    // 1000 texts and, of the model that takes least, 120 000 tokens; 32 000 of one text, of which it cuts what is over.
    limits: { maxTextBytes: 16_000, maxBatch: 128, maxBatchBytes: 120_000 },
    path: () => '/embeddings',
    headers: bearer,
    body: (model, input, purpose) => ({ model, input, input_type: purpose }),
    vectors: indexedVectors,
  },
  openai: {
    url: 'https://api.openai.com',
    version: '/v1',
    model: 'text-embedding-3-small',
    keyVariables: ['OPENAI_API_KEY'],
    // 2048 texts, 300 000 tokens, and 8192 of one text: it refuses a request in which one is longer.
    limits: { maxTextBytes: 8_000, maxBatch: 128, maxBatchBytes: 300_000 },
    path: () => '/embeddings',
    headers: bearer,
    body: (model, input) => ({ model, input, encoding_format: 'float' }),
    vectors: indexedVectors,
  },
  google: {
    url: 'https://generativelanguage.googleapis.com',
    version: '/v1beta',
    model: 'gemini-embedding-001',
    keyVariables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    // 100 texts, and 2048 tokens of one text, of which it cuts what is over.
    limits: { maxTextBytes: 8_000, maxBatch: 100, maxBatchBytes: 200_000 },
    path: (model) => `/models/${encodeURIComponent(plainModel(model))}:batchEmbedContents`,
    // In a header: an address with a key in it ends up in logs.
    headers: (key) => ({ 'x-goog-api-key': key.reveal() }),
    body: (model, texts, purpose) => ({
      requests: texts.map((text) => ({
        model: `models/${plainModel(model)}`,
        content: { parts: [{ text }] },
        taskType: purpose === 'query' ? 'RETRIEVAL_QUERY' : 'RETRIEVAL_DOCUMENT',
      })),
    }),
    vectors: (answer) => listOf(answer, 'embeddings')?.map((item) => fieldOf(item, 'values')),
  },
  ollama: {
    url: 'http://127.0.0.1:11434',
    version: '/api',
    model: 'nomic-embed-text',
    keyVariables: [],
    // It takes any number and cuts long texts; a machine without a graphics card is to be done with one request before its time is up.
    limits: { maxTextBytes: 8_000, maxBatch: 16, maxBatchBytes: 32_000 },
    path: () => '/embed',
    // It asks for none itself, but may stand behind a gateway that does.
    headers: bearer,
    body: (model, texts, purpose) => ({
      model,
      input: texts.map((text) => `${instruction(model, purpose)}${text}`),
    }),
    vectors: (answer) => listOf(answer, 'embeddings'),
  },
};

/** Google's lists name a model `models/x`. */
function plainModel(model: string): string {
  return model.replace(/^models\//, '');
}

/** The models of Nomic are trained on texts that begin with what they are for (model card); Ollama does not put it there. */
function instruction(model: string, purpose: EmbeddingPurpose): string {
  return model.includes('nomic-embed-text') ? `search_${purpose}: ` : '';
}

/** `{ data: [{ index, embedding }] }`, by `index` where it stands: every place once, or the answer is none. */
function indexedVectors(answer: unknown): readonly unknown[] | undefined {
  const data = listOf(answer, 'data');
  if (data === undefined || data.every((item) => fieldOf(item, 'index') === undefined))
    return data?.map((item) => fieldOf(item, 'embedding'));
  const placed = new Map(data.map((item) => [fieldOf(item, 'index'), fieldOf(item, 'embedding')]));
  if (!data.every((_, at) => placed.has(at))) return undefined;
  return data.map((_, at) => placed.get(at));
}

function listOf(value: unknown, name: string): readonly unknown[] | undefined {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : undefined;
}

/** What JSON has under a name; undefined where there is nothing to have. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
