import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveLockOptions } from '../../src/lock/lock-options.ts';
import { agent, createFixture, denialOf, lockId } from './lock-fixture.ts';

test('an agent that claims too fast is told when it may again', () => {
  const { acquire, clock, wait } = createFixture({ ratePerSecond: 2, rateBurst: 3 });
  for (const path of ['a', 'b', 'c']) assert.equal(acquire('alice', path).outcome, 'granted');
  const denial = denialOf(acquire('alice', 'd'));
  assert.equal(denial.reason, 'rate');
  assert.equal(denial.retryAfterMs, 500);
  assert.match(denial.next, /500ms/);
  assert.equal(denialOf(wait('alice', 'd')).reason, 'rate');
  assert.equal(acquire('bob', 'd').outcome, 'granted');
  clock.advance(499);
  assert.equal(denialOf(acquire('alice', 'e')).retryAfterMs, 1);
  clock.advance(1);
  assert.equal(acquire('alice', 'e').outcome, 'granted');
  assert.equal(acquire('alice', 'f').outcome, 'denied');
});

test('a pause earns no more than the burst', () => {
  const { acquire, clock } = createFixture({ ratePerSecond: 10, rateBurst: 2 });
  acquire('alice', 'a');
  clock.advance(3_600_000);
  const outcomes = ['b', 'c', 'd'].map((path) => acquire('alice', path).outcome);
  assert.deepEqual(outcomes, ['granted', 'granted', 'denied']);
});

test('a denied claim costs a token too', () => {
  const { acquire } = createFixture({ ratePerSecond: 1, rateBurst: 1 });
  acquire('alice', 'a');
  assert.equal(denialOf(acquire('bob', 'a')).reason, 'held');
  assert.equal(denialOf(acquire('bob', 'a')).reason, 'rate');
});

test('of a flood only the first denial is reported', () => {
  const { acquire, transitions, clock, table } = createFixture({ ratePerSecond: 1, rateBurst: 1 });
  acquire('alice', 'a');
  for (let at = 0; at < 100; at += 1) acquire('alice', 'b');
  assert.equal(transitions.filter((one) => one.action === 'denied').length, 1);
  assert.equal(table.stats().denied, 100);
  clock.advance(1000);
  acquire('alice', 'c');
  acquire('alice', 'd');
  assert.equal(transitions.filter((one) => one.action === 'denied').length, 2);
});

test('agents with nothing left are forgotten', () => {
  const { table, clock, granted } = createFixture({ ratePerSecond: 50, rateBurst: 200 });
  granted('keeper', 'kept', { ttlMs: 3_600_000 });
  for (let at = 0; at < 20_000; at += 1) {
    const { lock } = granted(`passer-by ${at}`, 'a');
    table.release(lock.id, lock.holder);
    clock.advance(1);
  }
  assert(table.stats().agents < 200, `${table.stats().agents} agents`);
  assert.equal(table.list().length, 1);
});

test('an empty bucket is not forgotten, however many others come', () => {
  const { acquire, granted, table } = createFixture({ ratePerSecond: 1, rateBurst: 1 });
  const { lock } = granted('alice', 'a');
  table.release(lock.id, lock.holder);
  for (let at = 0; at < 1000; at += 1) acquire(`other ${at}`, 'a');
  assert.equal(denialOf(acquire('alice', 'b')).reason, 'rate');
});

test('a full table denies new locks, and still renews and releases', () => {
  const { granted, acquire, table } = createFixture({ maxLocks: 3 });
  granted('alice', ['a', 'b']);
  assert.equal(denialOf(acquire('bob', ['c', 'd'])).reason, 'limit');
  granted('bob', 'c');
  assert.equal(denialOf(acquire('carol', 'd')).reason, 'limit');
  assert.equal(granted('alice', ['a', 'b']).renewed, true);
  table.releaseAll(agent('alice'));
  assert.equal(acquire('carol', 'd').outcome, 'granted');
});

