/** Serves the page with the daemon's own files and policy, and the snapshots that a test hands out. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { type DashboardFile, readLibrary, readOwnFile, readPage } from '../../src/web/dashboard-files.ts';

export class DashboardServer {
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  #newest: OverviewView;
  #status = 200;

  static async open(first: OverviewView): Promise<DashboardServer> {
    const server = new DashboardServer(first);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  private constructor(first: OverviewView) {
    this.#newest = first;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/dashboard`;
  }

  get followers(): number {
    return this.#streams.size;
  }

  publish(view: OverviewView): void {
    this.#newest = view;
    for (const stream of this.#streams) stream.write(frame(view));
  }

  /** What asks for a stream from now on is answered with `status`. */
  refuse(status: number): void {
    this.#status = status;
  }

  /** Refuses, and cuts the streams there are. */
  drop(status: number): void {
    this.refuse(status);
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }

  /** Streams are given out again, beginning with `view`. */
  resume(view: OverviewView): void {
    this.#newest = view;
    this.#status = 200;
  }

  async close(): Promise<void> {
    this.drop(503);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [, , place, name = ''] = pathname.split('/');
    if (place === 'events') this.#stream(response);
    else if (pathname === '/dashboard') send(response, await readPage());
    else if (place === 'app') send(response, await readOwnFile(name));
    else send(response, await readLibrary(name));
  }

  #stream(response: ServerResponse): void {
    if (this.#status !== 200) {
      response.writeHead(this.#status).end();
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.write(frame(this.#newest));
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }
}

function frame(view: OverviewView): string {
  return `event: overview\ndata: ${JSON.stringify(view)}\n\n`;
}

function send(
  response: ServerResponse,
  file: (DashboardFile & { readonly policy?: string }) | undefined,
): void {
  if (file === undefined) response.writeHead(404).end();
  else {
    const policy = file.policy === undefined ? {} : { 'content-security-policy': file.policy };
    response
      .writeHead(200, { 'content-type': file.type, 'x-content-type-options': 'nosniff', ...policy })
      .end(file.body);
  }
}
