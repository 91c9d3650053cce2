/**
 * `GET /v1/events?kinds=delta,audit`: committed events, or the overview, as server-sent events, `event` the kind and `data` its JSON. Written
 * straight to Node's response rather than through hono's streamSSE: two web streams in between would hide how far a
 * client lags, and cost more per event than all the rest.
 */
import type { ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context, Hono } from 'hono';
import { CollabError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ControlService } from '../control/handlers.ts';
import type { StreamEvent, StreamKind } from '../control/results.ts';
import { answer, errorOutcome } from './answer.ts';
import type { WebEnv } from './web-env.ts';
import type { WebLimits } from './web-limits.ts';

const streamKinds = ['delta', 'audit', 'overview'] as const satisfies readonly StreamKind[];
/** What a client gets that asks for none: what happened, each once. */
const eventKinds: readonly StreamKind[] = ['delta', 'audit'];

/** A comment, which clients skip. Sent at once as well: then the client knows that from here on it misses nothing. */
const heartbeat = ':\n\n';

const streamHeaders = Object.freeze({
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
});

export class EventStreams {
  readonly #service: ControlService;
  readonly #limits: WebLimits;
  readonly #logger: Logger;
  /** Each open stream and how it leaves the service. */
  readonly #streams = new Map<ServerResponse, () => void>();
  #heartbeatTimer: NodeJS.Timeout | undefined;
  /** The service hands one event to each listener in turn: it is encoded for the first one. */
  #encoded: { readonly event: StreamEvent; readonly frame: string } | undefined;

  constructor(service: ControlService, limits: WebLimits, logger: Logger) {
    this.#service = service;
    this.#limits = limits;
    this.#logger = logger;
  }

  addRoutes(app: Hono<WebEnv>): void {
    app.get('/v1/events', (c) => this.answer(c, parseKinds(c.req.query('kinds'))));
  }

  /** Starts a stream of events of these kinds. */
  answer(c: Context<WebEnv>, kinds: ReadonlySet<StreamKind>): Response {
    if (this.#streams.size >= this.#limits.maxStreams) return answer(errorOutcome(this.#full(), 429));
    if (c.req.method === 'HEAD') return c.body(null, 200, streamHeaders);
    this.#start(c.env, kinds);
    return RESPONSE_ALREADY_SENT;
  }

  /** Ends every stream at once. One that lags is cut: its client would not be done in time. */
  end(): void {
    for (const [outgoing, unsubscribe] of this.#streams) {
      unsubscribe();
      if (outgoing.writableNeedDrain) outgoing.destroy();
      else outgoing.end();
    }
    this.#streams.clear();
    clearInterval(this.#heartbeatTimer);
    this.#heartbeatTimer = undefined;
  }

  #start({ outgoing, signal }: WebEnv['Bindings'], kinds: ReadonlySet<StreamKind>): void {
    if (signal.aborted) return;
    const unsubscribe = this.#service.subscribe(kinds, (event) => this.#send(outgoing, event));
    this.#streams.set(outgoing, unsubscribe);
    signal.addEventListener('abort', () => this.#drop(outgoing), { once: true });
    outgoing.writeHead(200, streamHeaders);
    outgoing.write(heartbeat);
    this.#heartbeatTimer ??= setInterval(() => this.#beat(), this.#limits.heartbeatMs).unref();
  }

  #drop(outgoing: ServerResponse): void {
    this.#streams.get(outgoing)?.();
    this.#streams.delete(outgoing);
    if (this.#streams.size > 0) return;
    clearInterval(this.#heartbeatTimer);
    this.#heartbeatTimer = undefined;
    this.#encoded = undefined;
  }

  #beat(): void {
    for (const outgoing of this.#streams.keys()) this.#write(outgoing, heartbeat);
  }

  /** Called from inside the service, which must not suffer from what goes wrong here. */
  #send(outgoing: ServerResponse, event: StreamEvent): void {
    try {
      this.#encoded = this.#encoded?.event === event ? this.#encoded : { event, frame: encodeFrame(event) };
    } catch (error) {
      this.#logger.error('an event cannot be encoded and is left out of the streams', {
        kind: event.kind,
        error: String(error),
      });
      return;
    }
    this.#write(outgoing, this.#encoded.frame);
  }

  #write(outgoing: ServerResponse, text: string): void {
    if (!this.#streams.has(outgoing)) return;
    if (outgoing.writableLength <= this.#limits.maxStreamBacklogBytes) {
      outgoing.write(text);
      return;
    }
    this.#logger.warn('an event stream was cut off because its client does not keep up', {
      backlogBytes: outgoing.writableLength,
    });
    this.#drop(outgoing);
    outgoing.destroy();
  }

  #full(): CollabError {
    const limit = this.#limits.maxStreams;
    return new CollabError('INVALID_ARGUMENT', `${limit} event streams are open, and that is the limit`, {
      next: 'End another follower first.',
      details: { field: '', expected: `at most ${limit} streams` },
    });
  }
}

function parseKinds(text: string | undefined): ReadonlySet<StreamKind> {
  if (text === undefined) return new Set(eventKinds);
  const kinds = text.split(',');
  const isKind = (kind: string): kind is StreamKind => (streamKinds as readonly string[]).includes(kind);
  if (kinds.every(isKind)) return new Set(kinds);
  const expected = `one or several of ${streamKinds.join(',')}`;
  throw new CollabError('INVALID_ARGUMENT', `kinds: must be ${expected}`, {
    details: { field: 'kinds', expected },
  });
}

/** JSON has no line breaks, so one `data` line holds it. */
function encodeFrame(event: StreamEvent): string {
  return `event: ${event.kind}\n${idLine(event)}data: ${JSON.stringify(event.data)}\n\n`;
}

/** An overview is no event with a place of its own: the next one stands for it. */
function idLine(event: StreamEvent): string {
  switch (event.kind) {
    case 'delta':
      return `id: delta-${event.data.position}\n`;
    case 'audit':
      return `id: audit-${event.data.cursor}\n`;
    case 'overview':
      return '';
  }
}
