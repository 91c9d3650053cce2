/** Each guarantee, and a planted bug that its check must find: a check that cannot fail proves nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  acknowledgedSurvives,
  type Check,
  checks,
  fencesRise,
  indexAnswersAsARebuildWould,
  nothingUnexpected,
  numbersAreNotReused,
  numbersHaveNoGap,
  oneServes,
  somethingHappened,
} from '../../crash-tests/checks.ts';
import type { History, Observation } from '../../crash-tests/history.ts';
import type { DeltaView } from '../../src/control/results.ts';

const source = '12D3KooWSample';

function delta(seq: number, path = 'src/a.ts'): DeltaView {
  return {
    id: `${source}:${seq}`,
    position: seq,
    source,
    seq,
    agent: 'agent-0',
    project: 'commit:1',
    type: 'context',
    time: '2026-01-01T00:00:00.000Z',
    hlc: seq,
    deps: {},
    prev: `hash-${seq - 1}`,
    payload: { path, content: `content ${seq}` },
  };
}

interface Case {
  history: History;
  observation: Observation;
}

/** Five deltas, three of them acknowledged, two lives: everything as it should be. */
function sound(): Case {
  const deltas = [5, 4, 3, 2, 1].map((seq) => delta(seq, seq % 2 === 0 ? 'src/b.ts' : 'src/a.ts'));
  const acknowledged = [1, 2, 3].map((seq) => ({
    id: `${source}:${seq}`,
    path: 'src/a.ts',
    content: `content ${seq}`,
    durability: seq === 2 ? ('committed' as const) : ('flushed' as const),
    life: 0,
  }));
  const granted = [
    { lockId: 'a', path: 'src/a.ts', fence: 10, life: 0 },
    { lockId: 'b', path: 'src/b.ts', fence: 12, life: 0 },
    { lockId: 'c', path: 'src/c.ts', fence: 11, life: 0 },
    { lockId: 'd', path: 'src/a.ts', fence: 1000, life: 1 },
  ];
  return {
    history: { acknowledged, granted, unexpected: [], seen: [delta(1), delta(2, 'src/b.ts')] },
    observation: {
      deltas,
      byPath: { 'src/a.ts': [5, 3, 1].map((seq) => delta(seq)), 'src/b.ts': [4, 2].map((seq) => delta(seq)) },
      verify: { sound: true, checked: { deltas: 5 }, problems: [], problemCount: 0 },
      status: { deltas: { head: 5, floor: 1 } } as Observation['status'],
    },
  };
}

function without(seq: number, { observation }: Case): Observation {
  return { ...observation, deltas: observation.deltas.filter((one) => one.seq !== seq) };
}

function replaced(changed: DeltaView, { observation }: Case): Observation {
  return {
    ...observation,
    deltas: observation.deltas.map((one) => (one.position === changed.position ? changed : one)),
  };
}

/** Name of the planted bug → what it does to the sound case, which check must see it, and in which words. */
const plantedBugs: Readonly<
  Record<string, { readonly plant: (whole: Case) => Case; readonly check: Check; readonly says: RegExp }>
