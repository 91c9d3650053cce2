import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createLogger } from '../../src/base/log.ts';
import { OverviewFeed } from '../../src/overview/overview-feed.ts';

/** A feed on the timers of the test, whose readings are numbered. */
function open(t: TestContext, heldMs = 0) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const clock = { wallMs: () => Date.now(), monotonicMs: () => Date.now() };
  const state = {
    readings: 0,
    opened: 0,
    closed: 0,
    failure: undefined as Error | undefined,
    log: [] as string[],
  };
  const feed = new OverviewFeed<number>({
    clock,
    logger: createLogger('warn', (line) => state.log.push(line)),
    open: () => {
      state.opened += 1;
      return () => {
        state.closed += 1;
      };
    },
    read: async () => {
      state.readings += 1;
      if (state.failure !== undefined) throw state.failure;
      return { view: state.readings, heldMs };
    },
  });
  /** Lets time pass, and what was waiting for it happen. */
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { feed, state, pass };
}

test('reads nothing while nobody watches', async (t) => {
  const { feed, state, pass } = open(t);
  feed.changed();
  await pass(60_000);
  assert.deepEqual([state.readings, state.opened], [0, 0]);
});

test('whoever begins to watch gets a view at once, and all watchers the same ones', async (t) => {
  const { feed, state, pass } = open(t);
  const seen: string[] = [];
  const endA = feed.subscribe((view) => seen.push(`a${view}`));
  await pass(0);
  const endB = feed.subscribe((view) => seen.push(`b${view}`));
  await pass(0);
  assert.deepEqual(seen, ['a1', 'a2', 'b2']);
  endA();
  endB();
  await pass(60_000);
  assert.deepEqual([state.readings, state.opened, state.closed], [2, 1, 1]);
});

test('many changes make one view each half second, none one each five', async (t) => {
  const { feed, state, pass } = open(t);
  feed.subscribe(() => {});
  await pass(0);
  for (let at = 0; at < 20; at += 1) {
    feed.changed();
    await pass(50);
  }
  assert.equal(state.readings, 3);
  await pass(4999);
  const quiet = state.readings;
  await pass(5000);
  assert.equal(state.readings, quiet + 1);
});

test('a reading that held the main thread for long is followed by a longer pause', async (t) => {
  const { feed, state, pass } = open(t, 10);
  feed.subscribe(() => {});
  await pass(0);
  feed.changed();
  await pass(1999);
  assert.equal(state.readings, 1);
  await pass(1);
  assert.equal(state.readings, 2);
});

test('a reading that fails is logged, and the next one tried', async (t) => {
  const { feed, state, pass } = open(t);
  const seen: number[] = [];
  state.failure = new Error('the disk is gone');
  feed.subscribe((view) => seen.push(view));
  await pass(0);
  state.failure = undefined;
  feed.changed();
  await pass(500);
  assert.deepEqual(seen, [2]);
  assert.match(state.log.join(''), /the overview could not be read.*the disk is gone/);
});
