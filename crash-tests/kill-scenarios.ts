/** SIGKILL of the daemon: at answers, at drawn moments, and at named places inside its work. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { presentFailpoints } from './failpoints.ts';
import { killedAt, notPassed, reachedWithinMs, shareMany, turns } from './killing.ts';
import type { Scenario } from './scenario.ts';

const killUnderLoad: Scenario = {
  name: 'kill-under-load',
  about: 'SIGKILL at the n-th acknowledgement, in one or two lives of one directory (G1–G4, G6, G7)',
  async run(round) {
    const kills = round.random.int(1, 2);
    for (let life = 0; life < kills; life += 1) {
      const daemon = await round.startReady();
      if (life > 0) await round.check(daemon);
      await round.workUntil(daemon, round.random.int(1, 150), () => daemon.kill());
    }
    await round.finish();
  },
};

const killAtStart: Scenario = {
  name: 'kill-at-start',
  about:
    'SIGKILL while the daemon starts on a directory that a kill left behind, at a drawn moment and at a named place (G1–G4, G7, G10)',
  async run(round) {
    const first = await round.startReady();
    await round.workUntil(first, round.random.int(20, 80), () => first.kill());
    const daemon = round.start();
    // Not to wait for a state: the moment is what the seed draws. Over 400 ms the daemon serves.
    await delay(round.random.int(20, 400));
    daemon.kill();
    await round.ended(daemon);
    const places = presentFailpoints(round.program, ['start.']);
    for (const place of turns(places, round.seed, 1)) {
      const armed = round.start({ failpoints: `${place}=kill` });
      await killedAt(round, armed, place);
    }
    await round.finish();
  },
};

const killAtFirstStart: Scenario = {
  name: 'kill-at-first-start',
  about: 'SIGKILL while the daemon makes a new directory: the next start makes it whole (G5, G10)',
  async run(round) {
    for (const place of turns(presentFailpoints(round.program, ['start.']), round.seed, 1)) {
      const armed = round.start({ failpoints: `${place}=kill` });
      await killedAt(round, armed, place);
    }
    const daemon = round.start();
    await delay(round.random.int(20, 500));
    daemon.kill();
    await round.ended(daemon);
    const whole = await round.startReady();
    await round.workFor(whole, 20);
    await round.check(whole);
    await round.stop(whole);
  },
};

const killAtStop: Scenario = {
  name: 'kill-at-stop',
  about:
    'SIGTERM under load, and while the daemon drains and closes SIGKILL at a drawn moment, at a named place, or not at all (G1–G4, G6)',
  async run(round) {
    const places = ['never', 'drawn', ...presentFailpoints(round.program, ['stop.'])];
    const [place = 'never'] = turns(places, round.seed, 1);
    const isNamed = place !== 'never' && place !== 'drawn';
    const daemon = await round.startReady(isNamed ? { failpoints: `${place}=kill` } : {});
    const graceMs = round.random.int(0, 60);
    await round.workUntil(daemon, round.random.int(20, 100), () => {
      daemon.terminate();
      // The moment is what the seed draws; a daemon that is done by then has ended in order.
      if (place === 'drawn') setTimeout(() => daemon.kill(), graceMs);
    });
    round.notes.push(`killed: ${place}`);
    if (isNamed && daemon.ending !== 'SIGKILL') notPassed(round, place);
    if (place === 'never' && daemon.ending !== 'exit code 0')
      round.problems.push(`SIGTERM under load: the daemon ended with ${daemon.ending}, not 0`);
    await round.finish();
  },
};

/** Where a lane can be killed, and how often its workload passes there within a second or two. */
const lanePlaces: Readonly<Record<string, number>> = {
  'persist.taken': 40,
  'persist.applied': 40,
  'persist.released': 40,
  'log.append': 40,
  'index.taken': 10,
  'index.step': 10,
  'index.applied': 10,
  'index.released': 10,
  'audit.taken': 10,
  'audit.applied': 10,
  'audit.released': 10,
};

const killInLane: Scenario = {
  name: 'kill-in-lane',
  about:
    "SIGKILL inside a lane's work: before, in and after its transaction, and after the release (G1–G4, G6, G7)",
  async run(round) {
    const places = presentFailpoints(round.program, Object.keys(lanePlaces));
    for (const place of turns(places, round.seed, 1)) {
      // Not the first: a lane that is quicker than the answer to the first request would end a life in which nothing was promised.
      const pass = round.random.int(2, lanePlaces[place] ?? 2);
      const daemon = await round.startReady({ failpoints: `${place}=kill@${pass}` });
      if (!(await round.workUntilGone(daemon, reachedWithinMs))) notPassed(round, place);
      round.notes.push(`killed at ${place}@${pass}`);
    }
    await round.finish();
  },
};

/** The index takes 4 MiB of the log in a transaction: these are three. */
const rebuilt = { deltas: 220, chars: 40_000 };

const killInRebuild: Scenario = {
  name: 'kill-in-rebuild',
  about: 'the index is removed, and SIGKILL strikes while it is rebuilt (G1–G3)',
  every: 2,
  async run(round) {
    const first = await round.startReady();
    await shareMany(round, first, rebuilt.deltas, rebuilt.chars);
    await round.workUntil(first, round.random.int(5, 30), () => first.kill());
    rmSync(join(round.home, 'lmdb', 'index'), { recursive: true, force: true });
    const places = presentFailpoints(round.program, ['index.']);
    for (const place of turns(places, round.seed, 1)) {
      const daemon = round.start({ failpoints: `${place}=kill` });
      await killedAt(round, daemon, place);
    }
    await round.finish();
  },
};

export const killScenarios: readonly Scenario[] = [
  killUnderLoad,
  killAtStart,
  killAtFirstStart,
  killAtStop,
  killInLane,
  killInRebuild,
];