> = {
  'a flushed delta is lost': {
    plant: (whole) => ({ ...whole, observation: without(3, whole) }),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:3, flushed in life 0, is lost$/,
  },
  'a committed delta is lost': {
    plant: (whole) => ({ ...whole, observation: without(2, whole) }),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:2, committed in life 0, is lost$/,
  },
  'a flushed delta comes back with another content': {
    plant: (whole) => ({
      ...whole,
      observation: replaced({ ...delta(3), payload: { content: 'x' } }, whole),
    }),
    check: acknowledgedSurvives,
    says: /^G1: 12D3KooWSample:3, .*another content$/,
  },
  'a position is skipped': {
    plant: (whole) => ({ ...whole, observation: without(4, whole) }),
    check: numbersHaveNoGap,
    says: /^G2: position 5 follows 3$/,
  },
  'a position is given twice': {
    plant: (whole) => ({
      ...whole,
      observation: { ...whole.observation, deltas: [delta(5), ...whole.observation.deltas] },
    }),
    check: numbersHaveNoGap,
    says: /^G2: position 5 follows 5$/,
  },
  'a seq is skipped': {
    plant: (whole) => ({ ...whole, observation: replaced({ ...delta(5), seq: 6 }, whole) }),
    check: numbersHaveNoGap,
    says: /^G2: seq 6 of 12D3KooWSample follows 4 at position 5$/,
  },
  'the newest deltas are missing from the log': {
    plant: (whole) => ({ ...whole, observation: without(5, whole) }),
    check: numbersHaveNoGap,
    says: /^G2: the log ends at 4, its head is 5$/,
  },
  'the oldest deltas are missing above the floor': {
    plant: (whole) => ({ ...whole, observation: without(1, whole) }),
    check: numbersHaveNoGap,
    says: /^G2: the log starts at 2, its floor is 1$/,
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
    plant: (whole) => ({ ...whole, observation: replaced({ ...delta(2), id: `${source}:9` }, whole) }),
    check: numbersAreNotReused,
    says: /^G2: position 2 held 12D3KooWSample:2 and holds another delta now$/,
  },
  'the chain before a delta is another': {
    plant: (whole) => ({
      ...whole,
      observation: replaced({ ...delta(2, 'src/b.ts'), prev: 'hash-x' }, whole),
    }),
    check: numbersAreNotReused,
    says: /^G2: position 2 held 12D3KooWSample:2 and holds another delta now$/,
  },
  'a delta that was seen is gone': {
    plant: (whole) => ({ ...whole, observation: without(1, whole) }),
    check: numbersAreNotReused,
    says: /^G2: position 1 held 12D3KooWSample:1 and is empty now$/,
  },
  'the index misses a delta': {
    plant: (whole) => {
      const byPath = { ...whole.observation.byPath, 'src/a.ts': [delta(5), delta(1)] };
      return { ...whole, observation: { ...whole.observation, byPath } };
    },
    check: indexAnswersAsARebuildWould,
    says: /^G3: the index has 2 deltas of src\/a\.ts, the log has 3/,
  },
  'the index answers in another order': {
    plant: (whole) => {
      const byPath = { ...whole.observation.byPath, 'src/b.ts': [delta(2), delta(4)] };
      return { ...whole, observation: { ...whole.observation, byPath } };
    },
    check: indexAnswersAsARebuildWould,
    says: /^G3: the index has 2 deltas of src\/b\.ts, the log has 2, or in another order$/,
  },
  'verify finds an entry that a rebuild would not have': {
    plant: (whole) => {
      const problems = [{ store: 'index', where: 'path', what: 'an entry too many' }];
      const verify = { sound: false, checked: {}, problems, problemCount: 1 };
      return { ...whole, observation: { ...whole.observation, verify } };
    },
    check: indexAnswersAsARebuildWould,
    says: /^G3: verify: index path: an entry too many$/,
  },
  'verify is unsound and says nothing': {
    plant: (whole) => {
      const verify = { sound: false, checked: {}, problems: [], problemCount: 0 };
      return { ...whole, observation: { ...whole.observation, verify } };
    },
    check: indexAnswersAsARebuildWould,
    says: /^G3: verify: not sound$/,
  },
  'the fences start over after a kill': {
    plant: (whole) => {
      whole.history.granted.push({ lockId: 'e', path: 'src/a.ts', fence: 10, life: 2 });
      return whole;
    },
    check: fencesRise,
    says: /^G6: src\/a\.ts was granted with fence 1000 in life 1, then 10 in life 2$/,
  },
  'another path gets a fence of an earlier life': {
    plant: (whole) => {
      whole.history.granted.push({ lockId: 'e', path: 'src/new.ts', fence: 12, life: 1 });
      return whole;
    },
    check: fencesRise,
    says: /^G6: fence 12 in life 1 is not above 12 of life 0$/,
  },
  'the agents did nothing': {
    plant: (whole) => ({ ...whole, history: { acknowledged: [], granted: [], unexpected: [], seen: [] } }),
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

describe('crash checks', () => {
  it('find nothing wrong with a history that holds', () => {
    const { history, observation } = sound();
    assert.deepEqual(
      checks.flatMap((check) => check(history, observation)),
      [],
    );
  });

  it('allow an accepted delta to be lost, and its number to be given again', () => {
    const { history, observation } = sound();
    const lost = {
      id: `${source}:4`,
      path: 'src/a.ts',
      content: 'lost',
      durability: 'accepted' as const,
      life: 0,
    };
    history.acknowledged.push(lost, { ...lost, content: 'content 4', durability: 'flushed', life: 1 });
    assert.deepEqual(
      checks.flatMap((check) => check(history, observation)),
      [],
    );
  });

  for (const [name, { plant, check, says }] of Object.entries(plantedBugs)) {
    it(`find the planted bug: ${name}`, () => {
      const { history, observation } = plant(sound());
      const problems = check(history, observation);
      assert.ok(
        problems.some((problem) => says.test(problem)),
        `found only: ${problems.join('; ')}`,
      );
    });
  }

  it('are each shown to fail by a planted bug', () => {
    const shown = new Set(Object.values(plantedBugs).map(({ check }) => check));
    assert.deepEqual(
      checks.filter((check) => !shown.has(check)).map((check) => check.name),
      [],
    );
  });
});

describe('one of several daemons serves (G10)', () => {
  const serving = { pid: 100, exitCode: null, stderr: '' };
  const refused = { pid: 101, exitCode: 5, stderr: 'DAEMON_RUNNING: pid 100 serves it' };

  it('accepts one that serves and others that are refused and name it', () => {
    assert.deepEqual(oneServes([refused, serving], 100), []);
  });

  const bugs: Readonly<
    Record<string, { readonly outcomes: Parameters<typeof oneServes>[0]; readonly says: string }>
  > = {
    'two serve': {
      outcomes: [serving, { ...serving, pid: 101 }],
      says: 'G10: 2 of 2 daemons run',
    },
    'none serves': { outcomes: [refused, { ...refused, pid: 100 }], says: 'G10: 0 of 2 daemons run' },
    'the refused one crashes': {
      outcomes: [serving, { ...refused, exitCode: 70 }],
      says: 'G10: daemon 101 ended with exit code 70, not 5',
    },
    'the refused one does not name the other': {
      outcomes: [serving, { ...refused, stderr: 'no' }],
      says: 'G10: daemon 101 does not name the pid 100 of the one that serves',
    },
  };
  for (const [name, { outcomes, says }] of Object.entries(bugs)) {
    it(`finds the planted bug: ${name}`, () => assert.ok(oneServes(outcomes, 100).includes(says)));
  }
});
