/** What the page makes of snapshots, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationText } from '../../src/dashboard/duration-text.ts';
import { readEvents, type StreamEvent } from '../../src/dashboard/event-stream.ts';
import { filterOverview, projectsIn } from '../../src/dashboard/filter-overview.ts';
import { keepSame } from '../../src/dashboard/keep-same.ts';
import { cutText, visibleText } from '../../src/dashboard/visible-text.ts';
import { placeGraph } from '../../src/dashboard/wait-graph-layout.ts';
import { waitGraph } from '../../src/dashboard/wait-graph-model.ts';
import { busyOverview } from './busy-overview.ts';
import { fullOverview } from './full-overview.ts';
import { lock, wait } from './overview-parts.ts';

function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

test('an equal snapshot is the one before; a changed one shares what did not change', () => {
  const before = copy(busyOverview);
  assert.equal(keepSame(before, copy(busyOverview)), before);
  const [first, second, ...others] = copy(busyOverview).locks.shown;
  assert.ok(first !== undefined && second !== undefined);
  const shown = [lock('lk_new', 'zoe', 'z.ts'), { ...second, intention: 'another' }, ...others];
  const after = keepSame(before, { ...copy(busyOverview), locks: { shown, total: 14 } });
  assert.notEqual(after, before);
  assert.equal(after.agents, before.agents);
  assert.equal(after.locks.shown[1]?.intention, 'another');
  assert.equal(after.locks.shown[1]?.targets, before.locks.shown[1]?.targets);
  assert.equal(after.locks.shown[5], before.locks.shown[5]);
  assert.deepEqual(after.locks.shown, shown);
});

test('a list whose elements move keeps them', () => {
  const before = [
    { id: 'a', of: [1] },
    { id: 'b', of: [2] },
  ];
  const after = keepSame(before, [
    { id: 'b', of: [2] },
    { id: 'a', of: [1, 3] },
  ]);
  assert.equal(after[0], before[1]);
  assert.deepEqual(after[1], { id: 'a', of: [1, 3] });
  const own = JSON.parse('{"__proto__":{"a":1}}') as object;
  assert.deepEqual(Object.keys(keepSame({}, own)), ['__proto__']);
});

test('the graph joins the targets of one pair, and draws one arrow for a place in line', () => {
  const held = lock('lk_1', 'ada', 'src/a.ts');
  const both = wait('ben', 'src/a.ts', held, {
    blockedBy: ['src/a.ts', 'src/b.ts'].map((target) => ({ kind: 'lease', agent: 'ada', target })),
  });
  const behind = wait('cyd', 'src/a.ts', held, {
    blockedBy: ['ben', 'eli'].map((agent) => ({ kind: 'waiter', agent, target: 'src/a.ts' })),
  });
  const { nodes, edges } = waitGraph([both, behind]);
  assert.deepEqual(
    nodes.map(({ name, role }) => `${name} ${role}`),
    ['ben waits', 'ada holds', 'cyd waits'],
  );
  assert.deepEqual(
    edges.map(({ kind, targets }) => `${kind} ${targets.join(' ')}`),
    ['lease src/a.ts src/b.ts', 'waiter src/a.ts'],
  );
});

test('the graph is bounded, and says how many waits it leaves out', () => {
  const graph = waitGraph(fullOverview(200, 100).waiters.shown);
  assert.ok(graph.nodes.length <= 32);
  assert.equal(graph.edges.length + graph.leftOut, 100);
  const placed = placeGraph(graph);
  const byId = new Map(placed.nodes.map((node) => [node.id, node]));
  for (const { from, to } of placed.edges) assert.ok((byId.get(from)?.x ?? 0) < (byId.get(to)?.x ?? 0));
  for (const { x, y } of placed.nodes) assert.ok(x > 0 && x < placed.width && y > 0 && y < placed.height);
});

test('a filter by path leaves the agents that are at it, one by project what is of it', () => {
  const byPath = filterOverview(busyOverview, { project: '', text: ' Package.JSON ' });
  assert.deepEqual(
    byPath.locks.shown.map(({ holder }) => holder),
    ['lea'],
  );
  assert.deepEqual(
    byPath.agents.shown.map(({ agent }) => agent),
    ['lea'],
  );
  assert.equal(byPath.locks.total, busyOverview.locks.total);
  const [other = '', own = ''] = projectsIn(busyOverview);
  assert.equal(filterOverview(busyOverview, { project: own, text: '' }).waiters.shown.length, 7);
  assert.equal(filterOverview(busyOverview, { project: other, text: '' }).waiters.shown.length, 0);
  assert.equal(filterOverview(busyOverview, { project: '', text: ' ' }), busyOverview);
});

test('text is on one line, without what moves the cursor or turns the direction', () => {
  assert.equal(visibleText('a\u001b[1mb\u0007\n c\u202egpj\u009b'), 'a␛[1mb␇  c�gpj�');
  assert.equal(visibleText('x'.repeat(3000)).length, 2001);
  assert.equal(cutText('👍👍👍👍', 3), '👍👍…');
});

test('durations say what is left of a lease', () => {
  const texts = [0, 999, 61_000, 3_600_000, 90_000_000, -5, Number.NaN].map(durationText);
  assert.deepEqual(texts, ['0s', '0s', '1m 01s', '1h 0m', '1d 1h', '0s', '–']);
});

test('events are read from bytes that are cut anywhere', async () => {
  const bytes = new TextEncoder().encode(
    ': hello\n\nevent: overview\r\ndata: {"é":\ndata: 1}\r\n\r\nid: 7\ndata:x\n\nevent: cut\ndata: never',
  );
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const events: StreamEvent[] = [];
  for await (const event of readEvents(body)) events.push(event);
  assert.deepEqual(events, [
    { name: 'overview', data: '{"é":\n1}' },
    { name: '', data: 'x' },
  ]);
});
