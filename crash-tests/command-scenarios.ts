/** Backup and restore through the built command line, killed in the middle: the old or the new state, whole, and done the next time (G5). */
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandOutcome } from './command-process.ts';
import type { PossibleState } from './history.ts';
import { done, drawKill, type Kill, killCommand } from './killing.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

/** A backup takes its time, and more would only be more of the same. */
const few = { agents: 2 };

const killInBackup: Scenario = {
  name: 'kill-in-backup',
  about:
    'a backup beside agents is killed, its own process at a named place or the daemon at a drawn moment: the stores go on, and the next backup is whole (G1–G5)',
  every: 2,
  async run(round) {
    const kill = drawKill(round, ['backup.'], 900);
    if (kill.place === undefined) await killDaemonInBackup(round, kill.afterMs);
    else await killBackupProcess(round, kill);
    const daemon = await round.startReady();
    await round.check(daemon);
    const before = round.snapshot();
    const { name } = await round.workDuring(daemon, done(round, ['backup']), few);
    await assertOnlyWhole(round, String(name));
    await round.stop(daemon);
    await done(round, ['restore', String(name)]);
    // What was acknowledged while the backup was made may be in it or not.
    round.history = round.putBackTo(before);
    await round.finish();
  },
};

/** The daemon makes a backup in a process of its own, which inherits what is armed. */
async function killBackupProcess(
  round: Round,
  { place, pass }: Extract<Kill, { readonly place: string }>,
): Promise<void> {
  const daemon = await round.startReady({ failpoints: `${place}=kill@${pass}` });
  await round.workFor(daemon, 20);
  const outcome = await round.workDuring(daemon, round.command(['backup']).outcome(), few);
  const killed = outcome.error !== undefined;
  round.notes.push(`${killed ? 'killed' : 'done'} at ${place}@${pass}`);
  if (killed) {
    round.countKill();
    mustBe(round, 'a backup whose process was killed', outcome, 'STORE_UNAVAILABLE');
  }
  if (!daemon.isRunning) round.problems.push('the daemon went with its backup process');
  await round.workUntil(daemon, 10, () => daemon.kill());
}

async function killDaemonInBackup(round: Round, afterMs: number): Promise<void> {
  const daemon = await round.startReady();
  await round.workFor(daemon, 20);
  const backup = round.command(['backup']).outcome();
  const killing = delay(afterMs).then(() => daemon.kill());
  await round.workDuring(daemon, killing, few);
  await round.ended(daemon);
  const outcome = await backup;
  round.notes.push(`daemon killed after ${afterMs} ms of the backup`);
  if (outcome.error !== undefined)
    mustBe(round, 'a backup whose daemon was killed', outcome, 'DAEMON_UNREACHABLE');
}

/** Nothing half made is left by the backup that came after, and what is listed is whole. */
async function assertOnlyWhole(round: Round, name: string): Promise<void> {
  const { backups } = (await done(round, ['backup', '--list'])) as {
    readonly backups: readonly { readonly name: string; readonly state: string }[];
  };
  const half = backups.filter(({ state }) => state !== 'complete');
  if (half.length > 0) round.problems.push(`G5: half a backup is left: ${JSON.stringify(half)}`);
  if (!backups.some((one) => one.name === name)) round.problems.push(`G5: the backup ${name} is not listed`);
}

function mustBe(round: Round, what: string, { ending, error }: CommandOutcome, code: string): void {
  if (error?.code === code && error.next !== undefined) return;
  round.problems.push(`${what} ended with ${ending}, ${JSON.stringify(error)}, not with ${code} and a next`);
}

const killInRestore: Scenario = {
  name: 'kill-in-restore',
  about:
    'a restore is killed at a named place or a drawn moment: the directory holds what it held or what the backup holds, and the next restore is done (G1–G6)',
  async run(round) {
    const first = await round.startReady();
    await round.workFor(first, 20);
    const { name } = await done(round, ['backup']);
    const backedUp = round.snapshot();
    await round.workFor(first, 20);
    if (round.random.chance(0.5)) await round.stop(first);
    else await round.workUntil(first, 10, () => first.kill());
    const kill = drawKill(round, ['restore.'], 400);
    await killCommand(round, ['restore', String(name)], kill);
    const states = () => [
      { name: 'old', history: round.history },
      { name: 'new', history: round.putBackTo(backedUp) },
    ];
    const looks = round.random.chance(0.5);
    if (looks) await lookBetween(round, states());
    // What a restore replaces is a backup too.
    const replaced = looks ? [{ name: 'that was seen', history: round.snapshot() }] : states();
    const { safety } = await done(round, ['restore', String(name)]);
    const restored = await round.startReady();
    await round.checkOneOf(restored, states().slice(1));
    await round.stop(restored);
    if (round.random.chance(0.3)) {
      await done(round, ['restore', String(safety)]);
      const back = await round.startReady();
      const histories = replaced.map((one) => ({ ...one, history: round.putBackTo(one.history) }));
      round.notes.push(`the safety backup holds the state ${await round.checkOneOf(back, histories)}`);
      await round.stop(back);
    }
    await round.finish();
  },
};

/** A start finishes what had begun to change, and clears away what had not. */
async function lookBetween(round: Round, states: readonly PossibleState[]): Promise<void> {
  const between = await round.startReady();
  round.notes.push(`a start finds the ${await round.checkOneOf(between, states)} state`);
  between.kill();
  await round.ended(between);
}

export const commandScenarios: readonly Scenario[] = [killInBackup, killInRestore];
