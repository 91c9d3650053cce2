/** A lane that dies, dies again and again, or hangs, in a daemon that goes on. */

import { setTimeout as delay } from 'node:timers/promises';
import type { ControlClient } from '../src/control/client.ts';
import type { StatusView } from '../src/control/results.ts';
import type { LaneName } from '../src/offload/contract.ts';
import { laneNames } from '../src/offload/contract.ts';
import { type DaemonProcess, stopWithinMs } from './daemon-process.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import { type Asker, acquire, askTrail, describe, endLock, shareText } from './workload.ts';

const places = ['taken', 'applied', 'released'] as const;

/** Something for each lane to do, one batch or two. */
async function nudge(asker: Asker, lane: LaneName, turn: number): Promise<void> {
  const path = `nudge/${turn}.ts`;
  if (lane === 'audit') {
    const lock = await acquire(asker, path, `nudge ${asker.plan.life} ${turn}`);
    if (lock !== undefined) await endLock(asker, lock, 'released');
    await askTrail(asker);
  } else if (lane === 'compact') await asker.client.call('compact', {});
  else await shareText(asker, { path, content: `nudge ${turn}`, durability: 'flushed' });
}

/** To the compact lane a batch that throws is a request that fails, and no death. */
function drawDeath({ random }: Round, lane: LaneName): string {
  return lane === 'compact' ? 'exit' : random.pick(['exit', 'throw']);
}

function laneOf(seed: number): LaneName {
  return laneNames[seed % laneNames.length] ?? 'persist';
}

const laneDies: Scenario = {
  name: 'lane-dies',
  about:
    'a worker throws or exits before, in or after its work: it is replaced, and nothing is lost (G1–G4, G6)',
  async run(round) {
    const { random, seed } = round;
    const lane = laneOf(seed);
    const place = places[Math.floor(seed / laneNames.length) % places.length] ?? 'taken';
    const action = drawDeath(round, lane);
    // Its successors pass as often before they die: what comes after the first death must be less than that.
    const failpoints = `${lane}.${place}=${action}@${random.int(10, 20)}`;
    round.notes.push(failpoints);
    const daemon = await round.startReady({ failpoints });
    await nudgeUntil(round, daemon, lane, ({ lanes }) => lanes[lane].restarts > 0);
    await round.workFor(daemon, 5);
    const { status } = await round.check(daemon);
    if (status.lanes[lane].state !== 'running' || status.readOnly !== null)
      round.problems.push(`the ${lane} lane died once and is ${JSON.stringify(status.lanes[lane])}`);
    daemon.kill();
    await round.ended(daemon);
    await round.finish();
  },
};

const laneFails: Scenario = {
  name: 'lane-fails',
  about:
    'three deaths of a lane within a minute: read-only with the reason in `status`, locks go on, a restart mends it (G1–G4, G6)',
  async run(round) {
    const { random, seed } = round;
    const lane = laneOf(seed);
    const action = drawDeath(round, lane);
    // Some of its work is done before; each successor passes as often before it dies.
    const failpoints = `${lane}.${random.pick(places)}=${action}@${random.int(1, 3)}+`;
    round.notes.push(failpoints);
    const daemon = await round.startReady({ failpoints });
    const status = await nudgeUntil(round, daemon, lane, ({ lanes }) => lanes[lane].state === 'failed');
    if (!status?.readOnly?.reason.includes(lane))
      round.problems.push(
        `the ${lane} lane failed, and status says read-only: ${JSON.stringify(status?.readOnly)}`,
      );
    await isReadOnly(round, daemon);
    await countLostEvents(round, daemon);
    round.problems.push(...(await daemon.stop()));
    await round.ended(daemon);
    await round.finish();
  },
};

/** Deltas are refused with their code, locks are given and taken back. */
async function isReadOnly(round: Round, daemon: DaemonProcess): Promise<void> {
  const asker = askerOf(round, daemon, 'tester');
  const refused = await shareText(asker, { path: 'a.ts', content: 'refused', durability: 'flushed' }).then(
    () => 'it was taken',
    (error: unknown) => describe(error),
  );
  if (!refused.startsWith('STORE_READ_ONLY'))
    round.problems.push(`a share to a read-only daemon: ${refused}`);
  const lock = await acquire(asker, 'locked.ts', `still locks ${round.life}`);
  if (lock === undefined) round.problems.push('a read-only daemon denied a free lock');
  else await endLock(asker, lock, 'released');
  asker.client.close();
}

