/** The daemon of the directory: whether it answers, and whether what it accepted reaches the disk. */
import { CollabError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { LaneView, StatusView } from '../control/results.ts';
import { readDaemonRecord } from '../home/daemon-record.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { OwnerLock } from '../home/owner-lock.ts';
import { bad, type Finding, mendable, ok, warn } from './finding.ts';

const restart = 'Run: agent-collab daemon restart. Locks end with it; nothing else is lost.';

export function checkRunning(status: StatusView): readonly Finding[] {
  return [aboutDaemon(status), aboutLanes(status)];
}

function aboutDaemon(status: StatusView): Finding {
  const { pid, warnings, readOnly, storage } = status;
  if (readOnly !== null) return bad('daemon', `pid ${pid} is read-only: ${readOnly.reason}`, restart);
  if (status.version !== version)
    return warn('daemon', `pid ${pid} is version ${status.version}, this program is ${version}`, restart);
  if (storage === 'memory')
    return warn(
      'daemon',
      `pid ${pid} keeps everything in memory`,
      'Run it without --memory to keep what is shared.',
    );
  if (warnings.length > 0)
    return warn('daemon', `pid ${pid} warns: ${warnings.join('; ')}`, 'See agent-collab status.');
  return ok('daemon', `pid ${pid} answers, version ${status.version}`);
}

function aboutLanes({ lanes, deltas, audit }: StatusView): Finding {
  const down = Object.entries(lanes).filter(([, lane]) => !isWell(lane));
  if (down.length > 0) {
    const what = down.map(
      ([name, { state, error }]) => `${name} is ${state}${error === undefined ? '' : ` (${error.message})`}`,
    );
    return bad(
      'lanes',
      what.join(', '),
      'Check the disk. A lane that waits for it goes on by itself; otherwise restart the daemon.',
    );
  }
  if (audit.lost > 0)
    return bad(
      'lanes',
      `${audit.lost} audit events could not be recorded since the start`,
      'A gap event marks the place: agent-collab audit --action gap.',
    );
  const { head, committed, flushed, indexed } = deltas;
  const behind = [
    ['committed', head - committed],
    ['flushed', head - flushed],
    ['indexed', head - indexed],
  ].filter(([, count]) => Number(count) > 0);
  const restarts = Object.entries(lanes).filter(([, lane]) => lane.restarts > 0);
  const lag =
    behind.length === 0
      ? 'all of it committed, flushed and indexed'
      : behind.map(([what, count]) => `${count} not ${what} yet`).join(', ');
  const says = `the log ends at ${head}, ${lag}`;
  if (restarts.length === 0) return ok('lanes', says);
  const told = restarts.map(([name, lane]) => `${name} was restarted ${lane.restarts} times`).join(', ');
  return warn('lanes', `${told}; ${says}`, 'The log of the daemon says why: logs/daemon.log.');
}

function isWell({ state }: LaneView): boolean {
  return state === 'running' || state === 'paused';
}

/** Of a directory whose daemon does not answer: whether there is one all the same. */
export async function checkStopped(paths: HomePaths): Promise<readonly Finding[]> {
  const lanes = ok('lanes', 'no daemon runs, so nothing waits to be written');
  let owner: Awaited<ReturnType<typeof OwnerLock.tryAcquire>>;
  try {
    owner = await OwnerLock.tryAcquire(paths, 'keep', 'doctor');
  } catch (error) {
    const { message, next } =
      error instanceof CollabError ? error : new CollabError('INTERNAL', String(error));
    return [bad('daemon', message, next ?? 'Look at the directory.')];
  }
  if (!(owner instanceof OwnerLock)) {
    const says = `process ${owner.pid ?? 'unknown'} holds the directory and does not answer`;
    return [
      bad(
        'daemon',
        says,
        'Wait a moment, it may be starting or stopping. If it stays so: agent-collab daemon stop.',
      ),
    ];
  }
  try {
    const { record } = await readDaemonRecord(paths);
    if (record === undefined)
      return [ok('daemon', 'none runs; the first command that needs one starts it'), lanes];
    const says = `none runs; the last one (pid ${record.pid}, started ${record.startedAt}) did not end in order`;
    return [mendable('daemon', 'warn', says), lanes];
  } finally {
    await owner.close();
  }
}
