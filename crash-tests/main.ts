/** `npm run crash-test`. A round is one scenario with one seed; `usage` has the rest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { testSeed } from '../test/support/seed.ts';
import type { Program } from './daemon-process.ts';
import { canMount, canRun } from './environment-faults.ts';
import { findPlantedBugs } from './planted-bugs.ts';
import { findPlantedLosses } from './power-loss/planted-losses.ts';
import { runPowerLoss } from './power-loss/power-loss.ts';
import { runScenario } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { Totals } from './totals.ts';
import { turnsOf } from './turns.ts';

const usage = `npm run crash-test [-- FLAGS]

Real daemons of the built package, each on a directory of its own, something that is done to them, and every guarantee
checked against what had been acknowledged.
  --rounds N       so many rounds, through the scenarios in turn, those that take long less often (30)
  --from N         begins at the N-th of these rounds: goes on with a run that was stopped (1)
  --seed S         of the first round: the same seed draws the same rounds (drawn, and printed)
  --only NAME      only this scenario; may be given several times
  --jobs N         so many rounds at a time (2)
  --program FILE   tests another build, such as a release: its dist/src/cli/main.js
  --planted        plants bugs in copies of the build, some for each guarantee, and fails when one is not found
  --list           says what each scenario does

  --power-loss     instead: records what a daemon writes and syncs, and rebuilds what power loss could leave of it
  --states N       so many different states (500)
  --recording DIR  of a recording made before
  --planted        plants missing syncs, and fails when one is not found
`;

interface Plan {
  readonly rounds: number;
  /** The first that is done, counted from 1. */
  readonly from: number;
  readonly seed: number;
  readonly jobs: number;
  readonly chosen: readonly Scenario[];
  /** Named on the command line. */
  readonly named: boolean;
  readonly program: Program;
  /** In a mount namespace of its own, see `inNamespace`. */
  readonly inside: boolean;
}

