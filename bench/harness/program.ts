import { existsSync } from 'node:fs';

/** The built program where there is one: it starts faster than the sources, whose every module is compiled first. */
export const program = existsSync(new URL('../../dist/src/cli/main.js', import.meta.url))
  ? 'built'
  : 'sources';
