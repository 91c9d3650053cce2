/** Which failpoints a build of the program has: a scenario that arms one that is not there would prove nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { laneNames } from '../src/offload/contract.ts';
import { argumentsOf, type Program } from './daemon-process.ts';

const found = new Map<string, ReadonlySet<string>>();

export function failpointsOf(program: Program): ReadonlySet<string> {
  const main = argumentsOf(program).at(-1) ?? '';
  const root = join(dirname(main), '..', '..');
  const known =
    found.get(root) ?? new Set(['src', 'workers'].flatMap((folder) => namesIn(join(root, folder))));
  found.set(root, known);
  return known;
}

/** `failpoint('log.append')`; `` failpoint(`${name}.taken`) `` of a lane, whose places are each lane's; `failpoint: 'backup.copying'`. */
const call = /failpoint(?:\(|:)\s*(?:'([a-z][^']*)'|"([a-z][^"]*)"|`\$\{name\}([^`]*)`)/g;

function namesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[jt]s$/.test(name))
    .flatMap((name) => [...readFileSync(join(directory, name), 'utf8').matchAll(call)])
    .flatMap(([, single, double, ofLane]) =>
      ofLane === undefined ? [single ?? double ?? ''] : laneNames.map((lane) => lane + ofLane),
    );
}

/**
 * Those of `wanted` that there are. A name that ends in a dot stands for all that begin with it.
 * @throws for a name that nothing has: to arm it would prove nothing.
 */
export function presentFailpoints(program: Program, wanted: readonly string[]): readonly string[] {
  const known = [...failpointsOf(program)].sort();
  return wanted.flatMap((name) => {
    const found = known.filter((one) => (name.endsWith('.') ? one.startsWith(name) : one === name));
    if (found.length === 0) throw new Error(`this build of the program has no failpoint ${name}`);
    return found;
  });
}
