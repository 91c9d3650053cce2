import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Denial, Grant } from '../../src/lock/outcome.ts';
import { agent, claim, createFixture, denialOf, target, waitingOf } from './lock-fixture.ts';

test('a claim that waits is granted when the lock is released', () => {
  const { granted, wait, table, settled, transitions, clock } = createFixture();
  const { lock } = granted('alice', 'a.ts');
  const waiting = waitingOf(wait('bob', 'a.ts', 500));
  assert.equal(waiting.blockers[0]?.holder, 'alice');
  assert.equal(waiting.deadlineAtMs, clock.wallMs() + 500);
  clock.advance(70);
  table.release(lock.id, lock.holder);
  assert.deepEqual(settled, ['bob granted L2']);
  const last = transitions.at(-1);
  assert(last?.action === 'acquired' && last.waitedMs === 70 && last.lock.fence > lock.fence);
  assert.deepEqual(
    transitions.map((one) => one.action),
    ['acquired', 'waited', 'released', 'acquired'],
  );
});

test('a claim that is free does not wait, and settles nothing later', () => {
  const { wait, settled, table } = createFixture();
  assert.equal(wait('alice', 'a.ts').outcome, 'granted');
  assert.equal(denialOf(wait('bob', 'a.ts', 0)).reason, 'held');
  table.close();
  assert.deepEqual(settled, []);
});

for (const ending of ['expiry', 'force', 'releaseAll', 'endAll'] as const) {
  test(`a claim that waits is granted after ${ending}`, () => {
    const { granted, wait, table, settled, clock } = createFixture();
    const { lock } = granted('alice', 'a.ts', { ttlMs: 100 });
    wait('bob', 'a.ts');
    if (ending === 'expiry') {
      clock.advance(100);
      table.expireDue();
    }
    if (ending === 'force') table.force(lock.id, 'pat', 'gone home');
    if (ending === 'releaseAll') table.releaseAll(agent('alice'));
    if (ending === 'endAll') table.endAll('lost', 'slept');
    assert.deepEqual(settled, ['bob granted L2']);
  });
}

test('waiters are served first come, first served', () => {
  const { granted, wait, table, settled } = createFixture();
  granted('alice', 'a.ts');
  for (const who of ['bob', 'carol', 'dave']) wait(who, 'a.ts');
  for (const who of ['alice', 'bob', 'carol']) table.releaseAll(agent(who));
  assert.deepEqual(settled, ['bob granted L2', 'carol granted L3', 'dave granted L4']);
});

test('nobody overtakes a waiter, not even with a claim that does not wait', () => {
  const { granted, wait, acquire, clock } = createFixture();
  granted('alice', 'a.ts:1-5');
  const { ticket } = waitingOf(wait('bob', 'a.ts', 500));
  const denial = denialOf(acquire('carol', 'a.ts:7-9'));
  assert.equal(denial.reason, 'queued');
  assert.equal(denial.holder, 'bob');
  assert.equal(denial.lockId, undefined);
  assert.deepEqual(denial.blockers[0], {
    kind: 'waiter',
    holder: 'bob',
    intention: 'bob works',
    mode: 'exclusive',
    overlap: 'contains',
    target: target('a.ts'),
    ticket,
  });
  clock.advance(500);
  assert.equal(acquire('carol', 'a.ts:7-9').outcome, 'granted');
});

test('an own claim that waits is not in the way', () => {
  const { granted, wait, acquire } = createFixture();
  granted('alice', 'a.ts:1-5');
  wait('bob', 'a.ts');
  assert.equal(acquire('bob', 'a.ts:7-9').outcome, 'granted');
});

test('a claim of everything is not starved by small ones', () => {
  const { granted, wait, acquire, table, settled } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('carol', ['a.ts', 'b.ts', 'c.ts']);
  for (const path of ['a.ts', 'b.ts', 'c.ts']) assert.equal(acquire('dave', path).outcome, 'denied');
  table.releaseAll(agent('alice'));
  assert.deepEqual(settled, []);
  table.releaseAll(agent('bob'));
  assert.deepEqual(settled, ['carol granted L3']);
});

test('a priority comes first, until its worth in waiting is used up', () => {
  const { granted, wait, table, settled, clock } = createFixture({ ageingMs: 100 });
  granted('alice', 'a.ts', { ttlMs: 10_000 });
  wait('old', 'a.ts');
  clock.advance(99);
  wait('urgent', 'a.ts', 10_000, { priority: 1 });
  clock.advance(2);
  wait('late', 'a.ts', 10_000, { priority: 1 });
  for (const who of ['alice', 'urgent', 'old']) table.releaseAll(agent(who));
  assert.deepEqual(settled, ['urgent granted L2', 'old granted L3', 'late granted L4']);
});

test('a higher priority that does not wait may go before a waiter', () => {
  const { granted, wait, acquire } = createFixture();
  granted('alice', 'a.ts:1-5');
  wait('bob', 'a.ts');
  assert.equal(acquire('carol', 'a.ts:7-9', { priority: 1 }).outcome, 'granted');
});

