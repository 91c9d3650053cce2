import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId, RepoPath } from '../../src/base/ids.ts';
import { FenceSource } from '../../src/lock/fence.ts';
import { LockTable } from '../../src/lock/lock-table.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { agent, claim, createFixture, denialOf, lockId, project, target } from './lock-fixture.ts';

test('grants a claim with id, fence, expiry and assurance', () => {
  const { granted, clock, transitions } = createFixture();
  const grant = granted('alice', ['a.ts:3-', 'b.ts'], { contentHash: 'h', agentName: 'Alice', priority: 2 });
  const lock = {
    id: 'L1',
    fence: 1,
    targets: [target('a.ts:3-'), target('b.ts')],
    mode: 'exclusive',
    holder: 'alice',
    holderName: 'Alice',
    intention: 'alice works',
    acquiredAtMs: clock.wallMs(),
    expiresAtMs: clock.wallMs() + 1000,
    assurance: 'cluster',
    contentHash: 'h',
    priority: 2,
    ttlMs: 1000,
  };
  assert.deepEqual(grant, { outcome: 'granted', lock, renewed: false });
  assert.deepEqual(JSON.parse(JSON.stringify(grant)), grant);
  assert.deepEqual(transitions, [{ action: 'acquired', lock, atMs: clock.wallMs(), waitedMs: 0 }]);
});

test('denies an overlapping claim and names its holder', () => {
  const { granted, acquire, clock, transitions } = createFixture();
  granted('alice', 'a.ts:1-10', { agentName: 'Alice' });
  clock.advance(400);
  const denial = denialOf(acquire('bob', 'a.ts:10-12'));
  assert.equal(denial.reason, 'held');
  assert.equal(denial.holder, 'alice');
  assert.equal(denial.holderName, 'Alice');
  assert.equal(denial.intention, 'alice works');
  assert.equal(denial.expiresAtMs, clock.wallMs() + 600);
  assert.equal(denial.retryAfterMs, 600);
  assert.equal(denial.overlap, 'partial');
  assert.equal(denial.lockId, 'L1');
  assert.match(denial.next, /--wait.*ask Alice/);
  assert.equal(denial.blockers.length, 1);
  assert.deepEqual(transitions.at(-1), {
    action: 'denied',
    claim: claim('bob', 'a.ts:10-12'),
    atMs: clock.wallMs(),
    denial,
  });
});

test('names the widest overlap first, then the earliest, and lists at most ten blockers', () => {
  const { granted, acquire } = createFixture();
  for (let line = 1; line <= 12; line += 1) granted(`agent${line}`, `a.ts:${line}-${line}`);
  const all = denialOf(acquire('bob', 'a.ts'));
  assert.equal(all.blockers.length, 10);
  assert.equal(all.holder, 'agent1');
  assert.equal(all.overlap, 'contains');
  assert.equal(denialOf(acquire('bob', ['a.ts:3-8', 'a.ts:7-7'])).holder, 'agent7');
});

test('grants several targets or none', () => {
  const { granted, acquire, table } = createFixture();
  granted('alice', 'b.ts');
  assert.equal(denialOf(acquire('bob', ['a.ts', 'b.ts', 'c.ts'])).reason, 'held');
  assert.equal(table.list().length, 1);
  granted('carol', ['a.ts', 'c.ts']);
});

test('a holder does not conflict with itself', () => {
  const { granted } = createFixture();
  granted('alice', 'a.ts');
  granted('alice', 'a.ts:1-5');
  granted('alice', '**');
});

test('shared claims bear each other and nothing else', () => {
  const { granted, acquire } = createFixture();
  granted('alice', 'a.ts', { mode: 'shared' });
  granted('bob', 'a.ts', { mode: 'shared' });
  assert.equal(denialOf(acquire('carol', 'a.ts')).holder, 'alice');
  assert.equal(denialOf(acquire('alice', 'a.ts')).holder, 'bob');
  granted('carol', 'b.ts');
  assert.equal(denialOf(acquire('alice', 'b.ts', { mode: 'shared' })).holder, 'carol');
});

