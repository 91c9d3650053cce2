import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectId } from '../../src/base/ids.ts';
import { ClaimIndex } from '../../src/lock/claim-index.ts';
import { IndexEntry } from '../../src/lock/entry-list.ts';
import { compiledOverlap, compileTarget } from '../../src/lock/target.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { project, target } from './lock-fixture.ts';

const seed = testSeed();
const paths = ['a', 'b', 'a/a', 'a/b', 'a/b/c', 'b/a', 'a/bb', 'c/d/e/f'];
const globs = [
  '**',
  '*',
  'a/*',
  'a/**',
  '**/b',
  'a/**/c',
  '{a,b}/a',
  'a/{b,b/c}',
  '?',
  'c/d/e/**',
  'a/b/*',
  '*/b*',
  '.',
];
const scopes = [
  ':1-3',
  ':2-2',
  ':4-',
  ':1-',
  ':9-9',
  '#class:U',
  '#method:U.s',
  '#method:U.s.t',
  '#function:f',
  '#method:U#s',
];
const texts = [...paths, ...globs, ...paths.flatMap((path) => scopes.map((scope) => path + scope))];

test(`finds the entries that a scan of all finds (TEST_SEED=${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 20; round += 1) {
    const index = new ClaimIndex<number>();
    const model: IndexEntry<number>[] = [];
    for (let step = 0; step < 200; step += 1) {
      const inProject = random.chance(0.9) ? project : ('other' as ProjectId);
      if (model.length > 0 && random.chance(step < 120 ? 0.3 : 0.6)) {
        const [gone] = model.splice(random.int(0, model.length - 1), 1);
        assert(gone);
        index.remove(gone);
      } else {
        const entry = new IndexEntry(step, compileTarget(target(random.pick(texts), inProject)));
        index.add(entry);
        model.push(entry);
      }
      const query = compileTarget(target(random.pick(texts), inProject));
      const expected = model.filter((entry) => compiledOverlap(entry.compiled, query) !== undefined);
      const seen: number[] = [];
      index.visit(query, { visit: (entry) => seen.push(entry.owner) === 0 });
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        expected.map((entry) => entry.owner),
        query.target.path,
      );
      assert.equal(index.size, model.length);
    }
  }
});

test('a visitor that returns true sees no more', () => {
  const index = new ClaimIndex<number>();
  ['a', 'a:1-2', 'a#function:f', 'a/b', 'a/**', '**'].forEach((text, at) => {
    index.add(new IndexEntry(at, compileTarget(target(text))));
  });
  for (const text of ['a', 'a:1-1', 'a#function:f', '**', 'a/b']) {
    let seen = 0;
    const stopped = index.visit(compileTarget(target(text)), {
      visit: () => {
        seen += 1;
        return true;
      },
    });
    assert(stopped);
    assert.equal(seen, 1);
  }
});

test('an entry that is not in the index cannot be removed', () => {
  const index = new ClaimIndex<number>();
  const entry = new IndexEntry(1, compileTarget(target('a/b')));
  assert.throws(() => index.remove(entry), { name: 'AssertionError' });
  index.add(entry);
  assert.throws(() => index.remove(new IndexEntry(2, compileTarget(target('a/c')))), {
    name: 'AssertionError',
  });
});

test('a path of two thousand directories is no deeper than the stack', () => {
  const index = new ClaimIndex<number>();
  const deep = `${'a/'.repeat(2000)}b`;
  const entry = new IndexEntry(1, compileTarget(target(deep)));
  index.add(entry);
  for (const text of [deep, '**', '**/b', 'a/**']) {
    assert.deepEqual(index.owners(compileTarget(target(text))), [1]);
  }
  index.remove(entry);
  assert.equal(index.size, 0);
});

test('only what can match is looked at', () => {
  const index = new ClaimIndex<number>();
  for (let at = 0; at < 10_000; at += 1) {
    index.add(new IndexEntry(at, compileTarget(target(`src/big.ts:${at * 10 + 1}-${at * 10 + 9}`))));
    index.add(new IndexEntry(-at, compileTarget(target(`lib/d${at % 100}/f${at}.ts`))));
  }
  const seen: number[] = [];
  const note = { visit: ({ owner }: IndexEntry<number>) => seen.push(owner) === 0 };
  index.visit(compileTarget(target('src/big.ts:50005-50005')), note);
  index.visit(compileTarget(target('lib/d7/f107.ts:1-9')), note);
  index.visit(compileTarget(target('lib/d7/f10?.ts')), note);
  assert.deepEqual(seen, [5000, -107, -107]);
});

test('forgets paths and projects that came and went', () => {
  const index = new ClaimIndex<number>();
  const kept = new IndexEntry(0, compileTarget(target('a/b/c')));
  index.add(kept);
  for (let at = 0; at < 20_000; at += 1) {
    const inProject = at % 3 === 0 ? project : (`project ${at}` as ProjectId);
    const text = at % 2 === 0 ? `a/e${at}/f` : `a/g${at}/**`;
    const entry = new IndexEntry(at, compileTarget(target(text, inProject)));
    index.add(entry);
    index.remove(entry);
  }
  assert.equal(index.size, 1);
  assert(index.nodes <= 4 + 4 * 1024, `${index.nodes} nodes`);
  assert.deepEqual(index.owners(compileTarget(target('**'))), [0]);
});
