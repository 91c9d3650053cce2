/** Bugs of the log, the index and the fences, planted into a sound case. */
import assert from 'node:assert/strict';
import {
  acknowledgedSurvives,
  type Check,
  fencesRise,
  indexAnswersAsARebuildWould,
  nothingUnexpected,
  numbersAreNotReused,
  numbersHaveNoGap,
  oldIsDroppedWhole,
  somethingHappened,
} from '../../crash-tests/checks.ts';
import { newHistory, type Observation } from '../../crash-tests/history.ts';
import type { DeltaView } from '../../src/control/results.ts';
import { type Case, delta, source } from './sound-case.ts';

/** What it does to the sound case, which check must see it, and in which words. */
export interface PlantedBug {
  readonly plant: (whole: Case) => Case;
  readonly check: Check;
  readonly says: RegExp;
}

export function observing(whole: Case, change: Partial<Observation>): Case {
  return { ...whole, observation: { ...whole.observation, ...change } };
}

export function without(seq: number, whole: Case): Case {
  return observing(whole, { deltas: whole.observation.deltas.filter((one) => one.seq !== seq) });
}

function replaced(changed: DeltaView, whole: Case): Case {
  const deltas = whole.observation.deltas.map((one) => (one.position === changed.position ? changed : one));
  return observing(whole, { deltas });
}

/** The case of a store that was damaged and repaired, of which one delta could not be had any more. */
export function repaired(whole: Case): Case {
  whole.history.damaged = 'page';
  return observing(whole, { verify: { ...whole.observation.verify, checked: { lost: 1 } } });
}

function granting(path: string, fence: number, life: number, whole: Case): Case {
  whole.history.granted.push({ lockId: `e${fence}`, path, fence, life, agent: 'agent-0' });
  return whole;
}

