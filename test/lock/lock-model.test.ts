import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Claim } from '../../src/lock/claim.ts';
import type { CycleStep } from '../../src/lock/lock.ts';
import type { LockTransition } from '../../src/lock/outcome.ts';
import { testSeed } from '../support/seed.ts';
import { agent, claim, createFixture, type Fixture, lockId } from './lock-fixture.ts';
import { conflict, type ModelEdge, NaiveLockModel, targetTexts } from './naive-lock-model.ts';

const seed = testSeed();
const ageingMs = 4;

const agents = ['alice', 'bob', 'carol', 'dave'];
const agentArbitrary = fc.constantFrom(...agents);
const claimArbitrary = fc.record({
  kind: fc.constant('claim' as const),
  agent: agentArbitrary,
  texts: fc.uniqueArray(fc.constantFrom(...targetTexts), { minLength: 1, maxLength: 2 }),
  shared: fc.boolean(),
  ttlMs: fc.constantFrom(5, 10, 30, 200),
  priority: fc.integer({ min: -2, max: 2 }),
  waitMs: fc.constantFrom(0, 0, 7, 25, 100),
});
/** `nth` chooses among the locks or waits there have been, the newest first. */
const nth = fc.nat(5);
const otherArbitrary = fc.oneof(
  fc.record({
    kind: fc.constant('release' as const),
    nth,
    byHolder: fc.constantFrom(true, true, true, false),
  }),
  fc.record({ kind: fc.constant('renew' as const), nth, ttlMs: fc.constantFrom(undefined, 1, 20) }),
  fc.record({ kind: fc.constant('force' as const), nth }),
  fc.record({ kind: fc.constant('cancel' as const), nth }),
  fc.record({ kind: fc.constant('touch' as const), agent: agentArbitrary }),
  fc.record({ kind: fc.constant('releaseAll' as const), agent: agentArbitrary }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 12 }) }),
);
const stepArbitrary = fc.oneof(
  { weight: 3, arbitrary: claimArbitrary },
  { weight: 2, arbitrary: otherArbitrary },
);
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

class Comparison {
  readonly #fixture: Fixture = createFixture({ ageingMs });
  readonly #model = new NaiveLockModel(this.#fixture.clock.monotonicMs(), ageingMs);
  readonly #tickets: { readonly real: number; readonly model: number }[] = [];
  #granted = 0;

