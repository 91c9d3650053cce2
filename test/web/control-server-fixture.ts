import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createLogger } from '../../src/base/log.ts';
import { ControlServer } from '../../src/web/control-server.ts';
import type { WebLimits } from '../../src/web/web-limits.ts';
import { FakeControlService } from './fake-control-service.ts';

export const token = 'a-token-of-enough-characters';

export interface Fixture {
  readonly server: ControlServer;
  readonly service: FakeControlService;
  readonly socketPath: string;
  readonly log: string[];
}

/** A server with a fake service on a socket of its own; closed when the test ends. */
export async function openServer(t: TestContext, limits: Partial<WebLimits> = {}): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'agent-collab-web-'));
  const socketPath = join(directory, 'daemon.sock');
  const service = new FakeControlService();
  const log: string[] = [];
  const logger = createLogger('debug', (line) => log.push(line));
  const server = await ControlServer.open({ service, socketPath, port: 0, token, logger, limits });
  t.after(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });
  return { server, service, socketPath, log };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // The tests reach into answers of every form.
  readonly json: Readonly<Record<string, never>> & { readonly ok?: boolean; readonly data?: never };
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own. */
export function ask(
  to: { socketPath: string } | { port: number },
  { method = 'POST', path, body, headers }: Ask,
) {
  const at = 'port' in to ? { host: '127.0.0.1', port: to.port } : to;
  return new Promise<Answer>((resolve, reject) => {
    const sent = request({ ...at, method, path, headers: { ...headers }, agent: false }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const isJson = response.headers['content-type']?.startsWith('application/json') && text !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : {},
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A raw connection that collects what it gets. */
export async function connectRaw(
  to: { path: string } | { host: string; port: number },
): Promise<RawConnection> {
  const socket = connect(to);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return new RawConnection(socket);
}

export class RawConnection {
  readonly socket: Socket;
  received = '';
  readonly closed: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.received += chunk;
      this.#wake();
    });
    // A hostile client is reset at times; the tests look at what it received.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.once('close', () => this.#wake());
  }

  write(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Resolves when `condition` holds for what was received, or the connection is closed. */
  async until(condition: (received: string) => boolean): Promise<string> {
    while (!condition(this.received) && !this.socket.closed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.received;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

export function rawPost(path: string, body: string, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
