/**
 * One listening `http.Server` that nothing from outside can bring down: every time and size is bounded, every event that
 * would throw for want of a listener has one, and closing is bounded whatever the clients do.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { type ListenOptions, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CollabError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { envelopeText, errorOutcome, jsonHeaders, type Outcome } from './answer.ts';
import type { WebLimits } from './web-limits.ts';

export type HandleRequest = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
) => void;

export class HttpListener {
  readonly #server: Server;
  readonly #limits: WebLimits;
  readonly #logger: Logger;
  readonly #handle: HandleRequest;
  /**
   * The requests of each connection that are not answered, oldest first. Kept by connection since an answer that waits
   * behind another one (pipelining) hears nothing of the end of its connection.
   */
  readonly #unanswered = new Map<Duplex, Map<ServerResponse, AbortController>>();
  readonly #connections = new Set<Socket>();
  /** Connections whose input is broken; the parser reports each further packet of them. */
  readonly #broken = new WeakSet<Duplex>();
  #onIdle: (() => void) | undefined;

  /** Resolves when listening; leaves nothing open when it rejects. */
  static async open(
    at: ListenOptions,
    handle: HandleRequest,
    limits: WebLimits,
    logger: Logger,
  ): Promise<HttpListener> {
    const listener = new HttpListener(handle, limits, logger);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject).listen(at, () => {
        listener.#server.off('error', reject);
        resolve();
      });
    });
    // Such as EMFILE when accepting: later connections may fare better.
    listener.#server.on('error', (error) =>
      logger.error('the HTTP server reported an error', { error: String(error) }),
    );
    return listener;
  }

  private constructor(handle: HandleRequest, limits: WebLimits, logger: Logger) {
    this.#handle = handle;
    this.#limits = limits;
    this.#logger = logger;
    this.#server = createServer(
      {
        maxHeaderSize: limits.maxHeaderBytes,
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        connectionsCheckingInterval: limits.timeoutCheckMs,
        keepAliveTimeout: limits.keepAliveMs,
        // Strict parsing, as by default: two readings of one request are how requests are smuggled.
        insecureHTTPParser: false,
        // The access guard answers a missing Host in our own envelope; the unix socket needs none.
        requireHostHeader: false,
        // Answers are small and complete: waiting to fill a packet would only delay them.
        noDelay: true,
      },
      (incoming, outgoing) => this.#onRequest(incoming, outgoing),
    );
    this.#server.maxConnections = limits.maxConnections;
    // Headers beyond a maximum count would be dropped silently; their bytes are bounded already.
    this.#server.maxHeadersCount = 0;
    this.#server.on('connection', (socket) => this.#onConnection(socket));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#onClientError(error, socket),
    );
    this.#server.on('drop', () => logger.warn('a connection was refused: too many are open'));
  }

  /** Of TCP; 0 for a unix socket. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Stops accepting, ends idle connections at once and the others with their answers, or after `drainMs`. */
  async close(): Promise<void> {
    // Not the close of http.Server yet: on Node 20 that cuts every connection whose answer is ended, sent out or not.
    const closed = new Promise<void>((resolve) =>
      NetServer.prototype.close.call(this.#server, () => resolve()),
    );
    for (const requests of this.#unanswered.values()) {
      for (const outgoing of requests.keys()) outgoing.shouldKeepAlive = false;
    }
    // A connection that brought nothing yet may be about to ask, and gets told.
    for (const socket of this.#connections) {
      if (socket.bytesRead > 0 && !this.#unanswered.has(socket)) socket.destroy();
    }
    await this.#drained();
    this.#server.closeAllConnections();
    await closed;
    // For its timer alone.
    this.#server.close();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#logger.warn('requests were cut off by the stop', { connections: this.#unanswered.size });
        resolve();
      }, this.#limits.drainMs);
      this.#onIdle = () => {
        if (this.#unanswered.size > 0) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onIdle();
    });
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      const requests = this.#unanswered.get(socket);
      this.#unanswered.delete(socket);
      for (const controller of requests?.values() ?? []) controller.abort();
      this.#onIdle?.();
    });
  }

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming;
    const requests = this.#unanswered.get(socket) ?? new Map<ServerResponse, AbortController>();
    if (requests.size >= this.#limits.maxPipelined) {
      socket.destroy();
      return;
    }
    const controller = new AbortController();
    if (socket.destroyed) controller.abort();
    else this.#unanswered.set(socket, requests.set(outgoing, controller));
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) controller.abort();
      requests.delete(outgoing);
      if (requests.size === 0) this.#unanswered.delete(socket);
      this.#onIdle?.();
    });
    // Writing to a client that is gone is no error of ours, and the signal has told the handler.
    outgoing.on('error', (error) => this.#logger.debug('an answer failed', { error: String(error) }));
    this.#handle(incoming, outgoing, controller.signal);
  }

  /** Malformed or too slow input, or an error of the connection. Answers what can still be answered, then hangs up. */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (this.#broken.has(socket)) return;
    this.#broken.add(socket);
    this.#logger.debug('a connection sent no proper HTTP', { error: error.code ?? error.message });
    const pending = [...(this.#unanswered.get(socket)?.keys() ?? [])];
    const whole = pending.filter((outgoing) => outgoing.req.complete).at(-1);
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    // Whole requests came before what is broken: they get their answers, and nothing comes between those.
    else if (whole !== undefined) whole.once('close', () => socket.destroy());
    else if (pending.some((outgoing) => outgoing.headersSent)) socket.destroy();
    else {
      const text = rawAnswer(faultOutcome(error.code, pending.length > 0));
      socket.end(text, () => socket.destroy());
      // A client that does not even take this must not hold the connection.
      setTimeout(() => socket.destroy(), this.#limits.headersTimeoutMs).unref();
    }
  }
}

function faultOutcome(code: string | undefined, inBody: boolean): Outcome {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return errorOutcome(
      new CollabError('REQUEST_TOO_LARGE', 'the headers of the request are too large'),
      431,
    );
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return errorOutcome(new CollabError('INVALID_ARGUMENT', 'the request took too long to arrive'), 408);
  }
  if (inBody) {
    return errorOutcome(new CollabError('INVALID_JSON', 'the body of the request is truncated or malformed'));
  }
  return errorOutcome(new CollabError('INVALID_ARGUMENT', 'this is not a well-formed HTTP request'));
}

/** Where the parser gave up there is no `ServerResponse` to write to. */
function rawAnswer(outcome: Outcome): string {
  const text = envelopeText(outcome);
  const headers = { ...jsonHeaders, connection: 'close', 'content-length': String(Buffer.byteLength(text)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${outcome.status} ${STATUS_CODES[outcome.status]}\r\n${lines.join('')}\r\n${text}`;
}
