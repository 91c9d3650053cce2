/** Bugs of the audit trail and of leases, planted into a sound case. */
import {
  answeredIsOnRecord,
  eventsAreDistinct,
  grantsHaveEnds,
  recordsStay,
  trailHasNoHole,
} from '../../crash-tests/audit-checks.ts';
import { endsAreTold, leasesEndWithTheirDaemon } from '../../crash-tests/lease-checks.ts';
import { observing, type PlantedBug, repaired } from './delta-bugs.ts';
import { type Case, event } from './sound-case.ts';

export function withoutEvent(cursor: number, whole: Case): Case {
  return observing(whole, { events: whole.observation.events.filter((one) => one.cursor !== cursor) });
}

/** An event that says that so many are lost. */
export function withGap(lost: number, whole: Case): Case {
  const { lock: _, fence: __, ...gap } = event(7, 'gap', '', 0);
  return observing(whole, { events: [{ ...gap, metadata: { lost } }, ...whole.observation.events] });
}

export const auditBugs: Readonly<Record<string, PlantedBug>> = {
  'an action that was acknowledged as audited is not on record': {
    plant: (whole) => withoutEvent(4, whole),
    check: answeredIsOnRecord,
    says: /^G4: "intend a" was released in life 1, acknowledged as audited, and is not on record \(0 counted/,
  },
  'a daemon ends in order and leaves its last action out': {
    plant: (whole) => withoutEvent(2, whole),
    check: answeredIsOnRecord,
    says: /^G4: "intend d" was released in life 0, acknowledged as audited/,
  },
  'two are lost and one is counted': {
    plant: (whole) => withGap(1, withoutEvent(4, withoutEvent(3, whole))),
    check: answeredIsOnRecord,
    says: /^G4: "intend a" was acquired in life 1.*\(1 counted as lost\)$/,
  },
  'an event is on record with another fence': {
    plant: (whole) => {
      const events = whole.observation.events.map((one) => (one.cursor === 4 ? { ...one, fence: 999 } : one));
      return observing(whole, { events });
    },
    check: answeredIsOnRecord,
    says: /^G4: "intend a" was released in life 1/,
  },
  'an event in the middle is missing that nobody had asked for': {
    plant: (whole) => {
      whole.history.barriers.length = 0;
      return withoutEvent(4, whole);
    },
    check: trailHasNoHole,
    says: /^G4: "intend a" was released and is not on record, though "intend b" after it is$/,
  },
  'an event that was shown is gone': {
    plant: (whole) => withoutEvent(1, whole),
    check: recordsStay,
    says: /^G4: the event 1 \(acquired\) was on record and is gone$/,
  },
  'an event that was shown is another one now': {
    plant: (whole) => {
      const events = whole.observation.events.map((one) =>
        one.cursor === 1 ? { ...one, holder: 'agent-1' } : one,
      );
      return observing(whole, { events });
    },
    check: recordsStay,
    says: /^G4: the event 1 \(acquired\) is another one now$/,
  },
  'a repair gives up more events than it records': {
    plant: (whole) => withGap(1, withoutEvent(1, withoutEvent(2, repaired(whole)))),
    check: recordsStay,
    says: /^G4: the event 1 \(acquired\) was on record and is gone$/,
  },
  'two events have one time': {
    plant: (whole) =>
      observing(whole, { events: [event(6, 'lost', 'b', 1001), ...whole.observation.events] }),
    check: eventsAreDistinct,
    says: /^G4: the event 6 is listed after 6, which is not newer$/,
  },
  'the end of a lease is on no record': {
    plant: (whole) => withoutEvent(6, whole),
    check: grantsHaveEnds,
    says: /^G4: the lock b of agent-0 is over and no record says so$/,
  },
  'a lock is valid after its daemon was killed': {
    plant: (whole) => observing(whole, { leases: { ...whole.observation.leases, b: 'valid' } }),
    check: leasesEndWithTheirDaemon,
    says: /^G7: the lock b of agent-0, of life 1, is valid in life 2$/,
  },
  'nothing is known of a lock': {
    plant: (whole) => {
      const { b: _, ...leases } = whole.observation.leases;
      return observing(whole, { leases });
    },
    check: leasesEndWithTheirDaemon,
    says: /^G7: nothing is said of the lock b of agent-0$/,
  },
  'a holder is not told that its lease is over': {
    plant: (whole) => observing(whole, { notices: [] }),
    check: endsAreTold,
    says: /^G7: agent-0 was not told that its lock b ended with life 1$/,
  },
};
