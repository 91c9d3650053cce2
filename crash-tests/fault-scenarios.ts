/**
 * G9: what an environment does to a daemon. Locks go on, what cannot be kept is refused with a stable code, nothing that was acknowledged
 * is lost, and once the cause is gone the daemon goes on without a restart.
 */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CollabError } from '../src/base/errors.ts';
import { type DaemonProcess, stopWithinMs } from './daemon-process.ts';
import {
  type DiskKind,
  failFileSystem,
  failWrites,
  fillDisk,
  forbidFiles,
  forbidGrowth,
  mendFileSystem,
  mountSmallDisk,
  remount,
  type Undo,
} from './environment-faults.ts';
import { askerOf } from './lane-scenarios.ts';
import { putInPlace } from './live-directory.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import { type Asker, acquire, askTrail, describe, endLock, shareText } from './workload.ts';

interface Fault {
  readonly name: string;
  readonly about: string;
  readonly needs?: Scenario['needs'];
  readonly every?: number;
  /** Prepares the data directory's place. */
  place?(round: Round): void;
  break(round: Round, daemon: DaemonProcess): Promise<Undo> | Undo;
  /** Whether new deltas must be refused while it lasts. @default true */
  readonly refuses?: boolean;
}

/** The longest pause between two attempts of a lane, several times over. */
const mendedWithinMs = 30_000;
/** Locks never wait for a disk; on however busy a machine, this is too long. */
const slowLockMs = 4_000;
/** A fault shows with the first write, at the latest with the guard's next look (5 s). */
const showsWithinMs = 15_000;

function scenarioOf({ place, refuses = true, ...fault }: Fault): Scenario {
  return {
    name: fault.name,
    about: fault.about,
    ...(fault.needs === undefined ? {} : { needs: fault.needs }),
    ...(fault.every === undefined ? {} : { every: fault.every }),
    async run(round) {
      place?.(round);
      const daemon = await round.startReady();
      const asker: Asker = { ...askerOf(round, daemon, 'prober'), timeoutMs: 10_000 };
      await round.workFor(daemon, 40);
      await asker.client.call('status', {});
      const before = round.problems.length;
      const undo = await fault.break(round, daemon);
      try {
        await during(round, asker, refuses);
      } finally {
        await undo();
      }
      if (await endedByLmdb(daemon)) {
        const said = round.problems.splice(before);
        round.problems.push(...said.filter((problem) => !problem.includes('DAEMON_UNREACHABLE')));
        round.notes.push('ended by lmdb-js as it described a write that failed (docs/STORAGE.md)');
        await round.ended(daemon);
      } else {
        await after(round, daemon, asker);
        await round.workFor(daemon, 20);
        await round.check(daemon);
        await round.stop(daemon);
      }
      await round.finish();
    },
  };
}

/**
 * A defect of lmdb-js 3.5 that nothing here can keep off: of a write that fails between the probe and LMDB's own it writes up to 125 bytes into
 * memory of 100, and now and then glibc ends the process for it. What had been acknowledged must be there all the same.
 */
async function endedByLmdb(daemon: DaemonProcess): Promise<boolean> {
  const said =
    /Write error: [^\n]*[\s\S]*((malloc|realloc|free|munmap_chunk|malloc_consolidate)\(\)|sysmalloc|corrupted|double free)/;
  return (await daemon.goneWithin(0)) && daemon.ending === 'SIGABRT' && said.test(daemon.stderr);
}

async function during(round: Round, asker: Asker, refuses: boolean): Promise<void> {
  const deadline = performance.now() + showsWithinMs;
  for (let turn = 0, refused = !refuses; !refused || turn < 5; turn += 1) {
    await locks(round, asker, `during ${turn}`);
    const answer = await shares(asker, `during ${turn}`);
    refused ||= answer !== 'taken';
    if (answer !== 'taken' && !isClear(answer))
      round.problems.push(`G9: a share was refused with ${describe(answer)}`);
    const status = await asker.client
      .call('status', {}, { timeoutMs: 10_000 })
      .catch((error: unknown) => describe(error));
    if (typeof status === 'string') round.problems.push(`G9: status does not answer: ${status}`);
    if (performance.now() > deadline) {
      if (!refused)
        round.problems.push(`G9: deltas are taken as if nothing were wrong, for ${showsWithinMs} ms`);
      return;
    }
  }
}

async function after(round: Round, daemon: DaemonProcess, asker: Asker): Promise<void> {
  const deadline = performance.now() + mendedWithinMs;
  for (let turn = 0; ; turn += 1) {
    const answer = daemon.isRunning
      ? await shares(asker, `after ${turn}`)
      : new CollabError('INTERNAL', 'it ended');
    const lanes = (await asker.client.call('status', {}).catch(() => undefined))?.data.lanes;
    const down = Object.entries(lanes ?? {}).filter(([, { state }]) => state !== 'running');
    if (answer === 'taken' && lanes !== undefined && down.length === 0) break;
    if (performance.now() > deadline || !daemon.isRunning) {
      const what = answer === 'taken' ? `lanes that do not run: ${JSON.stringify(down)}` : describe(answer);
      throw new Error(
        `G9: the cause is gone, and the daemon does not go on within ${mendedWithinMs} ms: ${what}`,
      );
    }
    // A lane with nothing to write does not find out that it can.
    await locks(round, asker, `after ${turn}`);
    await delay(100);
  }
  await askTrail(asker);
}

