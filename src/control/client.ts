import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { CollabError, decodeError } from '../base/errors.ts';
import type { OperationInput, OperationName } from './operations.ts';
import type { Envelope, Notice, OperationResult, StreamEvent, StreamKind } from './results.ts';
import { SseParser } from './sse-parser.ts';
import type { TraceCarrier } from './tracing.ts';

export type ControlAddress =
  | { readonly socketPath: string }
  /** On 127.0.0.1. */
  | { readonly port: number; readonly token: string };

export type ControlClientOptions = ControlAddress & {
  /** Hears the notices of every answer that has some, of refused calls too. */
  readonly onNotices?: (notices: readonly Notice[]) => void;
};

export interface CallOptions {
  /** Ends the call; the daemon's work for it (a wait for a lock) ends with it. */
  readonly signal?: AbortSignal;
  /** @default 30 s more than `waitMs` of the input, 10 minutes for `verify` and `compact`. */
  readonly timeoutMs?: number;
  /** @default none */
  readonly trace?: TraceCarrier;
}

export interface CallResult<Name extends OperationName> {
  readonly data: OperationResult<Name>;
  readonly notices: readonly Notice[];
}

/** An unused connection is given up before the daemon does so (60 s): else a call could meet its end. */
const idleMs = 45_000;
const defaultTimeoutMs = 30_000;
/** These walk whole stores. */
const slowTimeoutMs = 600_000;
/** Four heartbeats of the daemon: it is dead or stopped. */
const streamSilenceMs = 60_000;
/** Over the longest answer that the limits of the operations allow in practice, below what a string can hold. */
const maxAnswerBytes = 256 * 1024 * 1024;
const maxEventChars = 16 * 1024 * 1024;

/** Talks to a running daemon. Loads no schema: a command starts fast, and the daemon checks every input. */
export class ControlClient {
  readonly #agent = new Agent({ keepAlive: true, timeout: idleMs });
  readonly #address: ControlAddress;
  readonly #target: RequestOptions;
  readonly #onNotices: ControlClientOptions['onNotices'];

  constructor(options: ControlClientOptions) {
    this.#onNotices = options.onNotices;
    this.#address = options;
    this.#target =
      'socketPath' in options
        ? { socketPath: options.socketPath }
        : {
            host: '127.0.0.1',
            port: options.port,
            headers: { authorization: `Bearer ${options.token}` },
          };
  }

