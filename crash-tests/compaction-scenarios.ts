/** SIGKILL while retention drops what is old, and while compact copies take the place of the stores (G5). */
import { join } from 'node:path';
import { freeShare } from '../src/store/inspect.ts';
import { storeNames } from '../src/store/store-copy.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { presentFailpoints } from './failpoints.ts';
import { done, shareMany, turns } from './killing.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

/** A smaller file is left as it is (docs/STORAGE.md). */
const leastReclaimBytes = 256 * 1024;

interface Killing {
  readonly places: readonly string[];
  readonly mostPasses: number;
  /** Of the old life. */
  readonly deltas: number;
}

function killIn(scenario: Omit<Scenario, 'run'>, { places, mostPasses, deltas }: Killing): Scenario {
  return {
    ...scenario,
    async run(round) {
      const old = await round.startReady({ daysSlow: 100 });
      round.history.oldLives.add(round.life);
      await round.workFor(old, 30);
      await shareMany(round, old, deltas);
      await round.stop(old);
      const drawn = presentFailpoints(round.program, places);
      const [place = 'drawn'] = turns([...drawn, 'drawn'], round.seed, 1);
      if (place === 'drawn') {
        const daemon = await round.startReady();
        await round.workFor(daemon, 10);
        await killAfterAsking(round, daemon, round.random.int(0, 400));
      } else {
        const pass = round.random.int(1, mostPasses);
        const daemon = await round.startReady({ failpoints: `${place}=kill@${pass}` });
        await round.workFor(daemon, 10);
        await compactUntilKilled(round, daemon, `${place}@${pass}`);
      }
      await compactToTheEnd(round);
    },
  };
}

/** Asks for it while agents work, and waits for what comes of it. */
async function compactBesideAgents(round: Round, daemon: DaemonProcess): Promise<'done' | 'killed'> {
  const client = daemon.client();
  const asked = client.call('compact', {}).then(
    () => 'done' as const,
    () => 'killed' as const,
  );
  const ended = await round.workDuring(daemon, asked);
  client.close();
  return ended;
}

/** A place that needs more steps than there are left is not passed: then the compaction has run to its end. */
async function compactUntilKilled(round: Round, daemon: DaemonProcess, place: string): Promise<void> {
  const ended = await compactBesideAgents(round, daemon);
  if (ended === 'done') daemon.kill();
  round.notes.push(`${ended} at ${place}`);
  await round.ended(daemon);
}

async function killAfterAsking(round: Round, daemon: DaemonProcess, afterMs: number): Promise<void> {
  // Not to wait for a state: the moment is what the seed draws.
  const timer = setTimeout(() => daemon.kill(), afterMs);
  const ended = await compactBesideAgents(round, daemon);
  clearTimeout(timer);
  daemon.kill();
  round.notes.push(`${ended} after ${afterMs} ms`);
  await round.ended(daemon);
}

async function compactToTheEnd(round: Round): Promise<void> {
  const daemon = await round.startReady();
  await round.check(daemon);
  if ((await compactBesideAgents(round, daemon)) !== 'done')
    round.problems.push('G5: a compaction that ran again was not done');
  const { deltas } = await round.check(daemon);
  const left = deltas.filter(({ id }) =>
    round.history.acknowledged.some((one) => one.id === id && round.history.oldLives.has(one.life)),
  );
  if (left.length > 0)
    round.problems.push(`G5: ${left.length} old deltas are left after the compaction ran again`);
  // Once more, with nobody beside: what agents write after a compaction leaves free pages in a small file.
  await done(round, ['compact']);
  for (const store of storeNames) {
    const { fileBytes, freeBytes } = freeShare(join(round.home, 'lmdb', store));
    if (fileBytes >= leastReclaimBytes && freeBytes * 2 > fileBytes)
      round.problems.push(
        `G5: ${freeBytes} of the ${fileBytes} bytes of ${store} are free, and were not given back`,
      );
  }
  await round.stop(daemon);
  await round.finish();
}

export const compactionScenarios: readonly Scenario[] = [
  killIn(
    {
      name: 'kill-in-compaction',
      about:
        'SIGKILL while retention drops what a daemon with a slow clock wrote: the old log or the new one, and done the next time (G1–G5)',
      every: 2,
    },
    // Two transactions of retention, 500 records each.
    { places: ['compact.'], mostPasses: 2, deltas: 700 },
  ),
  killIn(
    {
      name: 'kill-in-reclaim',
      about:
        'SIGKILL while compact copies are made and take the place of the stores: the old file or the new one, whole, and done the next time (G1–G5)',
      every: 2,
    },
    // So many that each file is worth a copy.
    { places: ['reclaim.'], mostPasses: 3, deltas: 1200 },
  ),
];
