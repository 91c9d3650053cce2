import { createRequire } from 'node:module';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/**
 * The module `name` of this folder, loaded now: what a thread works with, once it may load native addons. As `import()`, which in a
 * thread of Node 20 finds no `.ts` file, though tsx is there; `require` does.
 */
export async function loadWork<Module>(name: string): Promise<Module> {
  const path = `./${name}.${extension}`;
  return extension === 'ts' ? createRequire(import.meta.url)(path) : import(path);
}
