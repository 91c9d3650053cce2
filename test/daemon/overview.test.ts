/** What those who watch a real daemon get to see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { code, Place, type RunningDaemon } from './daemon-fixture.ts';

/** The overviews of a daemon, each looked at until one fits. */
function watch({ client }: RunningDaemon) {
  const ended = new AbortController();
  const events = client.events(['overview'], ended.signal);
  return {
    until: async (fits: (view: OverviewView) => boolean): Promise<OverviewView> => {
      for (;;) {
        const { value, done } = await events.next();
        assert.ok(!done, 'the stream ended');
        assert.equal(value.kind, 'overview');
        if (value.kind === 'overview' && fits(value.data)) return value.data;
      }
    },
    end: () => ended.abort(),
  };
}

test('shows who holds, who waits for whom, where it is hot, and what happened before', async (t) => {
  const place = new Place(t);
  const running = await place.start();
  const held = await running.acquire('ann', 'src/a.ts', { agentName: 'Ann' });
  await running.share('ann', 'src/a.ts', 'tokens last an hour');
  await assert.rejects(running.acquire('bob', 'src/a.ts'), code('LOCK_DENIED'));
  await running.client.call('usage.report', { agent: 'ann', tokens: 1200, model: 'm' });
  const waiting = running.acquire('cy', 'src/a.ts:2-3', { waitMs: 60_000 });
  const { until, end } = watch(running);
  const view = await until(({ timeline }) => timeline.some(({ what }) => what === 'context'));
  assert.deepEqual(
    view.locks.shown.map(({ id, holder }) => [id, holder]),
    [[held.id, 'ann']],
  );
  const [waiter] = view.waiters.shown;
  assert.deepEqual(waiter?.blockedBy, [
    { kind: 'lease', agent: 'ann', agentName: 'Ann', target: 'src/a.ts', lockId: held.id },
  ]);
  assert.ok(Date.parse(waiter?.until ?? '') > Date.parse(view.at) + 50_000);
  assert.deepEqual(
    view.agents.shown.map(({ agent, held: holds, waiting: waits }) => [agent, holds, waits]),
    [
      ['cy', 0, 1],
      ['ann', 1, 0],
      ['bob', 0, 0],
    ],
  );
  assert.deepEqual(
    view.hotSpots.map(({ path, denied, waited, agents }) => [path, denied, waited, agents]),
    [['src/a.ts', 1, 1, 2]],
  );
  const told = view.timeline.map(({ what, agent }) => `${what} ${agent}`);
  for (const each of ['acquired Ann', 'context ann', 'denied bob', 'waited cy']) {
    assert.ok(told.includes(each), `${each} in ${told}`);
  }
  assert.deepEqual(view.usage.agents, [{ name: 'ann', tokens: 1200, cost: 0 }]);
  assert.equal(view.usage.days.length, 14);
  await running.client.call('lock.release', { id: held.id, agent: 'ann' });
  const after = await until(({ waiters }) => waiters.total === 0);
  assert.equal(after.locks.shown[0]?.holder, 'cy');
  assert.equal((await waiting).holder, 'cy');
  end();
});

test('lists are cut, and those who are waited for stay in', async (t) => {
  const place = new Place(t);
  const running = await place.start({ memory: true });
  const first = await running.acquire('ann', 'src/a.ts');
  for (let at = 0; at < 250; at += 1) await running.acquire(`a${at % 20}`, `f${at}.ts`);
  const waits = new AbortController();
  const waiting = running.client
    .call(
      'lock.acquire',
      { agent: 'bob', cwd: place.repo, targets: ['src/a.ts'], intention: 'i', waitMs: 60_000 },
      { signal: waits.signal },
    )
    .catch(() => 'hung up');
  const { until, end } = watch(running);
  const { locks, agents } = await until(({ waiters }) => waiters.total === 1);
  assert.deepEqual([locks.total, locks.shown.length, locks.shown[0]?.id], [251, 200, first.id]);
  assert.equal(locks.shown[1]?.targets[0]?.path, 'f249.ts');
  assert.equal(agents.total, 22);
  end();
  waits.abort();
  assert.equal(await waiting, 'hung up');
});

test('agents are listed with what they hold, whoever asks among them', async (t) => {
  const place = new Place(t);
  const running = await place.start({ memory: true });
  await running.acquire('ann', 'src/a.ts');
  const { agents } = (await running.client.call('agent.list', { agent: 'me' })).data;
  assert.deepEqual(
    agents.map(({ agent, held, intention }) => [agent, held, intention]),
    [
      ['ann', 1, 'ann works'],
      ['me', 0, undefined],
    ],
  );
});