async function locks(round: Round, asker: Asker, name: string): Promise<void> {
  const startMs = performance.now();
  try {
    const lock = await acquire(asker, `probe/${name}.ts`, `probe ${asker.plan.life} ${name}`);
    if (lock === undefined) round.problems.push(`G9: a free lock was denied ${name}`);
    else await endLock(asker, lock, 'released');
  } catch (error) {
    round.problems.push(`G9: locks do not go on ${name}: ${describe(error)}`);
  }
  const took = performance.now() - startMs;
  if (took > slowLockMs)
    round.problems.push(`G9: a lock and its release took ${Math.round(took)} ms ${name}`);
}

async function shares(asker: Asker, name: string): Promise<'taken' | CollabError> {
  try {
    await shareText(asker, {
      path: 'probe.ts',
      content: `probe ${name} ${asker.plan.life}`,
      durability: 'flushed',
    });
    return 'taken';
  } catch (error) {
    if (error instanceof CollabError) return error;
    throw error;
  }
}

/** Says what is wrong and what to do. */
function isClear(error: CollabError): boolean {
  return error.code.startsWith('STORE_') && error.next !== undefined;
}

function smallDisk(kind: DiskKind) {
  return (round: Round) => {
    round.onEnd(mountSmallDisk(round.directory, kind));
    round.home = join(round.directory, 'disk', 'home');
  };
}

const faults: readonly Fault[] = [
  {
    name: 'disk-full',
    about: 'a memory file system without a byte left (ENOSPC)',
    needs: 'tmpfs',
    place: smallDisk('tmpfs'),
    break: (round) => fillDisk(join(round.directory, 'disk')),
  },
  {
    name: 'disk-full-ext4',
    about: 'an ext4 file system without a byte left (ENOSPC)',
    needs: 'ext4',
    every: 3,
    place: smallDisk('ext4'),
    break: (round) => fillDisk(join(round.directory, 'disk')),
  },
  ...(['EROFS', 'EDQUOT', 'EIO', 'ENOSPC'] as const).map(
    (error): Fault => ({
      name: `write-fails-${error.toLowerCase()}`,
      about: `every write and sync of the daemon fails with ${error}`,
      needs: 'strace',
      every: error === 'EROFS' ? 1 : 3,
      break: (_, daemon) => failWrites(daemon.pid, error),
    }),
  ),
  {
    name: 'file-limit',
    about: 'the files may not grow (RLIMIT_FSIZE, EFBIG)',
    needs: 'prlimit',
    every: 3,
    break: (_, daemon) => forbidGrowth(daemon.pid),
  },
  {
    name: 'no-more-files',
    about: 'the daemon may open no further file (EMFILE)',
    needs: 'prlimit',
    refuses: false,
    break: (_, daemon) => forbidFiles(daemon.pid),
  },
  ...(['', 'delta', 'index', 'audit'] as const).map(
    (store): Fault => ({
      name: store === '' ? 'stores-deleted' : `${store}-deleted`,
      about: `lmdb/${store} is deleted under the daemon`,
      every: store === '' || store === 'delta' ? 1 : 3,
      refuses: false,
      break: (round) => {
        rmSync(join(round.home, 'lmdb', store), { recursive: true });
        return () => {};
      },
    }),
  ),
  {
    name: 'stores-moved',
    about: 'lmdb/ is moved away for a moment and comes back',
    every: 3,
    refuses: false,
    break: (round) => {
      renameSync(join(round.home, 'lmdb'), join(round.home, 'elsewhere'));
      return () => putInPlace(join(round.home, 'elsewhere'), join(round.home, 'lmdb'));
    },
  },
];

const turnsReadOnly: Scenario = {
  name: 'file-system-turns-read-only',
  about:
    'ext4 meets an error and turns read-only under the daemon, a start on it is refused, and once it is mended everything is there (EROFS)',
  needs: 'ext4',
  async run(round) {
    smallDisk('ext4')(round);
    const daemon = await round.startReady();
    await round.workFor(daemon, 40);
    failFileSystem(round.directory);
    const asker = { ...askerOf(round, daemon, 'prober'), timeoutMs: 10_000 };
    await during(round, asker, true);
    asker.client.close();
    daemon.terminate();
    // What could not be written cannot be drained: that it ends is all that can be asked.
    if (!(await daemon.goneWithin(stopWithinMs)))
      round.problems.push(`SIGTERM: the daemon still ran after ${stopWithinMs} ms`);
    daemon.kill();
    await round.ended(daemon);
    mendFileSystem(round.directory);
    remount(round.directory, 'ro');
    await refusesToStart(round);
    remount(round.directory, 'rw');
    await round.finish();
  },
};

async function refusesToStart(round: Round): Promise<void> {
  const daemon = round.start();
  if (!(await daemon.goneWithin(10_000))) {
    round.problems.push('G9: a daemon runs on a read-only file system');
    daemon.kill();
  } else if (daemon.ending !== 'exit code 5' || !/next:/.test(daemon.stderr))
    round.problems.push(
      `G9: a start on a read-only file system ended with ${daemon.ending}: ${daemon.stderr}`,
    );
  await round.ended(daemon);
}

export const faultScenarios: readonly Scenario[] = [...faults.map(scenarioOf), turnsReadOnly];
