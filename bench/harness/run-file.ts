/** The file of `--json`: figures of all benches, each of the machine and the commit on which it ran last. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { BenchResult, Run } from './report.ts';

export class RunFileError extends Error {}

/** What a file already has of benches that are not run now; nothing when there is no such file. @throws RunFileError */
export function readResults(path: string, smoke: boolean): readonly BenchResult[] {
  if (!existsSync(path)) return [];
  const run = parse(path);
  if (run.smoke !== smoke)
    throw new RunFileError(`${path} has ${run.smoke ? '' : 'no '}smoke figures, which do not go with others`);
  return run.results;
}

/** Whole at any moment: a run takes half an hour, and its figures so far outlive it. Benches are put in the order of `names`. */
export function writeResults(path: string, run: Run, names: readonly string[]): void {
  const order = ({ bench }: BenchResult) => names.indexOf(bench);
  const results = run.results.toSorted((a, b) => order(a) - order(b));
  writeFileSync(`${path}.tmp`, `${JSON.stringify({ ...run, results }, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

function parse(path: string): Run {
  try {
    const run = JSON.parse(readFileSync(path, 'utf8')) as Partial<Run>;
    if (typeof run.smoke === 'boolean' && Array.isArray(run.results)) return run as Run;
  } catch {
    // As with one of another form.
  }
  throw new RunFileError(`${path} is no file of figures; choose another one, or remove it`);
}
