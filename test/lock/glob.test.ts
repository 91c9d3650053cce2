import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob, type Glob, isGlob } from '../../src/lock/glob.ts';
import { testSeed } from '../support/seed.ts';

const seed = testSeed();

function glob(pattern: string): Glob {
  const compiled = compileGlob(pattern);
  assert(compiled !== undefined, pattern);
  return compiled;
}

test('a path is a glob by star, question mark, a choice in braces, or as the root', () => {
  for (const path of ['*', 'a/*.ts', 'a?', 'src/**', '{a,b}', 'a{,b}', '.']) assert(isGlob(path), path);
  for (const path of ['a', '[id].tsx', '{slug}.tsx', 'a}b{,c', '{a', './x', 'a.b'])
    assert(!isGlob(path), path);
});

const examples: readonly (readonly [pattern: string, matched: string, unmatched: string])[] = [
  ['src/auth/**', 'src/auth/a.ts src/auth/b/c.ts', 'src/auth src/authx src/other/a.ts'],
  ['**', 'a a/b a/b/c', ''],
  ['.', 'a a/b a/b/c', ''],
  ['**/*.ts', 'a.ts b/a.ts c/b/a.ts .ts', 'a.js a.ts/b'],
  ['a/**/b', 'a/b a/x/b a/x/y/b', 'ab a/b/x b'],
  ['a/**/**', 'a/b a/b/c', 'a'],
  ['*/x', 'a/x', 'x a/b/x'],
  ['a?c', 'abc a\u{1F600}c', 'ac abbc a/c'],
  ['a**b', 'ab axxb', 'a/b'],
  ['{a,b}/c', 'a/c b/c', 'c/c ab/c'],
  ['{a,b{c,d}}', 'a bc bd', 'b ad'],
  ['a/{,b/}c', 'a/c a/b/c', 'a//c ac'],
  ['[id]/*.tsx', '[id]/a.tsx', 'i/a.tsx'],
  ['{x}/*', '{x}/a', 'x/a'],
  ['a{b/c,d}*', 'ab/c ab/cx ad adx', 'ab a'],
];

for (const [pattern, matched, unmatched] of examples) {
  test(`${pattern} matches what it says`, () => {
    for (const path of matched.split(' ')) assert(glob(pattern).matches(path), path);
    for (const path of unmatched.split(' ').filter(Boolean)) assert(!glob(pattern).matches(path), path);
  });
}

test('two spellings of one choice are the same glob', () => {
  assert.equal(glob('{a,b}/*').canonical, glob('{b,a,a}/*').canonical);
  assert.notEqual(glob('{a,b}/*').canonical, glob('{a,c}/*').canonical);
});

test('a glob over a limit is refused', () => {
  assert.equal(compileGlob('{a,b}'.repeat(7)), undefined);
  assert(compileGlob('{a,b}'.repeat(6)));
  assert.equal(compileGlob('{a,b}'.repeat(200)), undefined);
  assert.equal(compileGlob(`*${'a'.repeat(1024)}`), undefined);
  assert.equal(compileGlob(`${'a'.repeat(900)}{1,2,3,4,5,6}`), undefined);
  assert.equal(compileGlob('{,}'), undefined);
});

test('braces nested a hundred deep neither hang nor overflow the stack', () => {
  assert.equal(compileGlob(`${'{a,'.repeat(100)}b${'}'.repeat(100)}`), undefined);
  assert(compileGlob(`${'{'.repeat(500)}*`));
  assert(compileGlob(`*${'{a'.repeat(500)}`));
});

test('patterns made to blow up are decided in polynomial time', { timeout: 20_000 }, () => {
  const left = glob(`${'*a'.repeat(400)}b`);
  const right = glob(`${'*a'.repeat(400)}c`);
  assert(!left.intersects(right));
  assert(!left.matches('a'.repeat(4000)));
  const deep = glob(`${'**/a/'.repeat(150)}b*`);
  assert(!deep.matches(`${'a/'.repeat(1500)}c`));
  assert(!deep.intersects(glob(`${'**/a/'.repeat(150)}c*`)));
});

