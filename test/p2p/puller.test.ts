import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeId } from '../../src/base/ids.ts';
import { enoughBytes, Puller } from '../../src/p2p/puller.ts';
import { eventually } from './cluster-fixture.ts';

const [ann, bob] = ['ann', 'bob'] as NodeId[] as [NodeId, NodeId];
const patienceMs = 40;

test('asks one peer after the other while each goes on, and a peer again only when it was wanted meanwhile', async () => {
  const events: string[] = [];
  const puller = new Puller(async (node, onProgress) => {
    events.push(`${node} begins`);
    if (events.length === 1) puller.want(ann);
    for (let at = 0; at < 6; at += 1) {
      await delay(patienceMs / 4);
      onProgress(enoughBytes);
    }
    events.push(`${node} ends`);
  }, patienceMs);
  puller.want(ann);
  puller.want(bob);
  await eventually('all have ended', async () => events.length === 6);
  await delay(patienceMs * 2);
  assert.deepEqual(events.slice(0, 4), ['ann begins', 'ann ends', 'bob begins', 'bob ends']);
  assert.deepEqual(events.slice(4), ['ann begins', 'ann ends']);
  puller.close();
});

test('is not held back by a peer from which next to nothing comes', async (t) => {
  const asked: NodeId[] = [];
  const puller = new Puller(async (node, onProgress) => {
    asked.push(node);
    if (node !== ann) return;
    const dripping = setInterval(() => onProgress(1), patienceMs / 8);
    t.after(() => clearInterval(dripping));
    await new Promise(() => {});
  }, patienceMs);
  puller.want(ann);
  puller.want(bob);
  await eventually('the other is asked', async () => asked.includes(bob));
  puller.want(ann);
  puller.want(bob);
  await eventually('the other is asked again', async () => asked.length === 3);
  assert.deepEqual(asked, [ann, bob, bob]);
  puller.close();
});

test('goes on after a failure, and does nothing once it is closed', async () => {
  const asked: NodeId[] = [];
  const puller = new Puller(async (node) => {
    asked.push(node);
    throw new Error('away');
  });
  puller.want(ann);
  puller.want(bob);
  await eventually('both are asked', async () => asked.length === 2);
  puller.close();
  puller.want(ann);
  await delay(patienceMs);
  assert.deepEqual(asked, [ann, bob]);
});
