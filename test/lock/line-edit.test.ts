import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RepoPath } from '../../src/base/ids.ts';
import { movedTarget } from '../../src/lock/line-edit.ts';
import { compiledOverlap, compileTarget, formatTarget } from '../../src/lock/target.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { agent, createFixture, project, target } from './lock-fixture.ts';

const seed = testSeed();

function edit(startLine: number, removedLines: number, addedLines: number, by = 'alice') {
  return { project, path: 'a.ts' as RepoPath, agent: agent(by), startLine, removedLines, addedLines };
}

function moved(
  text: string,
  [start, removed, added]: readonly [number, number, number],
  isOwn = false,
): string {
  const after = movedTarget(compileTarget(target(`a.ts${text}`)), edit(start, removed, added), isOwn);
  return after === undefined ? 'gone' : formatTarget(after.target).slice('a.ts'.length);
}

test('ranges below an edit move with their text, those above stay', () => {
  assert.equal(moved(':10-20', [5, 0, 3]), ':13-23');
  assert.equal(moved(':10-20', [5, 3, 0]), ':7-17');
  assert.equal(moved(':10-20', [5, 5, 1]), ':6-16');
  assert.equal(moved(':10-20', [21, 0, 9]), ':10-20');
  assert.equal(moved(':10-', [5, 0, 3]), ':13-');
  assert.equal(moved('', [5, 0, 3]), '');
  assert.equal(moved('#function:f', [5, 0, 3]), '#function:f');
});

test('a range around an edit grows and shrinks with it', () => {
  assert.equal(moved(':10-20', [12, 2, 7]), ':10-25');
  assert.equal(moved(':10-20', [10, 11, 1]), ':10-10');
  assert.equal(moved(':10-20', [15, 0, 2]), ':10-22');
});

test('a range that an edit cuts keeps its side of the cut', () => {
  assert.equal(moved(':10-20', [18, 5, 1]), ':10-18');
  assert.equal(moved(':10-20', [5, 8, 2]), ':7-14');
  assert.equal(moved(':10-20', [8, 20, 3]), 'gone');
  assert.equal(moved(':10-20', [10, 11, 0]), 'gone');
});

test('text inserted at the edge of a range belongs to it only if its holder wrote it', () => {
  assert.equal(moved(':10-20', [10, 0, 2]), ':12-22');
  assert.equal(moved(':10-20', [10, 0, 2], true), ':10-22');
  assert.equal(moved(':10-20', [21, 0, 2]), ':10-20');
  assert.equal(moved(':10-20', [21, 0, 2], true), ':10-22');
});

test(`ranges that were apart stay apart (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 20_000; round += 1) {
    const start = random.int(1, 8);
    const end = start + random.int(0, 4);
    const start2 = end + random.int(1, 3);
    const left = compileTarget(target(`a.ts:${start}-${end}`));
    const right = compileTarget(
      target(`a.ts:${start2}-${random.chance(0.2) ? '' : start2 + random.int(0, 4)}`),
    );
    const change = edit(random.int(1, 16), random.int(0, 6), random.int(0, 6));
    const owner = random.pick(['left', 'right', 'neither']);
    const left2 = movedTarget(left, change, owner === 'left');
    const right2 = movedTarget(right, change, owner === 'right');
    if (left2 === undefined || right2 === undefined) continue;
    const what = JSON.stringify([left.target.scope, right.target.scope, change, owner]);
    assert.equal(compiledOverlap(left2, right2), undefined, what);
  }
});

test('an edit inside a lease moves the leases and waits below it', () => {
  const { granted, wait, table, acquire } = createFixture();
  granted('alice', 'a.ts:10-20');
  const below = granted('bob', 'a.ts:30-40');
  granted('carol', 'b.ts:30-40');
  wait('dave', 'a.ts:35-50');
  const locks = table.moveLines(edit(15, 1, 6));
  assert.deepEqual(
    locks.map((lock) => lock.targets.map(formatTarget).join()),
    ['a.ts:10-25', 'a.ts:35-45'],
  );
  assert.equal(table.get(below.lock.id)?.fence, below.lock.fence);
  assert.deepEqual(table.waiters()[0]?.targets.map(formatTarget), ['a.ts:40-55']);
  assert.equal(acquire('erin', 'a.ts:26-34').outcome, 'granted');
  assert.equal(acquire('erin', 'a.ts:25-25').outcome, 'denied');
  assert.equal(acquire('erin', 'a.ts:45-45').outcome, 'denied');
  assert.deepEqual(
    table.list({ project, path: 'b.ts' as RepoPath }).map((lock) => lock.targets.map(formatTarget).join()),
    ['b.ts:30-40'],
  );
});

test('a lease whose lines are gone ends as lost, and its holder is told', () => {
  const { granted, table, transitions } = createFixture();
  granted('alice', 'a.ts:1-9');
  granted('bob', 'a.ts:12-14');
  granted('carol', ['a.ts:16-17', 'b.ts']);
  table.moveLines(edit(10, 10, 0));
  const { notices } = table.takeNotices(agent('bob'));
  assert.equal(notices[0]?.cause, 'lost');
  assert.match(notices[0]?.reason ?? '', /alice/);
  assert.equal(transitions.at(-1)?.action, 'lost');
  assert.deepEqual(
    table.list({ agent: agent('carol') }).map((lock) => lock.targets.map(formatTarget)),
    [['b.ts']],
  );
});

test('a wait that an edit frees is granted', () => {
  const { granted, wait, table, settled } = createFixture();
  granted('alice', 'a.ts:1-5');
  granted('bob', 'a.ts:10-12');
  wait('carol', 'a.ts:12-20');
  table.moveLines(edit(10, 3, 0));
  assert.deepEqual(settled, ['carol granted L3']);
  assert.deepEqual(
    table.get(table.list().at(-1)?.id ?? granted('x', 'x').lock.id)?.targets.map(formatTarget),
    ['a.ts:10-17'],
  );
});

test('an edit that is none is a defect of the caller', () => {
  const { table } = createFixture();
  for (const bad of [edit(0, 1, 1), edit(1, -1, 0), edit(1, 0.5, 0), edit(1, 0, Number.NaN)]) {
    assert.throws(() => table.moveLines(bad), { name: 'AssertionError' });
  }
});
