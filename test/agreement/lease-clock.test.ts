/** The clock of a node's own leases, over a monotonic and a wall clock as machines have them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseClock } from '../../src/agreement/lease-clock.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const jumpMs = 500;
const epochMs = Date.UTC(2026, 0, 1);

/** A machine whose wall clock shows whole milliseconds. */
class Machine {
  trueMs = 0;
  sleptMs = 0;
  setMs = 0;
  readonly clock: LeaseClock;
  readonly startMs: number;

  constructor(startMs = 0.3) {
    this.trueMs = startMs;
    this.clock = new LeaseClock(this.#now(), jumpMs);
    this.startMs = this.clock.nowMs;
  }

  look(): number {
    return this.clock.advance(this.#now());
  }

  /** What the clock has counted so far. */
  countedMs(): number {
    return this.clock.nowMs - this.startMs;
  }

  #now() {
    return {
      monotonicMs: 5000 + this.trueMs - this.sleptMs,
      wallMs: Math.floor(epochMs + this.trueMs + this.setMs),
    };
  }
}

describe('the lease clock', () => {
  for (const everyMs of [0.01, 0.37, 3, 250])
    it(`counts true time when it is looked at every ${everyMs} ms`, () => {
      const machine = new Machine();
      while (machine.trueMs < 2000) {
        machine.trueMs += everyMs;
        assert.equal(machine.look(), 0);
      }
      const apart = machine.countedMs() - (machine.trueMs - 0.3);
      assert.ok(Math.abs(apart) < 1e-6, `${apart} ms apart`);
    });

  it('counts short sleeps to within two milliseconds in all, wherever in a millisecond it looks', () => {
    const random = seededRandom(testSeed());
    const machine = new Machine(random.next());
    for (let look = 0; look < 20_000; look += 1) {
      machine.trueMs += random.next() * 2;
      if (random.chance(0.05)) {
        const forMs = random.next() * 40;
        machine.trueMs += forMs;
        machine.sleptMs += forMs;
      }
      assert.equal(machine.look(), 0);
      const apart = machine.countedMs() - (machine.trueMs - machine.startMs + 5000);
      assert.ok(apart > -2 && apart < 1e-3, `${apart} ms apart after ${look} looks`);
    }
    assert.ok(machine.sleptMs > 10_000);
  });

  it('sees a short sleep that follows a small step of the wall clock', () => {
    const machine = new Machine();
    machine.setMs -= 300;
    machine.look();
    machine.trueMs += 100;
    machine.sleptMs += 100;
    machine.look();
    assert.ok(Math.abs(machine.countedMs() - 100) <= 2, `${machine.countedMs()} ms`);
  });

  it('says that it jumped, by how much, and goes on with the monotonic clock', () => {
    const machine = new Machine();
    machine.setMs += 30_000;
    machine.trueMs += 10;
    assert.ok(Math.abs(machine.look() - 30_000) <= 2);
    machine.setMs -= 60_000;
    machine.trueMs += 10;
    assert.ok(Math.abs(machine.look() + 60_000) <= 2);
    machine.trueMs += 10;
    assert.equal(machine.look(), 0);
    assert.ok(Math.abs(machine.countedMs() - 30) <= 2, `${machine.countedMs()} ms`);
  });
});
