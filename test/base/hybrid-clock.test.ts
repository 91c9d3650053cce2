import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type HlcTime,
  HybridClock,
  hlcFromMs,
  hlcToMs,
  isHlcTime,
  maxAheadMs,
} from '../../src/base/hybrid-clock.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seededRandom, testSeed } from '../support/seed.ts';

const now = Date.UTC(2026, 0, 1);

describe('a hybrid time', () => {
  it('turns into milliseconds and back, exactly, until 2089', () => {
    for (const ms of [Date.UTC(2020, 0, 1), now, now + 1, Date.UTC(2089, 0, 1)]) {
      assert.equal(hlcToMs(hlcFromMs(ms)), ms);
      assert.equal(hlcToMs((hlcFromMs(ms) + 4095) as HlcTime), ms);
      assert.ok(isHlcTime(hlcFromMs(ms)));
    }
    assert.equal(hlcFromMs(0), 0);
  });

  it('is a safe integer that is not negative', () => {
    for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, undefined])
      assert.equal(isHlcTime(value), false, String(value));
  });
});

describe('a hybrid clock', () => {
  it('rises with every tick, in one millisecond, over it, and when the wall clock is set back', (t) => {
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const wall = new ManualClock(now);
    const clock = new HybridClock(wall);
    let last = 0;
    for (let i = 0; i < 20_000; i++) {
      if (random.chance(0.05)) wall.jumpWall(random.int(-5000, 5000));
      const time = clock.tick();
      assert.ok(time > last && isHlcTime(time));
      last = time;
    }
  });

  it('carries into the milliseconds when one has more than 4096 ticks', () => {
    const clock = new HybridClock(new ManualClock(now));
    let time = clock.tick();
    for (let i = 0; i < 5000; i++) time = clock.tick();
    assert.equal(time, hlcFromMs(now) + 5000);
    assert.equal(hlcToMs(time), now + 1);
  });

  it('goes on above what it has seen, and above what it was opened with', () => {
    const clock = new HybridClock(new ManualClock(now));
    const ahead = hlcFromMs(now + 1000);
    assert.equal(clock.observe(ahead), true);
    assert.equal(clock.tick(), ahead + 1);
    assert.equal(clock.observe(hlcFromMs(now - 5000)), true);
    assert.equal(clock.tick(), ahead + 2);
    assert.equal(new HybridClock(new ManualClock(now), ahead).tick(), ahead + 1);
  });

  it('takes no notice of a time over a minute ahead', () => {
    const clock = new HybridClock(new ManualClock(now));
    assert.equal(clock.observe((hlcFromMs(now + maxAheadMs) + 1) as HlcTime), false);
    assert.equal(clock.tick(), hlcFromMs(now));
    assert.equal(clock.observe(hlcFromMs(now + maxAheadMs)), true);
  });
});
