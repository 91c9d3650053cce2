/** Stops the daemon of a data directory, however it is doing, and nothing else. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { ControlClient } from '../control/client.ts';
import { homePaths } from '../home/home-paths.ts';
import { processLives } from '../home/prepare-home.ts';
import { controlAddress, readDaemonAddress } from './daemon-address.ts';

export type StopOutcome =
  | { readonly stopped: false }
  | { readonly stopped: true; readonly pid: number; readonly by: 'request' | 'signal' };

const answerLimitMs = 2000;
/** A daemon closes within 5 s, or its own watchdog ends it; then the process needs a moment to go. */
const goneLimitMs = 7000;
const pollMs = 20;

/** @throws DAEMON_UNREACHABLE when it is still there after both ways of asking, DAEMON_RUNNING when what is there is no daemon. */
export async function stopDaemon(home: string): Promise<StopOutcome> {
  const asked = await askToStop(home);
  if (asked !== undefined) {
    if (await gone(asked)) return { stopped: true, pid: asked, by: 'request' };
  }
  const pid = await owner(home);
  if (pid === undefined)
    return asked === undefined ? { stopped: false } : { stopped: true, pid: asked, by: 'request' };
  process.kill(pid, 'SIGTERM');
  if (await gone(pid)) return { stopped: true, pid, by: 'signal' };
  throw new CollabError('DAEMON_UNREACHABLE', `the daemon (pid ${pid}) does not stop`, {
    next: `Its data is safe after a kill: kill -9 ${pid}.`,
    details: { pid },
  });
}

/** The pid that took the request, undefined when nothing answers. */
async function askToStop(home: string): Promise<number | undefined> {
  const address = readDaemonAddress(home);
  if (address === undefined) return undefined;
  const client = new ControlClient(controlAddress(address));
  try {
    return (await client.call('shutdown', {}, { timeoutMs: answerLimitMs })).data.pid;
  } catch (error) {
    if (!(error instanceof CollabError)) throw error;
    if (error.code === 'DAEMON_CLOSING') return address.pid;
    // Dead, stuck, or another program on its port: the owner of the directory decides what is done.
    return undefined;
  } finally {
    client.close();
  }
}

/**
 * The process that serves the directory by the lock that the kernel keeps for it. The pid in daemon.json is not enough: after
 * a crash it may belong to any other process by now, which must not get our signal.
 */
async function owner(home: string): Promise<number | undefined> {
  const paths = homePaths(home);
  if (!existsSync(paths.daemonLock)) return undefined;
  const { OwnerLock } = await import('../home/owner-lock.ts');
  // What a dead daemon left stays: the next start tells of it.
  const lock = await OwnerLock.tryAcquire(paths, 'keep');
  if (lock instanceof OwnerLock) {
    await lock.close();
    return undefined;
  }
  if (lock.purpose === undefined) return lock.pid;
  throw new CollabError(
    'DAEMON_RUNNING',
    `no daemon runs, but process ${lock.pid} works on the directory (${lock.purpose})`,
    {
      next: 'Let it come to its end, or end it with Ctrl-C where it runs.',
      details: { pid: lock.pid ?? null, purpose: lock.purpose },
    },
  );
}

async function gone(pid: number): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + goneLimitMs;
  while (runs(pid)) {
    if (systemClock.monotonicMs() > deadlineMs) return false;
    await delay(pollMs);
  }
  return true;
}

/** A process that has ended but whose parent has not asked for its exit code (a container without an init) still has its pid. */
function runs(pid: number): boolean {
  if (!processLives(pid)) return false;
  if (process.platform !== 'linux') return true;
  try {
    // `pid (name) state …`; the name may hold anything, also parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    // Gone between the two looks, or no procfs: then the first look has to do.
    return processLives(pid);
  }
}