const segment = fc.stringMatching(/^[ab*?]{1,3}$/);
const pattern = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: segment },
      fc.constant('**'),
      fc.constantFrom('{a,b*}', '{a,a/b}', 'a{,b}'),
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((segments) => segments.join('/'));

/** All paths of at most five segments over short names; long enough for two patterns of three segments. */
const names = ['a', 'b', 'aa', 'ab', 'ba', 'bb', 'c'];

function pathsUpTo(depth: number): string[] {
  if (depth === 1) return names;
  const shorter = pathsUpTo(depth - 1);
  const longest = shorter.filter((path) => path.split('/').length === depth - 1);
  return [...shorter, ...longest.flatMap((path) => names.map((name) => `${path}/${name}`))];
}
const paths = pathsUpTo(4);

const choices: Readonly<Record<string, string>> = {
  '{a,b*}': '(?:a|b[^/]*)',
  '{a,a/b}': '(?:a|a/b)',
  'a{,b}': '(?:a|ab)',
};

/** An independent reading of a pattern, by regular expression. */
function toRegExp(text: string): RegExp {
  const parts = text.split(/\/(?![^{]*\})/);
  const source = parts.map((part, at) => {
    const isLast = at === parts.length - 1;
    if (part === '**') return isLast ? '[^/]+(?:/[^/]+)*' : '(?:[^/]+/)*';
    const body = choices[part] ?? part.replaceAll('?', '[^/]').replace(/\*+/g, '[^/]*');
    return `(?=[^/])${body}${isLast ? '' : '/'}`;
  });
  return new RegExp(`^${source.join('')}$`);
}

test(`matches as a regular expression does (TEST_SEED=${seed})`, () => {
  fc.assert(
    fc.property(pattern.filter(isGlob), (text) => {
      const compiled = glob(text);
      const expected = toRegExp(text);
      for (const path of paths)
        assert.equal(compiled.matches(path), expected.test(path), `${text} on ${path}`);
    }),
    { seed, numRuns: 150 },
  );
});

/** The shortest common path of two such patterns has at most 4 segments of 3 letters; names are built to need 2. */
const shortSegment = fc.stringMatching(/^[ab*?]{1,2}$/);
const shortPattern = fc
  .array(fc.oneof({ weight: 3, arbitrary: shortSegment }, fc.constant('**')), { minLength: 1, maxLength: 2 })
  .map((segments) => segments.join('/'));

test(`two globs intersect exactly when some path is matched by both (TEST_SEED=${seed})`, () => {
  const threeLetters = [...'ab'].flatMap((x) => [...'ab'].flatMap((y) => [...'ab'].map((z) => x + y + z)));
  const fourLetters = threeLetters.flatMap((text) => [`${text}a`, `${text}b`]);
  const all = ['a', 'b', 'aa', 'ab', 'ba', 'bb', ...threeLetters, ...fourLetters];
  const universe = [...all, ...all.flatMap((x) => all.map((y) => `${x}/${y}`)), ...pathsUpTo(3)];
  let met = 0;
  fc.assert(
    fc.property(shortPattern.filter(isGlob), shortPattern.filter(isGlob), (a, b) => {
      const left = glob(a);
      const right = glob(b);
      const both = [toRegExp(a), toRegExp(b)];
      const expected = universe.some((path) => both.every((one) => one.test(path)));
      met += expected ? 1 : 0;
      assert.equal(left.intersects(right), expected, `${a} and ${b}`);
      assert.equal(right.intersects(left), expected, `${b} and ${a}`);
    }),
    { seed, numRuns: 1500 },
  );
  assert(met > 100 && met < 1400, `both answers occur: ${met}`);
});
