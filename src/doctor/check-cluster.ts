/** The clock, and the members of the cluster. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { version } from '../base/version.ts';
import type { StatusView } from '../control/results.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { bad, type Finding, ok, warn } from './finding.ts';

/** File systems keep times that are a little off, and NTP corrects by less. */
const toleranceMs = 60_000;
/** A member that was away so long is no short trouble. */
const longAwayMs = 24 * 3_600_000;

/** Whether anything here was written later than it is now: then the clock was set back, and times in the log will not fit. */
export async function checkClock(paths: HomePaths): Promise<Finding> {
  const nowMs = systemClock.wallMs();
  const written = await Promise.all(
    [paths.deltaStore, paths.auditStore]
      .map((store) => join(store, 'data.mdb'))
      .concat(paths.daemonRecord, paths.config, paths.key)
      .map(async (path) => ({ path, ms: await writtenMs(path) })),
  );
  const newest = written.reduce((latest, one) => (one.ms > latest.ms ? one : latest), { path: '', ms: 0 });
  if (newest.ms === 0) return ok('clock', 'nothing is there yet to compare it with');
  const ahead = newest.ms - nowMs;
  const says = `it is ${new Date(nowMs).toISOString()}`;
  if (ahead <= toleranceMs)
    return ok('clock', `${says}, and what was written last is ${formatDuration(Math.max(0, -ahead))} old`);
  return warn(
    'clock',
    `${says}, but ${newest.path} was written ${formatDuration(ahead)} later than that`,
    'Set the clock, and keep it right with NTP. Order is kept meanwhile; the times that are shown are not right.',
  );
}

async function writtenMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

export function checkPeers(status: StatusView | undefined): Finding {
  if (status === undefined) return ok('peers', 'not asked for: no daemon runs');
  const { cluster, peers, locks } = status;
  if (cluster === null) return ok('peers', 'this node works alone');
  const others = peers.filter(({ state }) => state !== 'self' && state !== 'left' && state !== 'evicted');
  const says = `${cluster.connected} of ${others.length} others of ${cluster.name} are connected`;
  if (locks.agreement?.majority === false) {
    const { reachable, members } = locks.agreement;
    return bad(
      'peers',
      `no majority: ${reachable} of ${members} members can be reached; ${says}`,
      'Start the others or mend the network; a member that is gone for good: agent-collab peers evict.',
    );
  }
  const blamed = others.filter(({ offences }) => offences !== null);
  if (blamed.length > 0) {
    const told = blamed.map(({ name, offences }) => `${name} ${offences?.count} times ${offences?.last}`);
    return warn(
      'peers',
      `${told.join(', ')}; ${says}`,
      'Look at that node; throw it out with agent-collab peers evict.',
    );
  }
  const skewed = others.filter((peer) => peer.version !== null && peer.version !== version);
  if (skewed.length > 0) {
    const told = skewed.map((peer) => `${peer.name} runs ${peer.version}`);
    return warn(
      'peers',
      `${told.join(', ')}, this program is ${version}; ${says}`,
      'Bring all of them to one version.',
    );
  }
  const gone = others.filter(({ state, lastSeen }) => state === 'away' && awayMs(lastSeen) > longAwayMs);
  if (gone.length === 0) return ok('peers', says);
  const names = gone.map(({ name, lastSeen }) => `${name} (${lastSeen ?? 'never seen'})`);
  return warn(
    'peers',
    `away for over a day: ${names.join(', ')}; ${says}`,
    'Start it, or take it out: agent-collab peers evict.',
  );
}

function awayMs(lastSeen: string | null): number {
  return lastSeen === null ? Number.POSITIVE_INFINITY : systemClock.wallMs() - Date.parse(lastSeen);
}
