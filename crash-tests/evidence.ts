import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Round } from './round.ts';

const root = fileURLToPath(new URL('../.evidence/', import.meta.url));

/** Keeps what a failed round leaves: its problems, seed and history, the daemons' logs, and the data directory as it was. */
export function keepEvidence(name: string, round: Round): void {
  const directory = join(root, name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const { history, observation, logs } = round.evidence;
  const write = (file: string, value: unknown) =>
    writeFileSync(join(directory, file), JSON.stringify(value, plain, 1));
  write('problems.json', { seed: round.seed, problems: round.problems });
  write('history.json', history);
  if (observation !== undefined) write('observation.json', observation);
  for (const [at, log] of logs.entries()) writeFileSync(join(directory, `daemon-${at}.log`), log);
  if (!existsSync(round.home)) return;
  cpSync(round.home, join(directory, 'home'), {
    recursive: true,
    // A socket cannot be copied.
    filter: (source) => !source.endsWith('.sock'),
  });
}

function plain(_: string, value: unknown): unknown {
  return value instanceof Map || value instanceof Set ? [...value] : value;
}