test('claiming just what is held renews the lock, in any order of targets', () => {
  const { granted, clock, table, acquire } = createFixture();
  const first = granted('alice', ['a.ts', 'b.ts']);
  clock.advance(900);
  const again = granted('alice', ['b.ts', 'a.ts'], { intention: 'and more', ttlMs: 2000 });
  assert.equal(again.renewed, true);
  assert.equal(again.lock.id, first.lock.id);
  assert.equal(again.lock.fence, first.lock.fence);
  assert.equal(again.lock.intention, 'and more');
  assert.equal(again.lock.expiresAtMs, clock.wallMs() + 2000);
  for (const other of [['a.ts'], ['a.ts', 'b.ts', 'c.ts'], ['a.ts', 'c.ts']]) {
    assert.equal(granted('alice', other).renewed, false);
  }
  assert.equal(granted('alice', ['a.ts', 'b.ts'], { mode: 'shared' }).renewed, false);
  table.releaseAll(agent('alice'));
  assert.equal(acquire('bob', ['a.ts', 'b.ts']).outcome, 'granted');
});

test('only the holder with the right fence releases or renews', () => {
  const { granted, table } = createFixture();
  const { lock } = granted('alice', 'a.ts');
  for (const call of [table.release.bind(table, lock.id), refusingRenew]) {
    const byOther = call(agent('bob'), lock.fence);
    assert(
      byOther.outcome === 'refused' && byOther.reason === 'not-holder' && byOther.next.includes('alice'),
    );
    const stale = call(agent('alice'), lock.fence + 1);
    assert(stale.outcome === 'refused' && stale.reason === 'stale-fence');
  }
  assert.equal(table.release(lock.id, agent('alice'), lock.fence).outcome, 'released');
  const twice = table.release(lock.id, agent('alice'));
  assert(twice.outcome === 'refused' && twice.reason === 'released');
  const never = table.release(lockId('none'), agent('alice'));
  assert(never.outcome === 'refused' && never.reason === 'unknown');

  function refusingRenew(who: typeof lock.holder, fence: number) {
    return table.renew(lock.id, who, { fence });
  }
});

test('a lease is valid up to its expiry and not at that instant', () => {
  const { granted, table, clock, acquire, transitions } = createFixture();
  const { lock } = granted('alice', 'a.ts', { ttlMs: 100 });
  clock.advance(99);
  assert.equal(table.check(lock.id, lock.fence).outcome, 'valid');
  assert.equal(denialOf(acquire('bob', 'a.ts')).retryAfterMs, 1);
  clock.advance(1);
  const check = table.check(lock.id, lock.fence);
  assert(check.outcome === 'refused' && check.reason === 'expired');
  assert.equal(check.ended?.atMs, clock.wallMs());
  assert.equal(transitions.at(-1)?.action, 'expired');
  assert.equal(acquire('bob', 'a.ts').outcome, 'granted');
});

test('jumps of the wall clock neither end nor prolong a lease', () => {
  const { granted, table, clock } = createFixture();
  const { lock } = granted('alice', 'a.ts', { ttlMs: 100 });
  clock.jumpWall(1e9);
  assert.equal(table.check(lock.id).outcome, 'valid');
  assert.equal(table.get(lock.id)?.expiresAtMs, clock.wallMs() + 100);
  clock.jumpWall(-2e9);
  clock.advance(100);
  assert.equal(table.check(lock.id).outcome, 'refused');
});

test('renewal starts the time afresh, with a longer or a shorter ttl', () => {
  const { granted, table, clock, transitions } = createFixture();
  const { lock } = granted('alice', 'a.ts', { ttlMs: 100 });
  clock.advance(60);
  table.renew(lock.id, lock.holder, { ttlMs: 10 });
  assert.equal(table.nextDeadlineMs(), clock.monotonicMs() + 10);
  table.renew(lock.id, lock.holder, { ttlMs: 100 });
  clock.advance(99);
  table.renew(lock.id, lock.holder, { ttlMs: 10 });
  assert.equal(transitions.filter((one) => one.action === 'renewed').length, 3);
  assert.equal(table.nextDeadlineMs(), clock.monotonicMs() + 10);
  clock.advance(10);
  const late = table.renew(lock.id, lock.holder);
  assert(late.outcome === 'refused' && late.reason === 'expired');
  assert.throws(() => table.renew(lock.id, lock.holder, { ttlMs: 0 }), { code: 'INVALID_ARGUMENT' });
});

