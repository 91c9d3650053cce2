/** `npm run bench`. Targets are those of SPEC §15; a smoke run judges none. */
import { parseArgs } from 'node:util';
import { benches } from './benches.ts';
import { describeMachine } from './harness/machine.ts';
import { type BenchSpec, meets } from './harness/measure.ts';
import { type BenchResult, benchText, machineText } from './harness/report.ts';
import { runBenchInChild, withScratch } from './harness/run-bench.ts';
import { RunFileError, readResults, writeResults } from './harness/run-file.ts';

const usage = `npm run bench [-- FLAGS]

  --only NAME  only this bench; may be given several times
  --json FILE  writes the figures there too; with --only, beside those of other benches that it has
  --smoke      small sizes: shows that the benches run, not how fast the code is
  --list       says what each bench measures
`;

class UsageError extends Error {}

const say = (line: string) => process.stdout.write(`${line}\n`);

function readFlags() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        json: { type: 'string' },
        smoke: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function choose(names: readonly string[] | undefined): readonly BenchSpec[] {
  const unknown = names?.find((name) => benches.every((bench) => bench.name !== name));
  if (unknown !== undefined)
    throw new UsageError(`there is no bench ${unknown}: ${benches.map(({ name }) => name).join(', ')}`);
  return benches.filter(({ name, onRequest }) =>
    names === undefined ? onRequest !== true : names.includes(name),
  );
}

async function main(): Promise<void> {
  const { only, json, smoke, list, help } = readFlags();
  if (help) return void say(usage);
  const chosen = choose(only);
  if (list) {
    for (const { name, about } of only === undefined ? benches : chosen) say(`${name}: ${about}`);
    return;
  }
  const machine = await withScratch((scratch) => describeMachine(scratch, smoke));
  say(machineText(machine));
  if (smoke) say('smoke sizes: the figures say that the benches run, not how fast the code is');
  const results: BenchResult[] = [];
  // A run of some benches renews those.
  const earlier = json === undefined || only === undefined ? [] : readResults(json, smoke);
  for (const bench of chosen) {
    const result = await tryBench(bench, smoke);
    if (result === undefined) continue;
    results.push({ ...result, machine });
    if (json === undefined) continue;
    const kept = earlier.filter((one) => results.every(({ bench }) => bench !== one.bench));
    writeResults(
      json,
      { smoke, results: [...kept, ...results] },
      benches.map(({ name }) => name),
    );
  }
  const verdicts = results.flatMap(({ rows }) =>
    rows.flatMap((row) => row.targets.map((target) => meets(row, target))),
  );
  if (!smoke) say(`\n${verdicts.filter(Boolean).length} of ${verdicts.length} targets met`);
}

type Measured = Omit<BenchResult, 'machine'>;

/** One that fails does not take the figures of the others with it; the run has failed all the same. */
async function tryBench(bench: BenchSpec, smoke: boolean): Promise<Measured | undefined> {
  try {
    const result = judged(await runBenchInChild(bench, smoke), smoke);
    say(`\n${benchText(result)}`);
    return result;
  } catch (error) {
    say(`\n${bench.name}: ${String(error)}`);
    process.exitCode = 1;
    return undefined;
  }
}

function judged(result: Measured, smoke: boolean): Measured {
  return smoke ? { ...result, rows: result.rows.map((row) => ({ ...row, targets: [] })) } : result;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof RunFileError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
