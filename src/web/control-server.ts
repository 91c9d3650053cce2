import assert from 'node:assert/strict';
import { chmod, lstat, unlink } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { CollabError, toCollabError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ControlService } from '../control/handlers.ts';
import { createAccessGuard } from './access-guard.ts';
import { answer, errorOutcome, publicError } from './answer.ts';
import { createControlApplication } from './control-application.ts';
import { isDashboard } from './dashboard-access.ts';
import { refusalPage } from './dashboard-routes.ts';
import type { DashboardSessions } from './dashboard-sessions.ts';
import { EventStreams } from './event-streams.ts';
import { type HandleRequest, HttpListener } from './http-listener.ts';
import type { Transport } from './web-env.ts';
import { type WebLimits, webLimits } from './web-limits.ts';

export interface ControlServerOptions {
  readonly service: ControlService;
  /** Where the unix socket stands, in a directory that is ours alone; null: none. */
  readonly socketPath: string | null;
  /** On 127.0.0.1; 0 takes any that is free. */
  readonly port: number;
  /** What clients over TCP must show. At least 16 characters. */
  readonly token: string;
  /** Is good for hooks alone: it stands in the settings of a client. @default none */
  readonly hookToken?: string;
  /** Who may look at the dashboard. @default there is none */
  readonly sessions?: DashboardSessions;
  readonly logger: Logger;
  /** As ApplicationParts.mcp. */
  readonly mcp?: (request: Request) => Promise<Response>;
  /** @default webLimits; for tests. */
  readonly limits?: Partial<WebLimits>;
}

/** The daemon's HTTP server: one application on the unix socket (trusted by its file mode) and on 127.0.0.1 (guarded). */
export class ControlServer {
  readonly port: number;
  readonly socketPath: string | null;
  readonly #listeners: readonly HttpListener[];
  readonly #streams: EventStreams;
  readonly #state: { closing: boolean };
  #closed: Promise<void> | undefined;

  /** @throws HOME_UNUSABLE when the socket cannot be made, CONFIG_INVALID when the port cannot be had. */
  static async open(options: ControlServerOptions): Promise<ControlServer> {
    const { service, socketPath, logger, port, token, hookToken, sessions, mcp } = options;
    // An empty token would let everyone in who sends an empty token.
    assert(token.length >= 16, 'the token of the control server is too short');
    const limits: WebLimits = Object.freeze({ ...webLimits, ...options.limits });
    const streams = new EventStreams(service, limits, logger);
    const state = { closing: false };
    const app = createControlApplication({
      service,
      limits,
      logger,
      streams,
      ...(sessions === undefined ? {} : { sessions }),
      ...(mcp === undefined ? {} : { mcp }),
    });
    const check = createAccessGuard(token, { hookToken, sessions });
    const handle = (transport: Transport) => createHandle(app.fetch, transport, check, state, logger);

    const listeners: HttpListener[] = [];
    try {
      if (socketPath !== null) {
        await removeStaleSocket(socketPath);
        listeners.push(await listenAtSocket(socketPath, handle('socket'), limits, logger));
        await chmod(socketPath, 0o600);
      }
      const tcp = await listenAtPort(port, handle('tcp'), limits, logger);
      listeners.push(tcp);
      return new ControlServer(tcp.port, socketPath, listeners, streams, state);
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()));
      throw error;
    }
  }

  private constructor(
    port: number,
    socketPath: string | null,
    listeners: readonly HttpListener[],
    streams: EventStreams,
    state: { closing: boolean },
  ) {
    this.port = port;
    this.socketPath = socketPath;
    this.#listeners = listeners;
    this.#streams = streams;
    this.#state = state;
  }

  /**
   * Stops accepting, ends event streams and idle connections at once, and lets running requests finish for up to
   * `drainMs`; then their signals are aborted and their connections cut. Removes the unix socket.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#state.closing = true;
    this.#streams.end();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}

type Application = ReturnType<typeof createControlApplication>;

/** What stands before the routes, so that no route can be added in front of it. */
function createHandle(
  fetch: Application['fetch'],
  transport: Transport,
  check: ReturnType<typeof createAccessGuard>,
  state: { readonly closing: boolean },
  logger: Logger,
): HandleRequest {
  const signals = new WeakMap<IncomingMessage, AbortSignal>();
  const listener = getRequestListener(
    (request, bindings) => {
      // Our servers speak HTTP/1 only.
      const { incoming, outgoing } = bindings as HttpBindings;
      const refusal = transport === 'tcp' ? check(incoming) : null;
      if (refusal !== null) {
        const isPerson = isDashboard(incoming.url) && incoming.headers.accept?.includes('text/html') === true;
        return isPerson ? refusalPage(refusal.status) : answer(errorOutcome(refusal.error, refusal.status));
      }
      // A connection that was busy when the close began may bring one more request.
      if (state.closing) return answer(errorOutcome(closingError()), [], { connection: 'close' });
      const signal = signals.get(incoming);
      assert(signal !== undefined, 'each request comes with its signal');
      return fetch(request, { incoming, outgoing, signal });
    },
    {
      // HTTP/1.0 has no Host header, and hono wants a whole URL. The access guard looks at the header itself.
      hostname: 'localhost',
      // Its light Request and Response, subclasses of the real ones, take 31 µs of CPU a call against 52 µs.
      overrideGlobalObjects: true,
      // Reads away what a refused request still sends, within bounds, so that its client gets to see the answer.
      autoCleanupIncoming: true,
      errorHandler: (error) => answer(errorOutcome(listenerError(error, logger))),
    },
  );
  return (incoming, outgoing, signal) => {
    signals.set(incoming, signal);
    listener(incoming, outgoing).catch((error: unknown) => {
      publicError(error, logger, 'http');
      outgoing.destroy();
    });
  };
}

