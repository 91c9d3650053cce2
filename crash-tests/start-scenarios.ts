/** Several starts at once on one directory: one serves, the others are refused, and one store comes into being (G10). */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { homePaths } from '../src/home/home-paths.ts';
import { oneServes } from './checks.ts';
import type { CommandOutcome } from './command-process.ts';
import { done } from './killing.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

/** A daemon that finds another one has nothing to wait for. */
const refusedWithinMs = 10_000;

const twoAtOnce: Scenario = {
  name: 'two-at-once',
  about:
    'two or three daemons started at once, on an empty directory or on one that a kill left behind: one serves (G10)',
  async run(round) {
    const leftBehind = round.seed % 2 === 1;
    if (leftBehind) {
      const before = await round.startReady();
      await round.workUntil(before, round.random.int(5, 60), () => before.kill());
    }
    const daemons = Array.from({ length: round.random.int(2, 3) }, () => round.start());
    const serving = await Promise.any(daemons.map((daemon) => daemon.ready().then(() => daemon)));
    const others = daemons.filter((one) => one !== serving).map((one) => one.gone());
    await Promise.race([Promise.all(others), delay(refusedWithinMs, undefined, { ref: false })]);
    const outcomes = daemons.map((one) => one.outcome);
    round.problems.push(...oneServes(outcomes, serving.pid));
    await round.workUntil(serving, round.random.int(5, 60), () => serving.kill());
    await round.finish();
  },
};

const firstRunsAtOnce: Scenario = {
  name: 'first-runs-at-once',
  about:
    'commands that each start a daemon on a directory that is not there: one identity and one store come of it, and each command is served (G10)',
  async run(round) {
    round.onEnd(() => killStarted(round));
    const words = ['context', 'share', 'src/first.ts', '--agent', 'first'];
    const commands = Array.from({ length: round.random.int(2, 4) }, (_, at) => {
      const content = `first ${at}`;
      const command = round.command([...words, '-m', content], { autostart: true });
      return command.outcome().then((outcome) => ({ content, outcome }));
    });
    const nodes = new Set<string>();
    for (const { content, outcome } of await Promise.all(commands)) {
      const context = contextOf(outcome);
      if (context === undefined)
        round.problems.push(
          `G10: a first command ended with ${outcome.ending}: ${JSON.stringify(outcome.error)} ${outcome.stderr}`,
        );
      else {
        const { id, source } = context;
        nodes.add(source);
        round.history.acknowledged.push({
          id,
          path: 'src/first.ts',
          content,
          durability: 'flushed',
          life: 0,
        });
      }
    }
    const { peer_id } = JSON.parse(readFileSync(homePaths(round.home).key, 'utf8')) as { peer_id: string };
    if (nodes.size !== 1 || !nodes.has(peer_id))
      round.problems.push(`G10: ${[...nodes].join()} answered, and the key is that of ${peer_id}`);
    await endStartedDaemon(round);
    await round.finish();
  },
};

function contextOf({ data }: CommandOutcome): { readonly id: string; readonly source: string } | undefined {
  return data?.context as { readonly id: string; readonly source: string } | undefined;
}

/** It was started by a command, so nobody holds its end. */
async function endStartedDaemon(round: Round): Promise<void> {
  const pid = servingPid(round);
  await done(round, ['daemon', 'stop']);
  if (pid === undefined || isRunning(pid))
    round.problems.push(`G10: the daemon ${pid} runs on after it was stopped`);
  round.nextLife();
}

function servingPid({ home }: Round): number | undefined {
  const { daemonRecord } = homePaths(home);
  if (!existsSync(daemonRecord)) return undefined;
  return (JSON.parse(readFileSync(daemonRecord, 'utf8')) as { readonly pid: number }).pid;
}

/** One that nobody has collected yet has ended all the same. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
}

function killStarted(round: Round): void {
  const pid = servingPid(round);
  if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
}

export const startScenarios: readonly Scenario[] = [twoAtOnce, firstRunsAtOnce];
