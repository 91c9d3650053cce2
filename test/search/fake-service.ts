import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { CollabError } from '../../src/base/errors.ts';
import { ApiKey } from '../../src/search/api-key.ts';
import { embeddingServices, type ServiceName } from '../../src/search/embedding-services.ts';
import { HttpEmbeddings } from '../../src/search/http-embeddings.ts';
import type { PostOptions } from '../../src/search/patient-post.ts';

export const keyText = 'pa-Zq3x9LmT7vKw2RbN5sYd8HcJ';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly model?: string;
    readonly input?: readonly string[];
    readonly requests?: readonly { readonly content: { readonly parts: readonly { text: string }[] } }[];
  };
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it stands, anything else as JSON. */
  readonly body?: unknown;
}

/** What a service does with a request; a function has the response to itself, and may do anything or nothing. */
export type Behaviour = Reply | ((response: ServerResponse) => void);

export interface FakeService {
  readonly url: string;
  readonly received: readonly Received[];
}

/** Listens until the test ends. `behave` gets each request and how many came before it. */
export async function openService(
  t: TestContext,
  behave: (received: Received, at: number) => Behaviour,
): Promise<FakeService> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = '', url = '', headers } = request;
    const text = Buffer.concat(chunks).toString();
    const one: Received = { method, path: url, headers, body: text === '' ? {} : JSON.parse(text) };
    received.push(one);
    const behaviour = behave(one, received.length - 1);
    if (typeof behaviour === 'function') return behaviour(response);
    const { status = 200, headers: more = {}, body } = behaviour;
    response.writeHead(status, { 'content-type': 'application/json', ...more });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** A provider of that service which pauses for no time and notes for how long it would have. */
export function providerAt(url: string, service: ServiceName, options: PostOptions = {}) {
  const pauses: number[] = [];
  const provider = new HttpEmbeddings(
    {
      kind: 'service',
      service,
      model: embeddingServices[service].model,
      url,
      key: service === 'ollama' ? undefined : new ApiKey(keyText),
      because: 'the test',
    },
    { pause: async (ms) => pauses.push(ms), random: () => 0.5, ...options },
  );
  return { provider, pauses };
}

/** The texts of a request of any format. */
export function textsOf({ body }: Received): readonly string[] {
  return body.input ?? body.requests?.map(({ content }) => content.parts[0]?.text ?? '') ?? [];
}

/** As OpenAI and Voyage answer; the first number of a vector says how long its text is. */
export function vectorsFor(received: Received): Reply {
  const data = textsOf(received).map((text, index) => ({
    object: 'embedding',
    index,
    embedding: [text.length, 1],
  }));
  return { body: { object: 'list', data, model: received.body.model, usage: { total_tokens: 1 } } };
}

export async function failureOf(embedding: Promise<unknown>): Promise<CollabError> {
  const error = await embedding.then(
    () => assert.fail('there are vectors'),
    (it: CollabError) => it,
  );
  assert.equal(error.code, 'EMBEDDING_FAILED');
  return error;
}

/** Where a vector of `vectorsFor` points, as the length of its text. */
export function lengthsOf(vectors: readonly Float32Array[]): readonly number[] {
  return vectors.map(([first = 0, second = 0]) => Math.round(first / second));
}
