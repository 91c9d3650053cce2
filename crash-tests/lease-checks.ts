/** G7: a lease whose holder died ends; and a lease that ended with its daemon is not kept silent about (SPEC §3). */
import type { History, Observation } from './history.ts';

type Check = (history: History, observation: Observation) => readonly string[];

/** No lock of an earlier life counts any more, whatever was on disk of it. */
export const leasesEndWithTheirDaemon: Check = (history, { leases, life }) =>
  history.granted.flatMap(({ lockId, agent, life: grantedIn }) => {
    if (grantedIn >= life) return [];
    const check = leases[lockId];
    if (check === undefined) return [`G7: nothing is said of the lock ${lockId} of ${agent}`];
    return check === 'valid'
      ? [`G7: the lock ${lockId} of ${agent}, of life ${grantedIn}, is valid in life ${life}`]
      : [];
  });

/** A holder whose lease ended with the daemon is told with its next call, if the grant had reached the disk. */
export const endsAreTold: Check = (history, { events, notices, life }) => {
  const told = new Set([...history.told, ...notices.map(({ lockId }) => lockId)]);
  const ended = new Set(
    history.actions.filter(({ action }) => action === 'released').map(({ lockId }) => lockId),
  );
  const recorded = new Set(events.filter(({ action }) => action === 'acquired').map(({ lock }) => lock));
  const lost = new Set(events.filter(({ action }) => action === 'lost').map(({ lock }) => lock));
  // Its holders have called no daemon since.
  const last = Math.max(...history.granted.filter((grant) => grant.life < life).map((grant) => grant.life));
  return history.granted.flatMap(({ lockId, agent, life: grantedIn }) => {
    const lastLife = grantedIn === last && !history.oldLives.has(grantedIn);
    // A release that was not answered may have been carried out.
    if (!lastLife || ended.has(lockId) || !recorded.has(lockId) || !lost.has(lockId)) return [];
    return told.has(lockId)
      ? []
      : [`G7: ${agent} was not told that its lock ${lockId} ended with life ${grantedIn}`];
  });
};

/** What a claimant saw of a lease whose holder was killed; times in ms on the machine's monotonic clock. */
export interface Succession {
  readonly ttlMs: number;
  /** Before the holder's last renewal, or claim, was sent. */
  readonly lastRenewalMs: number;
  /** After the last one was answered, or the holder was dead. */
  readonly deadMs: number;
  readonly grantedMs: number;
}

/** For scheduling, on a machine that is busy with other tests. */
const slackMs = 3000;

/** G7: the next one gets the lock when the lease is over: not before, and not much later. */
export function leaseOutlivesItsHolderByItsTtl(succession: Succession): readonly string[] {
  const { ttlMs, lastRenewalMs, deadMs, grantedMs } = succession;
  const problems: string[] = [];
  if (grantedMs < lastRenewalMs + ttlMs)
    problems.push(`G7: the lease of ${ttlMs} ms was over after ${Math.round(grantedMs - lastRenewalMs)} ms`);
  if (grantedMs > deadMs + ttlMs + slackMs)
    problems.push(
      `G7: the lease of ${ttlMs} ms of a dead holder lasted ${Math.round(grantedMs - deadMs)} ms`,
    );
  return problems;
}
