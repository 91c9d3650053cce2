/**
 * G4: every audited action that was acknowledged as audited is there, every lost one is counted. What that means:
 * - The trail is written behind the locks, some milliseconds late (SPEC §5: it never delays a lock). So the answer to a claim does not
 *   acknowledge its record. The answer to an `audit` question does, for everything answered before it was asked, since the
 *   question waits for the lane, or says that it could not; and the orderly end of a daemon does, for everything it answered.
 * - Records are written in the order of the events. So what a kill takes is the newest, and never one from the middle.
 * - An event that could not be recorded is counted, in `status` and by a `gap` event.
 */
import type { AuditView } from '../src/control/results.ts';
import type { Action, History, Observation } from './history.ts';

type Check = (history: History, observation: Observation) => readonly string[];

/** Old records may go by retention: a day less than `audit.retentionDays`. */
const oldMs = 89 * 86_400_000;
/** Events that damage can take beside those that are counted, where a repair says that there may be more. A page has room for so many. */
const mayBeMore = { none: 0, page: 60, end: Number.POSITIVE_INFINITY } as const;
/** How far back a daemon looks for leases that it lost (docs/STORAGE.md), less an hour. */
const lookBackMs = 23 * 3_600_000;

export const answeredIsOnRecord: Check = (history, { events }) => {
  const missing = missingActions(history, events).filter(({ life, answeredAt }) =>
    history.barriers.some((barrier) => barrier.life === life && answeredAt < barrier.askedAt),
  );
  const counted = countedAsLost(history, events);
  if (missing.length <= counted) return [];
  return missing.map(
    ({ action, intention, life }) =>
      `G4: "${intention}" was ${action} in life ${life}, acknowledged as audited, and is not on record (${counted} counted as lost)`,
  );
};

export const trailHasNoHole: Check = (history, { events }) => {
  const missing = new Set(missingActions(history, events));
  const holes: string[] = [];
  const after = new Map<string, Action>();
  for (const action of history.actions.toReversed()) {
    // An agent of the workload does one thing after the other: so its actions have the order of their answers.
    const key = `${action.life} ${action.agent}`;
    const later = after.get(key);
    if (!missing.has(action)) after.set(key, action);
    else if (later !== undefined)
      holes.push(
        `G4: "${action.intention}" was ${action.action} and is not on record, though "${later.intention}" after it is`,
      );
  }
  return holes.length <= countedAsLost(history, events) ? [] : holes;
};

/** What an answer once showed stays, and stays as it was. */
export const recordsStay: Check = (history, { events, status }) => {
  const now = new Map(events.map((event) => [event.cursor, event]));
  const gone: string[] = [];
  const changed: string[] = [];
  for (const before of history.seenEvents.values()) {
    const event = now.get(before.cursor);
    if (event === undefined) {
      if (!isOlder(before, status.startedAt, oldMs))
        gone.push(`G4: the event ${before.cursor} (${before.action}) was on record and is gone`);
    } else if (JSON.stringify(event) !== JSON.stringify(before))
      changed.push(`G4: the event ${before.cursor} (${before.action}) is another one now`);
  }
  // A repair records how many it gave up.
  const given = history.damaged === 'none' ? 0 : countedAsLost(history, events);
  return [...changed, ...(gone.length <= given ? [] : gone)];
};

export const eventsAreDistinct: Check = (_, { events }) =>
  events.flatMap(({ cursor }, at) => {
    const newer = events[at - 1];
    return newer === undefined || cursor < newer.cursor
      ? []
      : [`G4: the event ${cursor} is listed after ${newer.cursor}, which is not newer`];
  });

const ends: ReadonlySet<string> = new Set(['released', 'expired', 'forced', 'lost']);

/** A grant that is on record, of a lease that is over, has its end on record too, or the loss is counted. */
export const grantsHaveEnds: Check = (history, { events, leases, status }) => {
  const ended = new Set(events.filter(({ action }) => ends.has(action)).map(({ lock }) => lock));
  const endless = events.filter(
    ({ action, lock }) => action === 'acquired' && !ended.has(lock) && lock !== undefined,
  );
  const wrong = endless.filter(
    (event) =>
      event.lock !== undefined &&
      (leases[event.lock] ?? 'valid') !== 'valid' &&
      !isOlder(event, status.startedAt, lookBackMs),
  );
  if (wrong.length <= countedAsLost(history, events)) return [];
  return wrong.map(({ lock, holder }) => `G4: the lock ${lock} of ${holder} is over and no record says so`);
};

function missingActions(history: History, events: readonly AuditView[]): readonly Action[] {
  const recorded = new Set(events.map(keyOf));
  // Retention may have dropped what an old life did.
  return history.actions.filter(
    (action) => !history.oldLives.has(action.life) && !recorded.has(keyOf(action)),
  );
}

/** A lock's events carry its id and fence, a denial the claim's intention alone. */
function keyOf(event: AuditView | Action): string {
  const lock = 'cursor' in event ? event.lock : event.lockId;
  const agent = 'cursor' in event ? event.holder : event.agent;
  return JSON.stringify([event.action, agent, event.intention, lock ?? null, event.fence ?? null]);
}

function countedAsLost(history: History, events: readonly AuditView[]): number {
  const gaps = events.filter(({ action }) => action === 'gap');
  const recorded = gaps.reduce((sum, { metadata }) => sum + Number(metadata?.lost ?? 0), 0);
  const isLeast = gaps.some(({ metadata }) => metadata?.atLeast === true);
  return Math.max(recorded, history.eventsCountedAsLost) + (isLeast ? mayBeMore[history.damaged] : 0);
}

function isOlder(event: AuditView, now: string, ms: number): boolean {
  return Date.parse(now) - Date.parse(event.at) > ms;
}