export const deltaBugs: Readonly<Record<string, PlantedBug>> = {
  'a flushed delta is lost': {
    plant: (whole) => without(3, whole),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:3, flushed in life 0, is lost$/,
  },
  'a committed delta is lost': {
    plant: (whole) => without(2, whole),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:2, committed in life 0, is lost$/,
  },
  'a repair loses more than it says': {
    plant: (whole) => without(2, without(3, repaired(whole))),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:3, flushed in life 0, is lost$/,
  },
  'a delta is lost, and a store that nobody damaged is said to have lost one': {
    plant: (whole) => {
      const spoilt = repaired(without(3, whole));
      spoilt.history.damaged = 'none';
      return spoilt;
    },
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:3, flushed in life 0, is lost$/,
  },
  'a flushed delta comes back with another content': {
    plant: (whole) => replaced({ ...delta(3), payload: { content: 'x' } }, whole),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:3, .*another content$/,
  },
  'a position is skipped': {
    plant: (whole) => without(4, whole),
    check: numbersHaveNoGap,
    says: /^G2: position 5 follows 3$/,
  },
  'a position is given twice': {
    plant: (whole) => observing(whole, { deltas: [delta(5), ...whole.observation.deltas] }),
    check: numbersHaveNoGap,
    says: /^G2: position 5 follows 5$/,
  },
  'a seq is skipped': {
    plant: (whole) => replaced({ ...delta(5), seq: 6 }, whole),
    check: numbersHaveNoGap,
    says: /^G2: seq 6 of 12D3KooWSample follows 4 at position 5$/,
  },
  'a repair skips a seq and leaves no place empty': {
    plant: (whole) => replaced({ ...delta(5), seq: 6 }, repaired(whole)),
    check: numbersHaveNoGap,
    says: /^G2: seq 6 of 12D3KooWSample follows 4 at position 5$/,
  },
  'the newest deltas are missing from the log': {
    plant: (whole) => without(5, whole),
    check: numbersHaveNoGap,
    says: /^G2: the log ends at 4, its head is 5$/,
  },
  'the oldest deltas are missing above the floor': {
    plant: (whole) => without(1, whole),
    check: numbersHaveNoGap,
    says: /^G2: the log starts at 2, its floor is 1$/,
  },
  'deltas below the floor are shown': {
    plant: (whole) => {
      const { status } = whole.observation;
      return observing(whole, { status: { ...status, deltas: { ...status.deltas, floor: 2 } } });
    },
    check: numbersHaveNoGap,
    says: /^G2: the log starts at 1, its floor is 2$/,
  },
  'a seq is given to two deltas across a kill': {
    plant: (whole) => {
      const [first] = whole.history.acknowledged;
      assert(first !== undefined);
      whole.history.acknowledged.push({ ...first, content: 'another', life: 1 });
      return whole;
    },
    check: numbersAreNotReused,
    says: /^G2: 12D3KooWSample:1 was given to two deltas$/,
  },
  'a position holds another delta than before': {
    plant: (whole) => replaced({ ...delta(2), id: `${source}:9` }, whole),
    check: numbersAreNotReused,
    says: /^G2: position 2 held 12D3KooWSample:2 and holds another delta now$/,
  },
  'the chain before a delta is another': {
    plant: (whole) => replaced({ ...delta(2, 'src/b.ts'), prev: 'hash-x' }, whole),
    check: numbersAreNotReused,
    says: /^G2: position 2 held 12D3KooWSample:2 and holds another delta now$/,
  },
  'a delta that was seen is gone': {
    plant: (whole) => without(1, whole),
    check: numbersAreNotReused,
    says: /^G2: position 1 held 12D3KooWSample:1 and is empty now$/,
  },
  'retention drops what is young': {
    plant: (whole) => {
      const { status } = whole.observation;
      const young = { ...status, deltas: { ...status.deltas, floor: 2 } };
      return observing(without(1, whole), { status: young });
    },
    check: numbersAreNotReused,
    says: /^G2: position 1 held 12D3KooWSample:1 and is empty now$/,
  },
  'the index misses a delta': {
    plant: (whole) =>
      observing(whole, { byPath: { ...whole.observation.byPath, 'src/a.ts': [delta(5), delta(1)] } }),
    check: indexAnswersAsARebuildWould,
    says: /^G3: the index has 2 deltas of src\/a\.ts, the log has 3/,
  },
  'the index answers in another order': {
    plant: (whole) =>
      observing(whole, { byPath: { ...whole.observation.byPath, 'src/b.ts': [delta(2), delta(4)] } }),
    check: indexAnswersAsARebuildWould,
    says: /^G3: the index has 2 deltas of src\/b\.ts, the log has 2, or in another order$/,
  },
  'verify finds an entry that a rebuild would not have': {
    plant: (whole) => {
      const problems = [{ store: 'index', where: 'path', what: 'an entry too many' }];
      return observing(whole, { verify: { sound: false, checked: {}, problems, problemCount: 1 } });
    },
    check: indexAnswersAsARebuildWould,
    says: /^G3: verify: index path: an entry too many$/,
  },
  'verify is unsound and says nothing': {
    plant: (whole) =>
      observing(whole, { verify: { sound: false, checked: {}, problems: [], problemCount: 0 } }),
    check: indexAnswersAsARebuildWould,
    says: /^G3: verify: not sound$/,
  },
  'retention drops some of what is old and leaves the rest': {
    plant: (whole) => {
      whole.history.oldLives.add(0);
      return without(2, whole);
    },
    check: oldIsDroppedWhole,
    says: /^G5: of 3 deltas that are too old 2 are there/,
  },
  'the fences start over after a kill': {
    plant: (whole) => granting('src/a.ts', 10, 2, whole),
    check: fencesRise,
    says: /^G6: src\/a\.ts was granted with fence 1000 in life 1, then 10 in life 2$/,
  },
  'another path gets a fence of an earlier life': {
    plant: (whole) => granting('src/new.ts', 1001, 2, whole),
    check: fencesRise,
    says: /^G6: fence 1001 in life 2 is not above 1001 of life 1$/,
  },
  'the agents did nothing': {
    plant: (whole) => ({ ...whole, history: newHistory() }),
    check: somethingHappened,
    says: /^no request was ever answered$/,
  },
  'a request that is in order is refused': {
    plant: (whole) => {
      whole.history.unexpected.push('INTERNAL: boom');
      return whole;
    },
    check: nothingUnexpected,
    says: /^unexpected answer: INTERNAL: boom$/,
  },
};