  /**
   * Never tries again by itself: a call that was cut off may have been carried out.
   * @throws CollabError of the daemon; DAEMON_UNREACHABLE when it does not answer, or something else does; the reason of
   * `signal` when that is aborted.
   */
  async call<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
    { signal, timeoutMs = timeoutFor(name, input), trace = {} }: CallOptions = {},
  ): Promise<CallResult<Name>> {
    signal?.throwIfAborted();
    const body = JSON.stringify(input);
    const sent = request({
      ...this.#target,
      method: 'POST',
      path: `/v1/${name}`,
      agent: this.#agent,
      headers: {
        ...this.#target.headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...trace,
      } as RequestOptions['headers'] & object,
    });
    // Kept beside: once the answer has begun, Node reports only that the connection was cut.
    let silent: CollabError | undefined;
    const timer = setTimeout(() => {
      silent = this.#silent(timeoutMs);
      sent.destroy(silent);
    }, timeoutMs);
    const onAbort = () => sent.destroy(toError(signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const response = await this.#answered(sent, body);
      const envelope = this.#envelope<OperationResult<Name>>(await this.#text(response));
      const notices = envelope.notices ?? [];
      if (notices.length > 0) this.#onNotices?.(notices);
      if (!envelope.ok) throw decodeError(envelope.error);
      return { data: envelope.data, notices };
    } catch (error) {
      signal?.throwIfAborted();
      throw silent ?? error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Sends the event of a client's hook. @returns the answer in the client's form, as JSON.
   * @throws as `call`.
   */
  async hook(client: string, event: string, timeoutMs: number): Promise<string> {
    const sent = request({
      ...this.#target,
      method: 'POST',
      path: `/v1/hook/${encodeURIComponent(client)}`,
      agent: this.#agent,
      headers: {
        ...this.#target.headers,
        'content-length': Buffer.byteLength(event),
      } as RequestOptions['headers'] & object,
    });
    const timer = setTimeout(() => sent.destroy(this.#silent(timeoutMs)), timeoutMs);
    try {
      const response = await this.#answered(sent, event);
      const text = await this.#text(response);
      if (response.statusCode === 200) return text;
      const envelope = this.#envelope(text);
      throw envelope.ok ? this.#foreign('an answer without its status') : decodeError(envelope.error);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Committed events as they happen, until `signal` is aborted or the daemon closes: both just end the iteration.
   * @param onOpen called when no later event will be missed.
   * @throws CollabError DAEMON_UNREACHABLE when the stream is cut, by a daemon that died or since we did not keep up.
   */
  async *events(
    kinds: readonly StreamKind[],
    signal?: AbortSignal,
    onOpen?: () => void,
  ): AsyncGenerator<StreamEvent, void, undefined> {
    if (signal?.aborted) return;
    const path = `/v1/events?kinds=${kinds.join(',')}`;
    // A connection of its own: it never becomes free for calls.
    const sent = request({ ...this.#target, path, agent: false });
    const onAbort = () => sent.destroy();
    signal?.addEventListener('abort', onAbort, { once: true });
    sent.setTimeout(streamSilenceMs, () => sent.destroy(this.#silent(streamSilenceMs)));
    try {
      const response = await this.#answered(sent);
      if (!response.headers['content-type']?.startsWith('text/event-stream')) {
        const envelope = this.#envelope(await this.#text(response));
        throw envelope.ok ? this.#foreign('no event stream') : decodeError(envelope.error);
      }
      onOpen?.();
      const parser = new SseParser(maxEventChars);
      for await (const chunk of response) {
        for (const { event, data } of parser.push(chunk as Buffer)) {
          // A newer daemon may have kinds that we do not know and did not ask for.
          if (event === 'delta' || event === 'audit' || event === 'overview')
            yield { kind: event, data: this.#json(data) } as StreamEvent;
        }
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw error instanceof CollabError ? error : this.#unreachable(error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      sent.destroy();
    }
  }

  /** Ends the idle connections; calls under way end on their own. */
  close(): void {
    this.#agent.destroy();
  }

  #answered(sent: ClientRequest, body?: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // The listener stays: a connection may fail after its answer.
      sent.on('error', (error) => reject(this.#unreachable(error)));
      sent.once('response', resolve);
      sent.end(body);
    });
  }

  async #text(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    return new Promise((resolve, reject) => {
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes <= maxAnswerBytes) return;
        reject(this.#foreign(`an answer of over ${maxAnswerBytes} bytes`));
        response.destroy();
      });
      response.once('end', () => resolve(Buffer.concat(chunks, bytes).toString('utf8')));
      response.on('error', (error) => reject(this.#unreachable(error)));
    });
  }

  #envelope<T>(text: string): Envelope<T> {
    const answer = this.#json(text);
    if (isEnvelope<T>(answer)) return answer;
    throw this.#foreign('JSON of another form');
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.#foreign('no JSON', cause);
    }
  }

  get #where(): string {
    return 'socketPath' in this.#address ? this.#address.socketPath : `127.0.0.1:${this.#address.port}`;
  }

  /** What Node reports of a connection, in our words. `details.sent` tells whether the daemon may have had the request. */
  #unreachable(error: unknown): CollabError {
    if (error instanceof CollabError) return error;
    // A DOMException, as an abort without a reason gives, has a number there.
    const { code: given } = error as { readonly code?: unknown };
    const code = typeof given === 'string' ? given : undefined;
    if (code?.startsWith('HPE_')) return this.#foreign('no HTTP', error);
    const sent = !(code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'EACCES');
    const what = sent
      ? `the daemon at ${this.#where} closed the connection before its answer was complete`
      : `no daemon answers at ${this.#where}`;
    return new CollabError('DAEMON_UNREACHABLE', what, {
      next: sent
        ? 'Look at `agent-collab status`; the operation may have been carried out.'
        : 'Start it with `agent-collab daemon start`.',
      details: { ...(code === undefined ? {} : { reason: code }), sent },
      cause: error,
    });
  }

  #silent(timeoutMs: number): CollabError {
    return new CollabError(
      'DAEMON_UNREACHABLE',
      `the daemon at ${this.#where} was silent for ${timeoutMs} ms`,
      {
        next: 'Look at it with `agent-collab status`; the operation may have been carried out.',
        details: { reason: 'TIMEOUT', sent: true },
      },
    );
  }

  #foreign(what: string, cause?: unknown): CollabError {
    const message = `what answers at ${this.#where} is not agent-collab: it sent ${what}`;
    return new CollabError('DAEMON_UNREACHABLE', message, {
      next: 'Restart the daemon with `agent-collab daemon restart`.',
      details: { reason: 'FOREIGN', sent: true },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

function isEnvelope<T>(answer: unknown): answer is Envelope<T> {
  if (typeof answer !== 'object' || answer === null) return false;
  const { ok, error, notices } = answer as { ok?: unknown; error?: unknown; notices?: unknown };
  if (notices !== undefined && !Array.isArray(notices)) return false;
  return (ok === true && 'data' in answer) || (ok === false && typeof error === 'object' && error !== null);
}

function timeoutFor(name: OperationName, input: object): number {
  if (name === 'verify' || name === 'compact') return slowTimeoutMs;
  return defaultTimeoutMs + ('waitMs' in input && typeof input.waitMs === 'number' ? input.waitMs : 0);
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