async function countLostEvents(round: Round, daemon: DaemonProcess): Promise<void> {
  const client = daemon.client();
  const { data } = await client.call('status', {});
  round.history.eventsCountedAsLost += data.audit.lost;
  client.close();
  if (data.lanes.audit.state !== 'failed') return;
  // The lane is gone, so no question waits for it: what is not counted as lost must be on record all the same.
  round.history.ticks += 1;
  round.history.barriers.push({ life: round.life, askedAt: round.history.ticks });
}

const laneHangs: Scenario = {
  name: 'lane-hangs',
  about:
    'a worker hangs, as on a disk that does not answer: locks go on, a stop ends all the same, nothing is lost (G1–G4, G6)',
  every: 3,
  async run(round) {
    const lane = laneOf(round.seed);
    const failpoints = `${lane}.${round.random.pick(places)}=stall@2`;
    round.notes.push(failpoints);
    const daemon = await round.startReady({ failpoints });
    await hang(round, daemon, lane);
    await locksGoOn(round, daemon);
    daemon.terminate();
    if (!(await daemon.goneWithin(stopWithinMs)))
      round.problems.push(`SIGTERM: the daemon with a lane that hangs still ran after ${stopWithinMs} ms`);
    daemon.kill();
    await round.ended(daemon);
    await round.finish();
  },
};

const laneHangsLong: Scenario = {
  name: 'lane-hangs-long',
  about:
    'a worker hangs for over half a minute: `status` names the lane, and what it would have to keep is refused',
  every: 25,
  async run(round) {
    const daemon = await round.startReady({ failpoints: 'persist.taken=stall@2' });
    await hang(round, daemon, 'persist');
    const client = daemon.client();
    const deadline = performance.now() + 60_000;
    for (let told = false; !told; await delay(500)) {
      const { data } = await client.call('status', {});
      told = data.lanes.persist.state !== 'running' && data.lanes.persist.error?.code === 'STORE_UNAVAILABLE';
      if (performance.now() > deadline) {
        round.problems.push('status does not say within a minute that the persist lane hangs');
        break;
      }
    }
    client.close();
    await locksGoOn(round, daemon);
    daemon.kill();
    await round.ended(daemon);
    await round.finish();
  },
};

/** Until the lane has something that it does not finish. */
async function hang(round: Round, daemon: DaemonProcess, lane: LaneName): Promise<void> {
  const asker = { ...askerOf(round, daemon, 'hanging'), timeoutMs: 500 };
  for (let turn = 0; turn < 4; turn += 1)
    await Promise.race([nudge(asker, lane, turn).catch(() => undefined), delay(700)]);
  asker.client.close();
}

async function locksGoOn(round: Round, daemon: DaemonProcess): Promise<void> {
  const asker = { ...askerOf(round, daemon, 'tester'), timeoutMs: 10_000 };
  for (let turn = 0; turn < 20; turn += 1) {
    const lock = await acquire(asker, `free/${turn}.ts`, `locks go on ${round.life} ${turn}`);
    if (lock === undefined) round.problems.push('a free lock was denied');
    else await endLock(asker, lock, 'released');
  }
  asker.client.close();
}

/** Nudges the lane until `status` is as wanted; its last answer. */
async function nudgeUntil(
  round: Round,
  daemon: DaemonProcess,
  lane: LaneName,
  wanted: (status: StatusView) => boolean,
): Promise<StatusView | undefined> {
  const asker = askerOf(round, daemon, 'nudger');
  const deadline = performance.now() + 60_000;
  try {
    for (let turn = 0; performance.now() < deadline; turn += 1) {
      await nudge({ ...asker, timeoutMs: 20_000 }, lane, turn).catch((error: unknown) => {
        // A lane that dies for good refuses what it cannot do any more.
        if (!/^(STORE_|INTERNAL)/.test(describe(error))) round.problems.push(describe(error));
      });
      for (let look = 0; look < 3; look += 1) {
        const status = await statusOf(asker.client);
        if (wanted(status)) return status;
        await delay(15);
      }
    }
    round.problems.push(`the ${lane} lane did not come where it should within a minute`);
    return undefined;
  } finally {
    asker.client.close();
  }
}

async function statusOf(client: ControlClient): Promise<StatusView> {
  return (await client.call('status', {})).data;
}

export function askerOf(round: Round, daemon: DaemonProcess, agent: string): Asker {
  return {
    client: daemon.client(),
    agent,
    history: round.history,
    plan: { life: round.life, cwd: round.cwd },
  };
}

export const laneScenarios: readonly Scenario[] = [laneDies, laneFails, laneHangs, laneHangsLong];
