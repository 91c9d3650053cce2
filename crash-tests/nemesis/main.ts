/** `npm run nemesis`: real daemons that agree on locks, clients on each, and trouble. `usage` has the rest. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom, testSeed } from '../../test/support/seed.ts';
import { plant } from '../planted-bugs.ts';
import { plantedFaults } from './planted.ts';
import { type NemesisPlan, playNemesis } from './play.ts';

const usage = `npm run nemesis [-- FLAGS]

Real daemons of the built package in one cluster, each on a host of its own where the machine allows network namespaces,
agents on each that claim what others claim too, and a nemesis: partitions, SIGKILL, SIGSTOP, jumps of the wall clock, and
monotonic clocks that run 0.5 % apart. What the clients saw is held against the invariants of docs/AGREEMENT.md.
  --nodes K      so many nodes (3)
  --seconds N    of trouble (60)
  --rounds N     so many times, with the seeds that follow (1)
  --seed S       the same seed draws the same trouble (drawn, and printed)
  --loopback     all on one host, without partitions
  --program FILE tests another build: its dist/src/cli/main.js
  --planted      plants bugs in copies of the build, and fails when one is not found in five rounds
`;

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new RangeError(`--${name} takes a whole number from ${least}`);
  return number;
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '1' },
    seed: { type: 'string' },
    loopback: { type: 'boolean', default: false },
    program: { type: 'string' },
    planted: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  if (values.help) {
    say(usage);
    return 0;
  }
  const first = values.seed === undefined ? testSeed() : wholeNumber('seed', values.seed, 0);
  if (values.planted) return (await findPlanted(first)) ? 0 : 1;
  let failed = 0;
  for (let round = 0; round < wholeNumber('rounds', values.rounds, 1); round += 1)
    if ((await playRound(first + round, values.program)).length > 0) failed += 1;
  return failed === 0 ? 0 : 1;
}

/** @returns what was wrong; the evidence is kept then, unless the build has a planted bug. */
async function playRound(
  seed: number,
  program: string | undefined,
  keeps = true,
): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-nemesis-'));
  const plan: NemesisPlan = {
    directory,
    cwd: makeProject(directory),
    nodes: wholeNumber('nodes', values.nodes, 2),
    seconds: wholeNumber('seconds', values.seconds, 1),
    random: seededRandom(seed),
    onHosts: !values.loopback,
    program: program === undefined ? 'built' : { main: program },
    say,
  };
  say(`nemesis: ${plan.nodes} nodes, ${plan.seconds} s, seed ${seed}`);
  const { problems, history } = await playNemesis(plan);
  if (keeps) {
    for (const problem of problems) say(`  ${problem}`);
    say(problems.length === 0 ? `ok     seed ${seed}` : `FAILED seed ${seed}`);
    if (problems.length > 0) keep(plan, seed, { problems, history });
  }
  rmSync(directory, { recursive: true, force: true });
  return problems;
}

function keep({ directory, nodes, seconds }: NemesisPlan, seed: number, outcome: object): void {
  const evidence = join(process.cwd(), '.evidence', `nemesis-${seed}`);
  rmSync(evidence, { recursive: true, force: true });
  mkdirSync(evidence, { recursive: true });
  cpSync(directory, evidence, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  writeFileSync(join(evidence, 'history.json'), JSON.stringify(outcome, null, 1));
  say(`  evidence: .evidence/nemesis-${seed}`);
  say(`  repeat:   npm run nemesis -- --nodes ${nodes} --seconds ${seconds} --seed ${seed}`);
}

const plantedRounds = 5;

async function findPlanted(seed: number): Promise<boolean> {
  let missed = 0;
  for (const fault of plantedFaults) {
    const directory = mkdtempSync(join(tmpdir(), 'agent-collab-planted-'));
    const program = plant(fault, directory);
    let found: string | undefined;
    for (let round = 0; round < plantedRounds && found === undefined; round += 1)
      found = (await playRound(seed + round, program, false)).find((problem) => fault.says.test(problem));
    rmSync(directory, { recursive: true, force: true });
    if (found === undefined) missed += 1;
    say(found === undefined ? `NOT FOUND ${fault.name}` : `found     ${fault.name}: ${found}`);
  }
  return missed === 0;
}

/** One repository for all: a project is known by its remote. */
function makeProject(directory: string): string {
  const project = join(directory, 'project');
  mkdirSync(project);
  execFileSync('git', ['init', '--quiet', project]);
  execFileSync('git', ['-C', project, 'remote', 'add', 'origin', 'https://example.com/acme/app.git']);
  return project;
}

process.exitCode = await main();
