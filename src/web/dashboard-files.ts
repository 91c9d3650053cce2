/** What the dashboard's page is made of, as it lies on disk. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dashboardLibraries } from './dashboard-libraries.ts';

export interface DashboardFile {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Browsers read no TypeScript: a daemon that runs from its sources serves what the build made of them. */
const ownDirectory = new URL(
  extname(import.meta.url) === '.ts' ? '../../dist/src/dashboard/' : '../dashboard/',
  import.meta.url,
);

/** The page, and the policy under which browsers run it: nothing but its own files, and its map of imports by its hash. */
export async function readPage(): Promise<DashboardFile & { readonly policy: string }> {
  const html = await readFile(new URL('index.html', ownDirectory), 'utf8');
  const [, map = ''] = /<script type="importmap">(.*?)<\/script>/s.exec(html) ?? [];
  const hash = createHash('sha256').update(map).digest('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { body: html, type: types['.html'] ?? '', policy };
}

/** Undefined: there is no such file. `name` is of one part and cannot lead anywhere else. */
export async function readOwnFile(name: string): Promise<DashboardFile | undefined> {
  const type = types[extname(name)];
  if (type === undefined || !/^[a-z0-9][a-z0-9.-]*$/.test(name)) return undefined;
  return readIfThere(new URL(name, ownDirectory), type);
}

export async function readLibrary(name: string): Promise<DashboardFile | undefined> {
  const library = Object.keys(dashboardLibraries).find((specifier) => dashboardLibraries[specifier] === name);
  if (library === undefined) return undefined;
  return readIfThere(new URL(import.meta.resolve(library)), types['.js'] ?? '');
}

async function readIfThere(url: URL, type: string): Promise<DashboardFile | undefined> {
  try {
    return { body: new Uint8Array(await readFile(fileURLToPath(url))), type };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
