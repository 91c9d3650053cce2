import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Program {
  /** For `node`, before the script. */
  readonly nodeArguments: readonly string[];
  /** Of `src/` and `workers/`, as a path that ends in a slash. */
  readonly root: string;
  readonly extension: 'js' | 'ts';
}

let chosen: Program | undefined;

/**
 * The build when it is newer than every source, as under `npm test`, which builds first; else the sources. A start from
 * the sources takes five times as long.
 */
export function program(): Program {
  chosen ??= builtIsCurrent()
    ? { nodeArguments: [], root: join(root, 'dist/'), extension: 'js' }
    : { nodeArguments: ['--import', import.meta.resolve('tsx')], root, extension: 'ts' };
  return chosen;
}

function builtIsCurrent(): boolean {
  const builtMs = statSync(join(root, 'dist/src/cli/main.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['src', 'workers'].every((folder) => newestMs(join(root, folder)) <= builtMs);
}

function newestMs(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.c?ts$/.test(name),
  );
  return Math.max(0, ...files.map((name) => statSync(join(folder, name)).mtimeMs));
}