test('activity renews all leases of an agent, and no others', () => {
  const { granted, table, clock } = createFixture();
  const own = ['a.ts', 'b.ts'].map((path) => granted('alice', path, { ttlMs: 100 }).lock);
  const other = granted('bob', 'c.ts', { ttlMs: 100 }).lock;
  clock.advance(99);
  table.touch(agent('alice'));
  clock.advance(99);
  assert.deepEqual(
    table.list().map((lock) => lock.id),
    own.map((lock) => lock.id),
  );
  assert.equal(table.check(other.id).outcome, 'refused');
  assert.equal(table.nextDeadlineMs(), clock.monotonicMs() + 1);
  clock.advance(1);
  assert.equal(table.list().length, 0);
  assert.equal(table.nextDeadlineMs(), undefined);
});

test('activity after the end does not bring a lease back', () => {
  const { granted, table, clock } = createFixture();
  const { lock } = granted('alice', 'a.ts', { ttlMs: 100 });
  clock.advance(100);
  table.touch(agent('alice'));
  assert.equal(table.check(lock.id).outcome, 'refused');
});

test('a person forces a lock with a reason, and the holder is told once', () => {
  const { granted, table, clock, transitions } = createFixture();
  const { lock } = granted('alice', 'a.ts');
  assert.throws(() => table.force(lock.id, 'pat', '  '), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => table.force(lock.id, 'pat', 'x'.repeat(501)), { code: 'INVALID_ARGUMENT' });
  assert.equal(table.force(lock.id, 'pat', 'gone home').outcome, 'released');
  assert.deepEqual(transitions.at(-1), {
    action: 'forced',
    lock,
    atMs: clock.wallMs(),
    by: 'pat',
    reason: 'gone home',
  });
  const check = table.check(lock.id);
  assert(check.outcome === 'refused' && check.reason === 'forced');
  assert.equal(check.ended?.by, 'pat');
  const { notices, dropped } = table.takeNotices(agent('alice'));
  assert.deepEqual(notices, [
    { lock, cause: 'forced', atMs: clock.wallMs(), by: 'pat', reason: 'gone home' },
  ]);
  assert.equal(dropped, 0);
  assert.deepEqual(table.takeNotices(agent('alice')).notices, []);
});

test('a lease that the holder released is no news to it', () => {
  const { granted, table } = createFixture();
  const { lock } = granted('alice', 'a.ts');
  table.release(lock.id, lock.holder);
  granted('alice', 'b.ts');
  assert.equal(table.releaseAll(agent('alice')).length, 1);
  assert.deepEqual(table.takeNotices(agent('alice')), { notices: [], dropped: 0 });
});

test('a node that cannot vouch for its leases ends all, and tells the holders', () => {
  const { granted, table, transitions } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  assert.equal(table.endAll('lost', 'the machine slept').length, 2);
  assert.equal(transitions.filter((one) => one.action === 'lost').length, 2);
  assert.equal(table.takeNotices(agent('bob')).notices[0]?.reason, 'the machine slept');
  const check = table.check(lockId('L1'));
  assert(check.outcome === 'refused' && check.reason === 'lost');
});

test('a lock of an earlier life of the daemon is known by its fence', () => {
  const { table } = createFixture({}, { startFloor: 100, reservedUntil: 200 });
  const reasons = [99, 100, undefined].map((fence) => {
    const outcome = table.check(lockId('from before'), fence);
    return outcome.outcome === 'refused' ? outcome.reason : outcome.outcome;
  });
  assert.deepEqual(reasons, ['restart', 'unknown', 'unknown']);
});

