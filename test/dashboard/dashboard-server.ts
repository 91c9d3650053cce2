/** Serves the page as the daemon does, with the same headers, and the snapshots that a test hands out. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { dashboardLibraries } from '../../src/web/dashboard-libraries.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = join(root, 'src/dashboard');
const mediaTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

export const indexHtml = readFileSync(join(sources, 'index.html'), 'utf8');
export const importMap = /<script type="importmap">([\s\S]*?)<\/script>/.exec(indexHtml)?.[1] ?? '';

export const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${createHash('sha256').update(importMap).digest('base64')}'`,
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export class DashboardServer {
  readonly #server: Server;
  readonly #files: string;
  readonly #remove: () => void;
  readonly #streams = new Set<ServerResponse>();
  #newest: OverviewView;
  #status = 200;

  static async open(first: OverviewView): Promise<DashboardServer> {
    const server = new DashboardServer(first);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  private constructor(first: OverviewView) {
    const { files, remove } = builtPage();
    this.#files = files;
    this.#remove = remove;
    this.#newest = first;
    this.#server = createServer((request, response) => this.#answer(request, response));
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
    this.#remove();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [, , place, name = ''] = pathname.split('/');
    if (pathname === '/dashboard') this.#send(response, join(this.#files, 'index.html'));
    else if (place === 'app') this.#send(response, join(this.#files, name));
    else if (place === 'lib') this.#send(response, libraryFile(name));
    else if (place === 'events') this.#stream(response);
    else response.writeHead(404).end();
  }

  #send(response: ServerResponse, path: string | undefined): void {
    const extension = path?.split('.').at(-1)?.replace('mjs', 'js') ?? '';
    if (path === undefined || statSync(path, { throwIfNoEntry: false }) === undefined) {
      response.writeHead(404).end();
      return;
    }
    const headers = {
      'content-type': mediaTypes[extension] ?? 'application/octet-stream',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
    };
    response.writeHead(200, headers).end(readFileSync(path));
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

function libraryFile(name: string): string | undefined {
  const found = Object.entries(dashboardLibraries).find(([, served]) => served === name);
  return found === undefined ? undefined : fileURLToPath(import.meta.resolve(found[0]));
}

/** The build when it is newer than the sources, as under `npm test`; else one made for this run. */
function builtPage(): { readonly files: string; readonly remove: () => void } {
  const built = join(root, 'dist/src/dashboard');
  if (newestMs(sources) <= (statSync(join(built, 'index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0))
    return { files: built, remove: () => undefined };
  const directory = mkdtempSync(join(tmpdir(), 'dashboard-page-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', sources, '--outDir', directory]);
  const files = join(directory, 'src/dashboard');
  for (const name of readdirSync(sources))
    if (!/\.tsx?$|\.json$/.test(name)) cpSync(join(sources, name), join(files, name));
  return { files, remove: () => rmSync(directory, { recursive: true }) };
}

function newestMs(folder: string): number {
  return Math.max(...readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs));
}
