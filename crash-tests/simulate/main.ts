/** `npm run simulate`. A run is one seed; `usage` has the rest. */
import { parseArgs } from 'node:util';
import { testSeed } from '../../test/support/seed.ts';
import { findBug } from './plant.ts';
import { play } from './play.ts';
import { protocolBugs } from './protocol-bugs.ts';
import { drawScript, type Script } from './script.ts';
import { shrink } from './shrink.ts';

const usage = `npm run simulate [-- FLAGS]

Clusters of simulated nodes that agree on locks (docs/AGREEMENT.md) under trouble drawn from a seed, each judged with true time.
  --seed S     of the first run; the next have the numbers after it (drawn, and printed)
  --seeds N    so many runs (1000, or with --seed 1)
  --steps N    stops after so many events in all
  --nodes K    nodes at the start of each run (drawn, 1 to 7)
  --trace      prints all that happens
  --planted    instead: plants bugs in copies of the protocol, and fails when one is not found
`;

const flags = {
  seed: { type: 'string' },
  seeds: { type: 'string' },
  steps: { type: 'string' },
  nodes: { type: 'string' },
  trace: { type: 'boolean' },
  planted: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** Seeds tried for each planted bug. */
const seedsForBug = 2000;
/** Lines of the trace of a failing run that are printed, up to the failure. */
const tracedLines = 150;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function numberOf(flag: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new RangeError(`--${flag} must be a whole number above 0`);
  return value;
}

function explain(script: Script, invariant: string, nodes: string | undefined): void {
  say(
    `  again: npm run simulate -- --seed ${script.seed}${nodes === undefined ? '' : ` --nodes ${nodes}`} --trace`,
  );
  const short = shrink(script, invariant);
  say(`  shrunk to ${short.actions.length} of ${script.actions.length} actions:`);
  for (const { atMs, action } of short.actions) say(`    ${atMs} ${JSON.stringify(action)}`);
  const lines: string[] = [];
  play(short, undefined, { trace: (line) => lines.push(line()) });
  for (const line of lines.slice(-tracedLines)) say(`    ${line}`);
}

function simulate(values: ReturnType<typeof parse>): number {
  const first = values.seed === undefined ? (testSeed() % 1_000_000) + 1 : numberOf('seed', values.seed, 1);
  const seeds = numberOf('seeds', values.seeds, values.seed === undefined ? 1000 : 1);
  const mostSteps = numberOf('steps', values.steps, Number.MAX_SAFE_INTEGER);
  const nodes = values.nodes === undefined ? undefined : numberOf('nodes', values.nodes, 1);
  const began = process.hrtime.bigint();
  let [steps, grants, failed, runs] = [0, 0, 0, 0];
  for (let seed = first; seed < first + seeds && steps < mostSteps; seed += 1) {
    const script = drawScript(seed, { nodes });
    const observer = values.trace === true ? { trace: (line: () => string) => say(line()) } : {};
    const played = play(script, undefined, observer, mostSteps - steps);
    runs += 1;
    steps += played.steps;
    grants += played.grants;
    const violation = played.violations[0];
    if (violation === undefined) continue;
    failed += 1;
    say(`seed ${seed}: ${violation.invariant} ${violation.what}`);
    explain(script, violation.invariant, values.nodes);
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  say(
    `${runs} runs from seed ${first}: ${steps} steps, ${grants} grants, ${failed} failed, ${Math.round(steps / seconds)} steps/s`,
  );
  return failed;
}

async function findAll(): Promise<number> {
  let missed = 0;
  for (const bug of protocolBugs) {
    const found = await findBug(bug, seedsForBug, bug.firstSeed);
    if (found === undefined) missed += 1;
    say(
      found === undefined
        ? `MISSED ${bug.name}`
        : `found  ${bug.name}: seed ${found.seed}, ${found.problem.slice(0, 100)}`,
    );
  }
  say(`${protocolBugs.length - missed} of ${protocolBugs.length} planted bugs found`);
  return missed;
}

function parse() {
  return parseArgs({ options: flags }).values;
}

const values = parse();
if (values.help === true) say(usage);
else process.exitCode = (values.planted === true ? await findAll() : simulate(values)) === 0 ? 0 : 1;