test('a notice from before a restart is told to its holder', () => {
  const { table, clock } = createFixture();
  const { lock } = createFixture().granted('alice', 'a.ts');
  table.addNotice({ lock, cause: 'restart', atMs: clock.wallMs() });
  assert.deepEqual(table.takeNotices(agent('alice')).notices, [
    { lock, cause: 'restart', atMs: clock.wallMs() },
  ]);
});

test('lists by project, path and agent in the order of grants', () => {
  const { granted, table } = createFixture();
  const elsewhere = { targets: [target('a.ts', 'other' as ProjectId)] };
  granted('alice', 'z.ts:1-5');
  granted('bob', 'a.ts');
  granted('alice', 'x', elsewhere);
  granted('carol', 'lib/**');
  granted('alice', 'z.ts:9-12');
  const ids = (filter: Parameters<typeof table.list>[0]) => table.list(filter).map((lock) => lock.id);
  assert.deepEqual(ids({}), ['L1', 'L2', 'L3', 'L4', 'L5']);
  assert.deepEqual(ids({ agent: agent('alice') }), ['L1', 'L3', 'L5']);
  assert.deepEqual(ids({ project }), ['L1', 'L2', 'L4', 'L5']);
  assert.deepEqual(ids({ project, path: 'z.ts' as RepoPath }), ['L1', 'L5']);
  assert.deepEqual(ids({ project, path: 'lib/x/y' as RepoPath }), ['L4']);
  assert.deepEqual(ids({ project, path: '**' as RepoPath, agent: agent('bob') }), ['L2']);
  assert.deepEqual(ids({ agent: agent('nobody') }), []);
});

test('why shows who holds and who waits, in order', () => {
  const { granted, table, wait, clock } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('carol', 'a.ts', 500);
  wait('dave', ['a.ts', 'b.ts'], 500, { priority: 1 });
  const { locks, waiters } = table.why(target('a.ts:1-5'));
  assert.deepEqual(
    locks.map((lock) => lock.holder),
    ['alice'],
  );
  assert.deepEqual(
    waiters.map((waiter) => [waiter.agent, waiter.deadlineAtMs, waiter.blockers.map((one) => one.holder)]),
    [
      ['dave', clock.wallMs() + 500, ['alice', 'bob']],
      ['carol', clock.wallMs() + 500, ['alice', 'dave']],
    ],
  );
  assert.deepEqual(table.why(target('c.ts')), { locks: [], waiters: [] });
});

test('counts what it holds and did', () => {
  const { granted, table, acquire, wait } = createFixture();
  granted('alice', ['a.ts', 'b.ts']);
  acquire('bob', 'a.ts');
  wait('carol', 'a.ts');
  const { locks, targets, waiters, agents, granted: grants, denied, lastFence, fencesLeft } = table.stats();
  assert.deepEqual([locks, targets, waiters, agents, grants, denied, lastFence], [1, 2, 1, 3, 1, 1, 1]);
  assert.equal(fencesLeft, 1e9 - 2);
});

test('ten thousand leases of one agent are renewed by one sign of life', () => {
  const { table, clock } = createFixture();
  for (let at = 0; at < 10_000; at += 1)
    table.acquire(claim('alice', `d${at % 97}/f${at}.ts`, { ttlMs: 100 }));
  for (let round = 0; round < 5; round += 1) {
    clock.advance(99);
    table.touch(agent('alice'));
  }
  assert.equal(table.stats().locks, 10_000);
  clock.advance(100);
  table.expireDue();
  assert.equal(table.stats().locks, 0);
  assert.equal(table.stats().targets, 0);
});

test('a lock id that is given twice is a defect of the daemon', () => {
  const table = new LockTable({
    clock: new ManualClock(),
    fences: new FenceSource({ startFloor: 1, reservedUntil: 100 }),
    newLockId: () => lockId('same'),
    onTransition: () => {},
  });
  table.acquire(claim('alice', 'a.ts'));
  assert.throws(() => table.acquire(claim('bob', 'b.ts')), { name: 'AssertionError' });
});
