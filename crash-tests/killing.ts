/** What scenarios that kill have in common. */
import { seededRandom } from '../test/support/seed.ts';
import type { CommandOutcome } from './command-process.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { presentFailpoints } from './failpoints.ts';
import type { Round } from './round.ts';
import { shareText } from './workload.ts';

/** A daemon that passes its failpoint later than this does not pass it, on however busy a machine. */
export const reachedWithinMs = 60_000;

/** Some of all, in turns: rounds of neighbouring seeds go through all of them. */
export function turns<T>(all: readonly T[], seed: number, count: number): readonly T[] {
  const some = Math.min(count, all.length);
  return Array.from({ length: some }, (_, at) => all[(seed * some + at) % all.length] as T);
}

/** Waits for the daemon to meet its failpoint without any work from here. */
export async function killedAt(round: Round, daemon: DaemonProcess, place: string): Promise<void> {
  if (!(await daemon.goneWithin(reachedWithinMs))) notPassed(round, place);
  daemon.kill();
  await round.ended(daemon);
  round.notes.push(`killed at ${place}`);
}

export function notPassed(round: Round, place: string): void {
  round.problems.push(`the daemon did not pass ${place} within ${reachedWithinMs} ms`);
}

/** @param chars of each content, at least. @default a few */
export async function shareMany(
  round: Round,
  daemon: DaemonProcess,
  count: number,
  chars = 0,
): Promise<void> {
  const client = daemon.client();
  const { history, life, cwd } = round;
  const random = seededRandom(round.seed);
  const asker = { client, agent: 'bulk', history, plan: { life, cwd } };
  const one = (number: number) =>
    shareText(asker, {
      path: `src/${random.int(1, 5)}.ts`,
      content: `bulk ${number}`.padEnd(chars, '.'),
      durability: 'committed',
    });
  for (let from = 0; from < count; from += 100)
    await Promise.all(Array.from({ length: Math.min(100, count - from) }, (_, at) => one(from + at)));
  client.close();
}

/** A command that nothing was done to: it must be done, and say so. */
export async function done(
  round: Round,
  words: readonly string[],
): Promise<NonNullable<CommandOutcome['data']>> {
  const { ending, data, error, stderr } = await round.command(words).outcome();
  if (ending === 'exit code 0' && data !== undefined) return data;
  throw new Error(`${words.join(' ')} ended with ${ending}: ${JSON.stringify(error)} ${stderr}`);
}

/** At a place that is passed, or at a moment. */
export type Kill =
  | { readonly place: string; readonly pass: number }
  | { readonly place?: never; readonly afterMs: number };

/** Passed only when backups/ is another file system. */
const otherDisk = /^restore\.archive-/;
/** Passed once for each file, name or batch; the others once. */
const manyTimes = /\.(copying|staging|moving-out|moving-in|batch)$/;

/** A place for this round's seed, in turns; or, as one of them, a drawn moment of so many ms at most. */
export function drawKill(round: Round, places: readonly string[], mostMs: number): Kill {
  const present = presentFailpoints(round.program, places).filter((place) => !otherDisk.test(place));
  const [place = 'drawn'] = turns([...present, 'drawn'], round.seed, 1);
  if (place === 'drawn') return { afterMs: round.random.int(50, mostMs) };
  return { place, pass: manyTimes.test(place) ? round.random.int(1, 4) : 1 };
}

/** Kills a command in the middle; it may be done by then. */
export async function killCommand(
  round: Round,
  words: readonly string[],
  kill: Kill,
): Promise<CommandOutcome> {
  const at = kill.place === undefined ? `after ${kill.afterMs} ms` : `at ${kill.place}@${kill.pass}`;
  const armed = kill.place === undefined ? {} : { failpoints: `${kill.place}=kill@${kill.pass}` };
  const command = round.command(words, armed);
  const timer = kill.place === undefined ? setTimeout(() => command.kill(), kill.afterMs) : undefined;
  const outcome = await command.outcome();
  clearTimeout(timer);
  if (outcome.ending === 'SIGKILL') round.countKill();
  round.notes.push(`${outcome.ending === 'SIGKILL' ? 'killed' : outcome.ending} ${at}`);
  return outcome;
}