test('a full queue denies waits', () => {
  const { granted, wait, table } = createFixture({ maxWaiters: 2 });
  granted('alice', 'a');
  wait('bob', 'a');
  wait('carol', 'a');
  const denial = denialOf(wait('dave', 'a'));
  assert.equal(denial.reason, 'limit');
  table.releaseAll(agent('alice'));
  assert.equal(wait('dave', 'a').outcome, 'waiting');
});

test('a wait that could not be searched for cycles is refused', () => {
  const { granted, wait } = createFixture({ maxCycleSteps: 50 });
  for (let at = 0; at < 30; at += 1) granted(`holder ${at}`, `f${at}`);
  for (let at = 0; at < 29; at += 1) wait(`holder ${at}`, `f${at + 1}`);
  granted('alice', 'mine');
  for (let at = 0; at < 29; at += 1) wait(`guest ${at}`, at === 0 ? 'mine' : `theirs ${at - 1}`);
  for (let at = 0; at < 60; at += 1) wait(`crowd ${at}`, 'mine');
  assert.equal(denialOf(wait('alice', 'f0')).reason, 'limit');
});

test('ended locks are remembered up to a number', () => {
  const { granted, table } = createFixture({ endedKept: 2 });
  for (const path of ['a', 'b', 'c']) {
    const { lock } = granted('alice', path);
    table.release(lock.id, lock.holder);
  }
  const reasons = ['L1', 'L2', 'L3'].map((id) => {
    const outcome = table.check(lockId(id));
    return outcome.outcome === 'refused' && outcome.reason;
  });
  assert.deepEqual(reasons, ['unknown', 'released', 'released']);
});

test('notices beyond the number kept are dropped, the oldest first, and counted', () => {
  const { granted, table } = createFixture({ noticesPerAgent: 2 });
  for (const path of ['a', 'b', 'c', 'd', 'e']) granted('alice', path);
  table.endAll('lost', 'slept');
  const { notices, dropped } = table.takeNotices(agent('alice'));
  assert.deepEqual(
    notices.map((notice) => notice.lock.id),
    ['L4', 'L5'],
  );
  assert.equal(dropped, 3);
  assert.deepEqual(table.takeNotices(agent('alice')), { notices: [], dropped: 0 });
});

test('notices wait for their agent for a day and are forgotten then', () => {
  const { granted, table, clock } = createFixture({ noticeKeptMs: 1000, ratePerSecond: 1e6 });
  granted('alice', 'a', { ttlMs: 1 });
  granted('bob', 'b', { ttlMs: 1 });
  clock.advance(1);
  table.expireDue();
  let passed = 0;
  const passBy = () => {
    for (let at = 0; at < 100; at += 1) {
      passed += 1;
      const { lock } = granted(`passer-by ${passed}`, 'z');
      table.release(lock.id, lock.holder);
    }
  };
  passBy();
  clock.advance(999);
  assert.equal(table.takeNotices(agent('alice')).notices.length, 1);
  clock.advance(1);
  for (let round = 0; round < 5; round += 1) {
    clock.advance(1);
    passBy();
  }
  assert.equal(table.takeNotices(agent('bob')).notices.length, 0);
});

test('options resolve to a frozen whole, and nonsense is refused', () => {
  const config = resolveLockOptions({ rateBurst: 5 });
  assert(Object.isFrozen(config));
  assert.equal(config.rateBurst, 5);
  assert.equal(config.defaultTtlMs, 120_000);
  assert.equal(resolveLockOptions({ ageingMs: 0 }).ageingMs, 0);
  for (const wrong of [
    { maxLocks: 0 },
    { rateBurst: Number.NaN },
    { defaultTtlMs: 2, maxTtlMs: 1 },
    { ageingMs: -1 },
  ]) {
    assert.throws(() => resolveLockOptions(wrong), { name: 'AssertionError' });
  }
});