/** The adapter refuses a request whose target or Host makes no URL; all else that arrives here is a defect. */
function listenerError(error: unknown, logger: Logger): CollabError {
  if (error instanceof Error && error.name === 'RequestError') {
    return new CollabError('INVALID_ARGUMENT', 'the request target or Host header is malformed');
  }
  return publicError(error, logger, 'http');
}

function closingError(): CollabError {
  return new CollabError('DAEMON_CLOSING', 'the daemon is shutting down', {
    next: 'Try again: the next command starts it anew.',
  });
}

/** A daemon that was killed leaves its socket behind. Anything but a socket is not ours to remove. */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    const found = await lstat(path);
    if (!found.isSocket()) throw socketError(path, 'something else than a socket is there');
    await unlink(path);
  } catch (error) {
    if (error instanceof CollabError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw socketError(path, String(error), error);
  }
}

/** What every Unix has room for in an address. libuv cuts a longer path and listens somewhere else. */
const maxSocketPathBytes = 103;

async function listenAtSocket(path: string, handle: HandleRequest, limits: WebLimits, logger: Logger) {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw socketError(path, `its path has over ${maxSocketPathBytes} bytes`);
  }
  try {
    return await HttpListener.open({ path }, handle, limits, logger);
  } catch (error) {
    throw socketError(path, toCollabError(error).message, error);
  }
}

async function listenAtPort(port: number, handle: HandleRequest, limits: WebLimits, logger: Logger) {
  try {
    return await HttpListener.open({ port, host: '127.0.0.1' }, handle, limits, logger);
  } catch (error) {
    throw new CollabError('CONFIG_INVALID', `port ${port} cannot be used: ${toCollabError(error).message}`, {
      next: 'Choose another port in config.json, or 0 for any.',
      cause: error,
    });
  }
}

function socketError(path: string, reason: string, cause?: unknown): CollabError {
  return new CollabError('HOME_UNUSABLE', `the socket ${path} cannot be made: ${reason}`, {
    next: 'Remove what is there, or set AGENT_COLLAB_HOME to a shorter path that you can write to.',
    ...(cause === undefined ? {} : { cause }),
  });
}
