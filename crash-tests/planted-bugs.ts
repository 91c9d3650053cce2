/**
 * Bugs for the guarantees, each planted by replacing some text in a copy of the build, and the scenario that must find it: a suite that
 * finds nothing may be one that cannot.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plantedBugs } from './bug-table.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

export interface PlantedBug {
  /** What is broken, as a sentence about the program. */
  readonly name: string;
  /** `G1` … `G10`. */
  readonly guarantee: string;
  /** Below the root of the build, as `workers/lane-loop.js`. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly replace: string;
  readonly by: string;
  readonly scenario: string;
  /** The seeds are 1, 2, …: those with which it is found the soonest. @default 4 */
  readonly rounds?: number;
  /** What a problem must say for the bug to count as found. */
  readonly says: RegExp;
}

const built = fileURLToPath(new URL('../dist/', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const mostRounds = 4;

/** A copy of the build with the bug in it. @throws when the text is not there: then nothing was planted. */
export function plant(
  { name, file, replace, by }: Pick<PlantedBug, 'name' | 'file' | 'replace' | 'by'>,
  directory: string,
): string {
  cpSync(built, join(directory, 'dist'), { recursive: true });
  // Found from the copy as from the build.
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const path = join(directory, 'dist', file);
  const parts = readFileSync(path, 'utf8').split(replace);
  if (parts.length !== 2)
    throw new Error(
      `"${name}" cannot be planted: its text stands ${parts.length - 1} times in ${file}, not once`,
    );
  writeFileSync(path, parts.join(by));
  return join(directory, 'dist', 'src', 'cli', 'main.js');
}

/** @returns how it was found, or undefined. @throws as `plant`. */
export async function findBug(
  bug: PlantedBug,
): Promise<{ readonly rounds: number; readonly problem: string } | undefined> {
  const scenario = scenarios.find((one) => one.name === bug.scenario);
  if (scenario === undefined) throw new Error(`there is no scenario ${bug.scenario}`);
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-planted-'));
  try {
    const main = plant(bug, directory);
    for (let round = 1; round <= (bug.rounds ?? mostRounds); round += 1) {
      // What fails here is no evidence of anything.
      const { problems } = await runScenario(scenario, round, { main }, () => {});
      const problem = problems.find((one) => bug.says.test(one));
      if (problem !== undefined) return { rounds: round, problem };
    }
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One line for each bug. @returns the number of those that were not found. */
export async function findPlantedBugs(
  say: (line: string) => void,
  chosen: readonly PlantedBug[] = plantedBugs,
): Promise<number> {
  let missed = 0;
  for (const bug of chosen) {
    const title = `${bug.guarantee} ${bug.name} (${bug.scenario})`;
    const found = await findBug(bug);
    if (found === undefined) missed += 1;
    say(
      found === undefined
        ? `NOT FOUND ${title}`
        : `found     ${title} in round ${found.rounds}: ${firstLine(found.problem)}`,
    );
  }
  say(`${chosen.length - missed} of ${chosen.length} planted bugs found`);
  return missed;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 160) ?? '';
}
