import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dashboardLibraries } from '../../src/web/dashboard-libraries.ts';
import { ProjectFile } from '../tidy/source-file.ts';

const names = Object.keys(dashboardLibraries);
const sources = new URL('../../src/dashboard/', import.meta.url);

/** What a file loads in the browser. */
function loaded(path: string, text: string): readonly string[] {
  return new ProjectFile(path, text).imports.flatMap((edge) => (edge.typesOnly ? [] : edge.specifier));
}

test('the import map names the libraries as the server serves them', () => {
  const html = readFileSync(new URL('index.html', sources), 'utf8');
  const [, map = ''] = /<script type="importmap">(.*?)<\/script>/s.exec(html) ?? [];
  const { imports } = JSON.parse(map) as { readonly imports: Readonly<Record<string, string>> };
  const served = Object.entries(dashboardLibraries).map(([name, file]) => [name, `/dashboard/lib/${file}`]);
  assert.deepEqual(imports, Object.fromEntries(served));
});

test('the page imports its own files and libraries of the table, all of which are used', () => {
  const files = readdirSync(sources).filter((name) => /\.tsx?$/.test(name));
  const all = files.flatMap((name) => loaded(name, readFileSync(new URL(name, sources), 'utf8')));
  const foreign = new Set(all.filter((specifier) => !specifier.startsWith('./')));
  // The compiler writes the import of the runtime.
  foreign.add('preact/jsx-runtime');
  assert.deepEqual([...foreign].sort(), [...names].sort());
});

test('each library is one file, which imports others of the table only', () => {
  for (const name of names) {
    const path = fileURLToPath(import.meta.resolve(name));
    const others = loaded('library.ts', readFileSync(path, 'utf8'));
    assert.deepEqual(
      others.filter((other) => !names.includes(other)),
      [],
      name,
    );
  }
});