test('several shared waiters are granted at once, up to the exclusive one between them', () => {
  const { granted, wait, table, settled } = createFixture();
  granted('alice', 'a.ts');
  wait('bob', 'a.ts', 900, { mode: 'shared' });
  wait('carol', 'a.ts', 900, { mode: 'shared' });
  wait('dave', 'a.ts');
  wait('erin', 'a.ts', 900, { mode: 'shared' });
  table.releaseAll(agent('alice'));
  assert.deepEqual(settled, ['bob granted L2', 'carol granted L3']);
});

test('a wait ends at its deadline with the blockers of that moment', () => {
  const { granted, table, clock, settled } = createFixture();
  granted('alice', 'a.ts', { ttlMs: 10_000 });
  const outcomes: (Grant | Denial)[] = [];
  table.acquireOrWait(claim('bob', 'a.ts'), 100, (outcome) => outcomes.push(outcome));
  assert.equal(table.nextDeadlineMs(), clock.monotonicMs() + 100);
  clock.advance(99);
  table.expireDue();
  assert.equal(outcomes.length, 0);
  clock.advance(1);
  table.expireDue();
  const [outcome] = outcomes;
  assert(outcome?.outcome === 'denied');
  assert.deepEqual([outcome.reason, outcome.holder, outcome.lockId], ['timeout', 'alice', 'L1']);
  assert.equal(table.waiters().length, 0);
  assert.deepEqual(settled, []);
});

test('the end of a wait lets those behind it through', () => {
  const { granted, wait, table, settled, clock } = createFixture();
  granted('alice', 'a.ts', { ttlMs: 10_000 });
  const { ticket } = waitingOf(wait('bob', ['a.ts', 'b.ts'], 5000));
  wait('carol', ['b.ts', 'c.ts'], 100);
  wait('dave', 'c.ts', 5000);
  clock.advance(100);
  table.expireDue();
  assert.deepEqual(settled, ['carol denied timeout', 'dave granted L2']);
  wait('erin', 'b.ts');
  assert.equal(table.cancelWait(ticket), true);
  assert.deepEqual(settled.slice(2), ['bob denied cancelled', 'erin granted L3']);
  assert.equal(table.cancelWait(ticket), false);
});

test('a lease that ends as a wait does is still granted to it', () => {
  const { granted, wait, table, settled, clock } = createFixture();
  granted('alice', 'a.ts', { ttlMs: 100 });
  wait('bob', 'a.ts', 100);
  clock.advance(100);
  table.expireDue();
  assert.deepEqual(settled, ['bob granted L2']);
});

test('a timer that comes late changes nothing but the times', () => {
  const { granted, wait, table, settled, clock } = createFixture();
  granted('alice', 'a.ts', { ttlMs: 50 });
  wait('bob', 'a.ts', 40);
  wait('carol', 'a.ts', 60);
  clock.advance(10_000);
  table.expireDue();
  assert.deepEqual(settled, ['bob denied timeout', 'carol granted L2']);
});

test('two agents that wait for each other are refused, step by step', () => {
  const { granted, wait, transitions } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('alice', 'b.ts:1-5');
  const denial = denialOf(wait('bob', 'a.ts'));
  assert.equal(denial.reason, 'deadlock');
  assert.deepEqual(denial.cycle, [
    { agent: 'bob', waitsFor: 'alice', lockId: 'L1', intention: 'alice works', path: 'a.ts' },
    { agent: 'alice', waitsFor: 'bob', lockId: 'L2', intention: 'bob works', path: 'b.ts' },
  ]);
  assert.match(denial.next, /bob waits for alice \(a\.ts\), alice waits for bob \(b\.ts\)/);
  assert.equal(denial.holder, 'alice');
  assert.equal(transitions.at(-1)?.action, 'denied');
});

test('a cycle through many agents is spelled out in order', () => {
  const { granted, wait } = createFixture();
  const names = Array.from({ length: 8 }, (_, at) => `agent${at}`);
  for (const [at, name] of names.entries()) granted(name, `f${at}`);
  for (const [at, name] of names.slice(0, -1).entries()) wait(name, `f${at + 1}`);
  const denial = denialOf(wait('agent7', 'f0'));
  assert.deepEqual(
    denial.cycle?.map((step) => step.agent),
    ['agent7', ...names.slice(0, -1)],
  );
});

test('two readers that both want to write are a deadlock', () => {
  const { granted, wait } = createFixture();
  granted('alice', 'a.ts', { mode: 'shared' });
  granted('bob', 'a.ts', { mode: 'shared' });
  wait('alice', 'a.ts');
  assert.equal(denialOf(wait('bob', 'a.ts')).reason, 'deadlock');
});