const flags = {
  rounds: { type: 'string' },
  from: { type: 'string' },
  seed: { type: 'string' },
  only: { type: 'string', multiple: true },
  jobs: { type: 'string' },
  program: { type: 'string' },
  planted: { type: 'boolean' },
  'power-loss': { type: 'boolean' },
  states: { type: 'string' },
  recording: { type: 'string' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
  /** Set by this program itself, see `inNamespace`. */
  inside: { type: 'boolean' },
} as const;

type Flags = ReturnType<typeof readFlags>;

/** What was typed makes no sense: told with the usage, not with a stack. */
class UsageError extends Error {}

const say = (line: string) => process.stdout.write(`${line}\n`);

function readFlags() {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readPlan(values: Flags): Plan {
  const names = values.only?.flatMap((only) => only.split(','));
  const unknown = names?.find((name) => scenarios.every((scenario) => scenario.name !== name));
  if (unknown !== undefined)
    throw new UsageError(`there is no scenario ${unknown}: ${scenarios.map(({ name }) => name).join(', ')}`);
  if (values.program !== undefined && !existsSync(values.program))
    throw new UsageError(`--program: there is no file ${values.program}`);
  return {
    rounds: wholeNumber('rounds', values.rounds ?? '30', 1),
    from: wholeNumber('from', values.from ?? '1', 1),
    seed: values.seed === undefined ? testSeed() : wholeNumber('seed', values.seed, 0),
    jobs: wholeNumber('jobs', values.jobs ?? '2', 1),
    chosen: scenarios.filter(({ name }) => names === undefined || names.includes(name)),
    named: names !== undefined,
    program: values.program === undefined ? 'built' : { main: values.program },
    inside: values.inside === true,
  };
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new UsageError(`--${name} takes a whole number from ${least}`);
  return number;
}

/** What this machine cannot do is said, not passed over. */
function possible({ chosen, inside }: Plan): readonly Scenario[] {
  const tries: Readonly<Record<NonNullable<Scenario['needs']>, () => boolean>> = {
    tmpfs: () => inside && canMount('tmpfs'),
    ext4: () => inside && canMount('ext4'),
    strace: () => canRun('strace', '-o', '/dev/null', 'true'),
    prlimit: () => canRun('prlimit', '--nofile', 'true'),
  };
  const allowed = new Map<string, boolean>();
  return chosen.filter(({ name, needs }) => {
    if (needs === undefined) return true;
    const can = allowed.get(needs) ?? tries[needs]();
    allowed.set(needs, can);
    if (!can) say(`skipped ${name}: this machine does not allow ${needs}`);
    return can;
  });
}

async function runRounds(plan: Plan): Promise<number> {
  const { rounds, from, seed, jobs, named, program } = plan;
  const chosen = possible(plan);
  if (chosen.length === 0) throw new Error('none of these scenarios can run here');
  const turns = turnsOf(chosen, { rounds, seed, named });
  const totals = new Totals();
  say(
    `crash tests: ${rounds} rounds from seed ${seed}, each one of ${chosen.length} scenarios with one seed`,
  );
  const job = async () => {
    for (const { round, scenario, seed: own } of turns) {
      if (round + 1 < from) continue;
      const outcome = await runScenario(scenario, own, program);
      totals.add(scenario.name, outcome);
      report(`round ${round + 1}/${rounds} ${scenario.name}`, scenario.name, plan, outcome);
    }
  };
  // All draw from one generator: a round belongs to whoever is free.
  await Promise.all(Array.from({ length: jobs }, job));
  for (const line of totals.lines()) say(line);
  return totals.failed === 0 ? 0 : 1;
}

/** The first few tell what broke; all of them stand in the evidence. */
const shownProblems = 20;

function report(
  title: string,
  name: string,
  { program }: Plan,
  { seed, seconds, problems, notes, history }: Awaited<ReturnType<typeof runScenario>>,
): void {
  const what = `${history.acknowledged.length} shares, ${history.granted.length} grants${notes.length > 0 ? `, ${notes.join(', ')}` : ''}`;
  say(
    `${problems.length === 0 ? 'ok    ' : 'FAILED'} ${title} seed ${seed} ${seconds.toFixed(1)} s, ${what}`,
  );
  if (problems.length === 0) return;
  for (const problem of problems.slice(0, shownProblems)) say(`  ${problem}`);
  if (problems.length > shownProblems) say(`  and ${problems.length - shownProblems} more`);
  say(`  evidence: .evidence/${name}-${seed}`);
  const other = typeof program === 'string' ? '' : ` --program ${program.main}`;
  say(`  repeat:   npm run crash-test -- --rounds 1 --seed ${seed} --only ${name}${other}`);
}

/** Once more in a mount namespace of its own, if that is possible: its mounts are seen by nobody else and end with it. */
async function inNamespace({ inside }: Plan): Promise<number | undefined> {
  if (inside || !canRun('unshare', '--mount', 'true')) return undefined;
  const words = [...process.execArgv, ...process.argv.slice(1), '--inside'];
  const child = spawn('unshare', ['--mount', '--propagation', 'private', process.execPath, ...words], {
    stdio: 'inherit',
  });
  await once(child, 'close');
  return child.exitCode ?? 1;
}

async function powerLoss(values: Flags, { seed, program, jobs }: Plan): Promise<number> {
  const states = wholeNumber('states', values.states ?? '500', 1);
  const { recording } = values;
  const options = { seed, states, program, jobs, say, ...(recording !== undefined && { recording }) };
  const failed = await (values.planted === true ? findPlantedLosses(options) : runPowerLoss(options));
  return failed === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const values = readFlags();
  if (values.help === true) {
    say(usage);
    return 0;
  }
  if (values.list === true) {
    for (const { name, about, every = 1 } of scenarios)
      say(`${name}: ${about}${every === 1 ? '' : `; in one pass of ${every}`}`);
    return 0;
  }
  const plan = readPlan(values);
  if (values['power-loss'] === true) return powerLoss(values, plan);
  const inside = await inNamespace(plan);
  if (inside !== undefined) return inside;
  return values.planted === true ? ((await findPlantedBugs(say)) === 0 ? 0 : 1) : runRounds(plan);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
