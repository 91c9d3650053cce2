/** A hook of the module loader: an import of a source file gets what the build has made of it, where it has. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url).href;
const built = /^(src|workers)\/(.+)\.ts$/;

export async function resolve(specifier, context, nextResolve) {
  const found = await nextResolve(specifier, context);
  const file = found.url.startsWith(root) ? built.exec(found.url.slice(root.length)) : null;
  if (file === null) return found;
  const url = `${root}dist/${file[1]}/${file[2]}.js`;
  return existsSync(fileURLToPath(url)) ? { url, format: 'module', shortCircuit: true } : found;
}
