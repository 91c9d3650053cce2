/** Each guarantee, and planted bugs that its check must find: a check that cannot fail proves nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answeredIsOnRecord, grantsHaveEnds, recordsStay } from '../../crash-tests/audit-checks.ts';
import { checks, oneServes } from '../../crash-tests/checks.ts';
import { leaseOutlivesItsHolderByItsTtl } from '../../crash-tests/lease-checks.ts';
import { auditBugs, withGap, withoutEvent } from './audit-bugs.ts';
import { deltaBugs, observing, repaired, without } from './delta-bugs.ts';
import { action, type Case, daysEarlier, delta, sound, source } from './sound-case.ts';

const plantedBugs = { ...deltaBugs, ...auditBugs };

function problemsOf({ history, observation }: Case): readonly string[] {
  return checks.flatMap((check) => check(history, observation));
}

describe('crash checks', () => {
  it('find nothing wrong with a history that holds', () => {
    assert.deepEqual(problemsOf(sound()), []);
  });

  it('allow an accepted delta to be lost, and its number to be given again', () => {
    const whole = sound();
    const lost = {
      id: `${source}:4`,
      path: 'src/a.ts',
      content: 'lost',
      durability: 'accepted' as const,
      life: 1,
    };
    whole.history.acknowledged.push(lost, { ...lost, content: 'content 4', durability: 'flushed', life: 2 });
    assert.deepEqual(problemsOf(whole), []);
  });

  it('allow a kill to take the newest events, and their holder not to be told', () => {
    const whole = withoutEvent(6, withoutEvent(5, observing(sound(), { notices: [] })));
    assert.deepEqual(problemsOf(whole), []);
  });

  it('take what a holder was told with an earlier answer for told', () => {
    const whole = observing(sound(), { notices: [] });
    whole.history.told.add('b');
    assert.deepEqual(problemsOf(whole), []);
  });

  it('allow a repair to give up what it says it lost, of deltas and of events', () => {
    const whole = without(3, repaired(sound()));
    const byPath = { ...whole.observation.byPath, 'src/a.ts': [delta(5), delta(1)] };
    assert.deepEqual(problemsOf(observing(whole, { byPath })), []);
    const { history, observation } = withGap(1, withoutEvent(1, repaired(sound())));
    assert.deepEqual(recordsStay(history, observation), []);
  });

  it('allow retention to drop all that is too old, and an end that nobody looked for', () => {
    const whole = sound();
    whole.history.oldLives.add(0);
    whole.history.seen.length = 0;
    const deltas = whole.observation.deltas.filter(({ seq }) => seq > 3);
    const status = { ...whole.observation.status, deltas: { ...whole.observation.status.deltas, floor: 4 } };
    const byPath = { 'src/a.ts': [delta(5)], 'src/b.ts': [delta(4)] };
    assert.deepEqual(problemsOf(observing(whole, { deltas, status, byPath })), []);
    const { history, observation } = withoutEvent(6, sound());
    const events = observation.events.map((one) => daysEarlier(2, one));
    assert.deepEqual(grantsHaveEnds(history, { ...observation, events }), []);
  });

  it('count a loss once, however many say it', () => {
    const whole = withGap(1, withoutEvent(4, sound()));
    whole.history.eventsCountedAsLost = 1;
    assert.deepEqual(answeredIsOnRecord(whole.history, whole.observation), []);
    whole.history.actions.push(action('released', 'b', 1001, 1, 5));
    assert.notDeepEqual(answeredIsOnRecord(whole.history, whole.observation), []);
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

describe('a lease outlives its holder by its time (G7)', () => {
  const held = { ttlMs: 1000, lastRenewalMs: 5000, deadMs: 5200 };

  it('accepts a successor when the lease is over', () => {
    assert.deepEqual(leaseOutlivesItsHolderByItsTtl({ ...held, grantedMs: 6100 }), []);
  });

  it('finds the planted bug: it ends with its holder', () => {
    assert.deepEqual(leaseOutlivesItsHolderByItsTtl({ ...held, grantedMs: 5900 }), [
      'G7: the lease of 1000 ms was over after 900 ms',
    ]);
  });

  it('finds the planted bug: it never ends', () => {
    assert.deepEqual(leaseOutlivesItsHolderByItsTtl({ ...held, grantedMs: 20_000 }), [
      'G7: the lease of 1000 ms of a dead holder lasted 14800 ms',
    ]);
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
