import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from './daemon-process.ts';
import { keepEvidence } from './evidence.ts';
import type { History } from './history.ts';
import { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

export interface Outcome {
  readonly seed: number;
  readonly seconds: number;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly history: History;
  readonly kills: number;
}

/** Evidence is kept when something was wrong, and only then. */
export async function runScenario(
  scenario: Scenario,
  seed: number,
  program: Program,
  keep: (name: string, round: Round) => void = keepEvidence,
): Promise<Outcome> {
  const startMs = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-crash-'));
  const round = new Round({ directory, cwd: makeProject(directory), seed, program });
  try {
    await withinLimit(scenario.run(round));
  } catch (error) {
    round.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await round.end();
  }
  if (round.problems.length > 0) keep(`${scenario.name}-${seed}`, round);
  await round.undo();
  rmSync(directory, { recursive: true, force: true });
  const { problems, notes, history, kills } = round;
  return { seed, seconds: (performance.now() - startMs) / 1000, problems, notes, history, kills };
}

/** The longest scenario takes a minute; on however busy a machine, one that takes this long has hung. */
const roundLimitMs = 600_000;

async function withinLimit(run: Promise<void>): Promise<void> {
  const timeout = new AbortController();
  const late = delay(roundLimitMs, 'late', { signal: timeout.signal }).catch(() => 'ended');
  const ended = await Promise.race([run, late]).finally(() => timeout.abort());
  if (ended === 'late') throw new Error(`the round did not end within ${roundLimitMs / 1000} s`);
}

/** A repository to work in: the daemon's projects are repositories. */
function makeProject(directory: string): string {
  const project = join(directory, 'project');
  mkdirSync(project);
  execFileSync('git', ['init', '--quiet', project]);
  return project;
}
