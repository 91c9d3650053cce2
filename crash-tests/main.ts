/** `npm run crash-test [-- --rounds N --seed S --only NAME]`: each round runs each scenario with a seed of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { testSeed } from '../test/support/seed.ts';
import { keepEvidence } from './evidence.ts';
import { Round, type Scenario, scenarios } from './scenarios.ts';

interface Plan {
  readonly rounds: number;
  readonly seed: number;
  readonly chosen: readonly Scenario[];
}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
  });
  const rounds = Number(values.rounds ?? 10);
  const seed = values.seed === undefined ? testSeed() : Number(values.seed);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1');
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('--seed takes a whole number from 0');
  const chosen = scenarios.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0)
    throw new Error(`--only takes one of ${scenarios.map(({ name }) => name).join(', ')}`);
  return { rounds, seed, chosen };
}

/** A repository to work in: the daemon's projects are repositories. */
function makeProject(directory: string): string {
  const project = join(directory, 'project');
  mkdirSync(project);
  execFileSync('git', ['init', '--quiet', project]);
  return project;
}

/** Evidence is kept when something was wrong, and only then. */
async function runScenario(scenario: Scenario, seed: number): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-crash-'));
  const round = new Round(join(directory, 'home'), makeProject(directory), seed);
  try {
    await scenario.run(round);
  } catch (error) {
    round.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await round.end();
  }
  if (round.problems.length > 0) keepEvidence(`${scenario.name}-${seed}`, round);
  rmSync(directory, { recursive: true, force: true });
  return round;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
/** The first few tell what broke; all of them stand in the evidence. */
const shownProblems = 20;

function report(title: string, name: string, seed: number, { problems, history }: Round): void {
  const what = `${history.acknowledged.length} shares and ${history.granted.length} grants answered`;
  say(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${title}, ${what}`);
  if (problems.length === 0) return;
  for (const problem of problems.slice(0, shownProblems)) say(`  ${problem}`);
  if (problems.length > shownProblems) say(`  and ${problems.length - shownProblems} more`);
  say(`  evidence: .evidence/${name}-${seed}`);
  say(`  repeat:   npm run crash-test -- --rounds 1 --seed ${seed} --only ${name}`);
}

async function main(): Promise<number> {
  const { rounds, seed, chosen } = readPlan();
  say(`crash tests: ${rounds} rounds of ${chosen.map(({ name }) => name).join(', ')}, seed ${seed}`);
  let failed = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const scenario of chosen) {
      const start = performance.now();
      const own = seed + round;
      const done = await runScenario(scenario, own);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      report(
        `round ${round + 1}/${rounds} ${scenario.name} seed ${own} ${seconds} s`,
        scenario.name,
        own,
        done,
      );
      if (done.problems.length > 0) failed += 1;
    }
  }
  say(`${rounds * chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
