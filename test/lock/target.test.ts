import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../../src/base/ids.ts';
import { formatTarget, targetsOverlap } from '../../src/lock/target.ts';
import { target } from './lock-fixture.ts';

const cases: readonly (readonly [a: string, b: string, overlap: string | undefined])[] = [
  ['a', 'a', 'full'],
  ['a', 'b', undefined],
  ['a', 'a:3-9', 'contains'],
  ['a', 'a#function:f', 'contains'],
  ['a', 'a:1-', 'full'],
  ['a:1-', 'a#function:f', 'contains'],
  ['a:3-9', 'a:3-9', 'full'],
  ['a:3-9', 'a:4-9', 'contains'],
  ['a:3-9', 'a:9-12', 'partial'],
  ['a:3-9', 'a:10-12', undefined],
  ['a:3-9', 'a:1-2', undefined],
  ['a:3-', 'a:1000000-1000000', 'contains'],
  ['a:3-', 'a:1-5', 'partial'],
  ['a:3-', 'a:1-2', undefined],
  ['a:3-9', 'b:3-9', undefined],
  ['a:3-9', 'a#function:f', 'partial'],
  ['a#function:f', 'a#method:f', 'full'],
  ['a#function:f', 'a#function:g', undefined],
  ['a#class:User', 'a#method:User.save', 'contains'],
  ['a#class:User', 'a#method:User#save', 'contains'],
  ['a#method:User.save', 'a#method:User#save', 'full'],
  ['a#class:User', 'a#class:UserList', undefined],
  ['a#method:User.save', 'a#method:User.load', undefined],
  ['a#module:auth', 'a#function:login', undefined],
  ['a#module:auth', 'a#function:auth', 'full'],
  ['a#function:f', 'b#function:f', undefined],
  ['src/**', 'src/a/b', 'contains'],
  ['src/**', 'src/a:3-9', 'contains'],
  ['src/**', 'src/a#function:f', 'contains'],
  ['src/**', 'src', undefined],
  ['src/**', 'src/**', 'full'],
  ['{a,b}/**', '{b,a}/**', 'full'],
  ['src/**', 'src/a/**', 'contains'],
  ['src/**', 'src/*.ts', 'contains'],
  ['src/**', '**/*.ts', 'partial'],
  ['src/*.ts', 'src/a*', 'partial'],
  ['src/*.ts', 'src/*.js', undefined],
  ['.', '**', 'full'],
  ['.', 'src/**', 'contains'],
  ['.', 'a:3-9', 'contains'],
  ['[id].ts', '[id].ts', 'full'],
  ['[id].ts', 'i.ts', undefined],
];

for (const [a, b, overlap] of cases) {
  test(`${a} and ${b} overlap: ${overlap ?? 'no'}`, () => {
    assert.equal(targetsOverlap(target(a), target(b)), overlap);
    assert.equal(targetsOverlap(target(b), target(a)), overlap);
  });
}

test('targets of two projects never overlap', () => {
  for (const text of ['a', '**', 'a:1-2']) {
    assert.equal(targetsOverlap(target(text), target(text, 'other' as ProjectId)), undefined);
  }
});

test('a target is written as people read it', () => {
  for (const text of ['a/b.ts', 'a:3-9', 'a:3-', 'a#method:User.save', 'src/**']) {
    assert.equal(formatTarget(target(text)), text);
  }
});