  run(steps: readonly Step[]): void {
    for (const step of steps) {
      this.#step(step);
      this.#compareState();
    }
    // Nobody starves: once the leases run out and the waits are over, nobody waits.
    this.#step({ kind: 'advance', ms: 400 });
    this.#compareState();
    assert.equal(this.#fixture.table.waiters().length, 0);
  }

  #step(step: Step): void {
    const { table, clock } = this.#fixture;
    switch (step.kind) {
      case 'claim':
        this.#claim(step);
        break;
      case 'release': {
        const id = this.#idOf(step.nth);
        const holder = step.byHolder ? this.#holderOf(id) : 'mallory';
        const outcome = table.release(lockId(id), agent(holder));
        assert.equal(textOf(outcome), this.#model.release(id, holder));
        break;
      }
      case 'renew': {
        const id = this.#idOf(step.nth);
        const holder = this.#holderOf(id);
        const change = step.ttlMs === undefined ? {} : { ttlMs: step.ttlMs };
        const outcome = table.renew(lockId(id), agent(holder), change);
        assert.equal(textOf(outcome), this.#model.renew(id, holder, step.ttlMs));
        break;
      }
      case 'force': {
        const id = this.#idOf(step.nth);
        assert.equal(textOf(table.force(lockId(id), 'a person', 'in the way')), this.#model.force(id));
        break;
      }
      case 'cancel': {
        const ticket = this.#tickets.at(-1 - step.nth);
        if (ticket !== undefined)
          assert.equal(table.cancelWait(ticket.real), this.#model.cancel(ticket.model));
        break;
      }
      case 'touch':
        table.touch(agent(step.agent));
        this.#model.touch(step.agent);
        break;
      case 'releaseAll':
        table.releaseAll(agent(step.agent));
        this.#model.releaseAll(step.agent);
        break;
      default:
        clock.advance(step.ms);
        this.#model.advance(step.ms);
        table.expireDue();
    }
  }

  #claim(step: Extract<Step, { kind: 'claim' }>): void {
    const { shared, ttlMs, priority, waitMs, texts } = step;
    const asked = claim(step.agent, texts, { mode: shared ? 'shared' : 'exclusive', ttlMs, priority });
    const expected = this.#model.claim(asked, waitMs);
    const outcome =
      waitMs === 0
        ? this.#fixture.acquire(step.agent, texts, asked)
        : this.#fixture.wait(step.agent, texts, waitMs, asked);
    if (outcome.outcome === 'waiting') {
      assert.equal('waiting', expected.split(' ')[0]);
      this.#tickets.push({ real: outcome.ticket, model: Number(expected.split(' ')[1]) });
    } else if (outcome.outcome === 'granted') {
      assert.equal(`${outcome.renewed ? 'renewed' : 'granted'} ${outcome.lock.id}`, expected);
    } else {
      assert.equal(`denied ${outcome.reason}`, expected);
      if (outcome.reason === 'deadlock')
        assertCycle(outcome.cycle ?? [], this.#model.edgesWith(asked), asked);
      else assert(outcome.holder !== undefined && outcome.holder !== step.agent);
    }
  }

  #idOf(back: number): string {
    this.#granted = Math.max(this.#granted, ...this.#model.leases.map((lease) => lease.fence), 0);
    return `L${Math.max(1, this.#granted - back)}`;
  }

  #holderOf(id: string): string {
    return this.#model.leases.find((lease) => lease.id === id)?.claim.agent ?? 'nobody';
  }

  #compareState(): void {
    const { table, clock, settled, transitions } = this.#fixture;
    const model = this.#model;
    const locks = table.list();
    const wallOffset = clock.wallMs() - clock.monotonicMs();
    assert.deepEqual(
      locks.map((lock) => [lock.id, lock.fence, lock.holder, lock.expiresAtMs - wallOffset]),
      model.leases.map((lease) => [lease.id, lease.fence, lease.claim.agent, model.expiresMs(lease)]),
    );
    assert.deepEqual(
      table.waiters().map((waiter) => [waiter.agent, waiter.deadlineAtMs - wallOffset, waiter.intention]),
      model.queue().map((waiter) => [waiter.claim.agent, waiter.deadlineMs, waiter.claim.intention]),
    );
    assert.deepEqual(settled, model.settled);
    assert.deepEqual(transitions.map(eventOf), model.events);
    assertExclusion(model);
    const deadlines = [
      ...model.leases.map((lease) => model.expiresMs(lease)),
      ...model.waiters.map((one) => one.deadlineMs),
    ];
    assert.equal(table.nextDeadlineMs(), deadlines.length === 0 ? undefined : Math.min(...deadlines));
    for (const who of agents) {
      const told = table.takeNotices(agent(who)).notices.map((notice) => `${notice.cause} ${notice.lock.id}`);
      assert.deepEqual(told, model.notices.get(who) ?? []);
      model.notices.delete(who);
    }
  }
}

/** No two leases of different agents that exclude each other, and no waiter that could have been granted. */
function assertExclusion(model: NaiveLockModel): void {
  model.leases.forEach((lease, at) => {
    for (const other of model.leases.slice(at + 1)) assert(!conflict(lease.claim, other.claim));
  });
  const waiting = new Set(model.edges(model.waiters).map((edge) => edge.from));
  for (const waiter of model.waiters) assert(waiting.has(waiter.claim.agent));
}

function assertCycle(cycle: readonly CycleStep[], edges: readonly ModelEdge[], asked: Claim): void {
  assert(cycle.length >= 2);
  assert.equal(cycle[0]?.agent, asked.agent);
  cycle.forEach((step, at) => {
    assert.equal(step.waitsFor, cycle[(at + 1) % cycle.length]?.agent);
    assert(edges.some((edge) => edge.from === step.agent && edge.to === step.waitsFor));
  });
  assert.equal(new Set(cycle.map((step) => step.agent)).size, cycle.length);
}

function textOf(outcome: { readonly outcome: string; readonly reason?: string }): string {
  return outcome.outcome === 'refused' ? `refused ${outcome.reason}` : outcome.outcome;
}

function eventOf(transition: LockTransition): string {
  if (transition.action === 'denied') return `denied ${transition.claim.agent} ${transition.denial.reason}`;
  if (transition.action === 'waited') return `waited ${transition.claim.agent}`;
  return `${transition.action} ${transition.lock.id}`;
}

test(`answers as the naive model over random histories (TEST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 60, size: 'max' }), (steps) =>
      new Comparison().run(steps),
    ),
    { seed, numRuns: 700 },
  );
});

test(`refuses deadlocks as the naive model where all claims wait (TEST_SEED=${seed})`, () => {
  const waiting = claimArbitrary.map((step): Step => ({ ...step, waitMs: 100, ttlMs: 200 }));
  fc.assert(
    fc.property(fc.array(waiting, { minLength: 4, maxLength: 25, size: 'max' }), (steps) =>
      new Comparison().run(steps),
    ),
    { seed, numRuns: 400 },
  );
});
