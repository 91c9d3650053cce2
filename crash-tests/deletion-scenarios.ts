/** G9: the whole data directory is deleted under its daemon. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { homePaths } from '../src/home/home-paths.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { deleteDirectory } from './live-directory.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';

/** A daemon looks every second whether the directory is still its own; one that starts, when it serves. */
const goneWithinMs = 15_000;

/** What is deleted with the whole directory is gone by its owner's wish; whoever comes next must find the place free. */
function homeDeleted(
  name: string,
  about: string,
  prepare: (round: Round) => Promise<DaemonProcess>,
): Scenario {
  return {
    name,
    about,
    every: 3,
    async run(round) {
      const daemon = await prepare(round);
      await deleteDirectory(round.home);
      if (!(await daemon.goneWithin(goneWithinMs)))
        round.problems.push(`the daemon of a deleted directory still runs after ${goneWithinMs} ms`);
      daemon.kill();
      await round.ended(daemon);
      round.forget();
      const next = await round.startReady();
      await round.workFor(next, 20);
      await round.check(next);
      await round.stop(next);
      await round.finish();
    },
  };
}

export const deletionScenarios: readonly Scenario[] = [
  homeDeleted('home-deleted', 'the whole data directory is deleted under the daemon', async (round) => {
    const daemon = await round.startReady();
    await round.workFor(daemon, 20);
    return daemon;
  }),
  homeDeleted(
    'home-deleted-at-start',
    'the whole data directory is deleted within the first second',
    async (round) => {
      const daemon = round.start();
      const { daemonLock } = homePaths(round.home);
      while (!existsSync(daemonLock) && daemon.isRunning) await delay(5);
      // Not to wait for a state: the moment is what the seed draws. Over 500 ms the daemon serves.
      await delay(round.random.int(0, 800));
      return daemon;
    },
  ),
];