test('a claim ahead in the queue counts as a reason to wait', () => {
  const { granted, wait } = createFixture();
  granted('alice', 'a.ts');
  granted('carol', 'c.ts');
  wait('bob', ['a.ts', 'b.ts']);
  wait('carol', 'b.ts');
  const denial = denialOf(wait('bob', 'c.ts'));
  assert.deepEqual(
    denial.cycle?.map((step) => [step.agent, step.waitsFor, step.lockId ?? 'a claim']),
    [
      ['bob', 'carol', 'L2'],
      ['carol', 'bob', 'a claim'],
    ],
  );
});

test('a priority that comes ahead of others can close a cycle from behind', () => {
  const { granted, wait } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('bob', ['a.ts', 'c.ts']);
  // Ahead of bob's claim on c.ts, so bob would wait for carol, and carol waits for bob's lease.
  assert.equal(denialOf(wait('carol', ['b.ts', 'c.ts'], 900, { priority: 5 })).reason, 'deadlock');
  assert.equal(wait('carol', ['b.ts', 'c.ts'], 900).outcome, 'waiting');
});

test('a grant that would close a cycle is refused, also to a claim that does not wait', () => {
  const { granted, wait, acquire } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('bob', ['a.ts', 'c.ts']);
  wait('carol', 'b.ts');
  const denial = denialOf(acquire('carol', 'c.ts', { priority: 5 }));
  assert.equal(denial.reason, 'deadlock');
  assert.equal(denial.cycle?.length, 2);
});

test('a refused claim leaves no trace in the queue', () => {
  const { granted, wait, table, settled } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('alice', 'b.ts');
  wait('bob', ['a.ts', 'c.ts']);
  assert.equal(table.waiters().length, 1);
  granted('carol', 'c.ts');
  table.releaseAll(agent('bob'));
  assert.deepEqual(settled, ['alice granted L4']);
});

test('an agent that leaves takes its waits with it', () => {
  const { granted, wait, table, settled } = createFixture();
  granted('alice', 'a.ts');
  granted('bob', 'b.ts');
  wait('bob', 'a.ts');
  wait('carol', ['a.ts', 'b.ts']);
  assert.equal(table.releaseAll(agent('bob')).length, 1);
  assert.deepEqual(settled, ['bob denied cancelled']);
  table.releaseAll(agent('alice'));
  assert.deepEqual(settled.slice(1), ['carol granted L3']);
});

test('a second wait for the same is granted the same lock', () => {
  const { granted, wait, table, settled } = createFixture();
  granted('alice', 'a.ts');
  wait('bob', 'a.ts');
  wait('bob', 'a.ts');
  table.releaseAll(agent('alice'));
  assert.deepEqual(settled, ['bob granted L2', 'bob granted L2']);
  assert.equal(table.list().length, 1);
});

test('closing cancels all waits, grants none of them, and denies what comes later', () => {
  const { granted, wait, table, settled, acquire } = createFixture();
  const { lock } = granted('alice', 'a.ts');
  wait('bob', ['a.ts', 'b.ts']);
  wait('carol', 'b.ts');
  table.close();
  table.close();
  assert.deepEqual(settled.sort(), ['bob denied cancelled', 'carol denied cancelled']);
  assert.equal(denialOf(acquire('dave', 'z.ts')).reason, 'cancelled');
  assert.equal(table.release(lock.id, lock.holder).outcome, 'released');
});

test('a callback may call the table again', () => {
  const { table, granted } = createFixture();
  granted('alice', 'a.ts');
  const order: string[] = [];
  for (const who of ['bob', 'carol', 'dave']) {
    table.acquireOrWait(claim(who, 'a.ts'), 500, (outcome) => {
      order.push(`${who} ${outcome.outcome}`);
      table.releaseAll(agent(who));
      order.push(`${who} done`);
    });
  }
  table.releaseAll(agent('alice'));
  assert.deepEqual(order, [
    'bob granted',
    'bob done',
    'carol granted',
    'carol done',
    'dave granted',
    'dave done',
  ]);
  assert.equal(table.stats().locks, 0);
});

test('a claim has its answer before it is settled, even when a callback frees what it waits for', () => {
  const { table, granted, clock } = createFixture();
  granted('alice', 'a.ts', { ttlMs: 100 });
  table.acquireOrWait(claim('bob', 'a.ts'), 500, () => table.releaseAll(agent('bob')));
  clock.advance(100);
  let settled = 0;
  const outcome = table.acquireOrWait(claim('carol', 'a.ts'), 500, () => {
    settled += 1;
  });
  assert.equal(outcome.outcome, 'granted');
  assert.equal(settled, 0);
});

test('a thousand waiters on one file are served in order', { timeout: 30_000 }, () => {
  const { granted, wait, table, settled } = createFixture();
  granted('agent0', 'a.ts', { ttlMs: 1e6 });
  for (let at = 1; at <= 1000; at += 1) wait(`agent${at}`, 'a.ts', 1e6, { ttlMs: 1e6 });
  for (let at = 0; at < 1000; at += 1) table.releaseAll(agent(`agent${at}`));
  assert.deepEqual(
    settled,
    Array.from({ length: 1000 }, (_, at) => `agent${at + 1} granted L${at + 2}`),
  );
});
