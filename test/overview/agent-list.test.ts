import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../../src/base/ids.ts';
import { listAgents } from '../../src/overview/agent-list.ts';
import { Sightings } from '../../src/overview/sightings.ts';
import { agent, createFixture } from '../lock/lock-fixture.ts';
import { ManualClock } from '../support/manual-clock.ts';

test('agents with claims come first, then those seen last, and those long gone do not', () => {
  const { table, clock, granted, wait } = createFixture();
  const sightings = new Sightings(clock);
  sightings.note(agent('gone'), 'Gone');
  clock.advance(3_600_001);
  for (const [name, called] of [['idle', 'Idle One'], ['ann'], ['late'], ['bob']] as const) {
    sightings.note(agent(name), called);
    clock.advance(1000);
  }
  granted('ann', 'a.ts', { ttlMs: 60_000 });
  granted('ann', 'b.ts', { ttlMs: 60_000, intention: 'the newest' });
  wait('bob', 'a.ts');
  const listed = listAgents(table.list({}), table.waiters(), sightings);
  assert.deepEqual(
    listed.map(({ agent: id, held, waiting, intention }) => [id, held, waiting, intention]),
    [
      ['bob', 0, 1, 'bob works'],
      ['ann', 2, 0, 'the newest'],
      ['late', 0, 0, undefined],
      ['idle', 0, 0, undefined],
    ],
  );
  assert.deepEqual(listed[1]?.projects, ['github.com/acme/app']);
  assert.equal(listed[3]?.name, 'Idle One');
});

test('agents of one name on two nodes are two', () => {
  const { table, clock, granted } = createFixture();
  const { lock } = granted('ann', 'a.ts');
  const there = { ...lock, node: 'n2' as NodeId, nodeName: 'laptop' };
  const listed = listAgents([lock, there], [], new Sightings(clock));
  assert.deepEqual(
    listed.map(({ agent: id, node, nodeName, held, lastSeen }) => [id, node, nodeName, held, lastSeen]),
    [
      ['ann', undefined, undefined, 1, null],
      ['ann', 'n2', 'laptop', 1, null],
    ],
  );
  assert.equal(table.list({}).length, 1);
});

test('a name stays until another is given, and the thousand seen last are kept', () => {
  const clock = new ManualClock();
  const sightings = new Sightings(clock);
  sightings.note(agent('ann'), 'Ann');
  sightings.note(agent('ann'));
  assert.equal(sightings.get(agent('ann'))?.name, 'Ann');
  for (let at = 0; at < 1000; at += 1) sightings.note(agent(`a${at}`));
  assert.equal(sightings.get(agent('ann')), undefined);
  assert.equal(sightings.lately(0).length, 1000);
});
