import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CollabError } from '../../src/base/errors.ts';
import { maxIntentionChars, maxPathBytes, maxSymbolChars, maxTargets } from '../../src/base/limits.ts';
import { parseClaim, parseTarget } from '../../src/lock/claim.ts';
import { testSeed } from '../support/seed.ts';
import { claim, project } from './lock-fixture.ts';

const seed = testSeed();
const limits = { defaultTtlMs: 120_000, maxTtlMs: 3_600_000 };
const path = 'src/a.ts';

function raw(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { agent: 'alice', targets: [{ project, path }], intention: 'fix login', ...more };
}

function withTarget(more: Record<string, unknown>): Record<string, unknown> {
  return raw({ targets: [{ project, path, ...more }] });
}

function withLines(start: unknown, end: unknown): Record<string, unknown> {
  return withTarget({ scope: { kind: 'lines', start, end } });
}

function withSymbol(name: unknown, symbol: unknown = 'function'): Record<string, unknown> {
  return withTarget({ scope: { kind: 'symbol', symbol, name } });
}

test('fills in what is left out', () => {
  assert.deepEqual(parseClaim(raw(), limits), {
    claim: {
      agent: 'alice',
      targets: [{ project, path, scope: { kind: 'file' } }],
      mode: 'exclusive',
      intention: 'fix login',
      ttlMs: 120_000,
      priority: 0,
    },
    waitMs: 0,
  });
});

test('takes everything that is given', () => {
  const given = {
    agentName: 'Alice',
    mode: 'shared',
    ttlMs: 5,
    priority: -10,
    contentHash: 'sha256:00',
    waitMs: 3_600_000,
    intention: `  ${'x'.repeat(maxIntentionChars)}\n`,
  };
  const { claim: parsed, waitMs } = parseClaim(raw(given), limits);
  assert.deepEqual(
    { ...parsed, waitMs },
    {
      ...given,
      agent: 'alice',
      intention: 'x'.repeat(maxIntentionChars),
      targets: [{ project, path, scope: { kind: 'file' } }],
    },
  );
});

test('an open end of lines stays -1 and survives JSON', () => {
  const { claim: parsed } = parseClaim(withLines(5, -1), limits);
  assert.deepEqual(JSON.parse(JSON.stringify(parsed)), parsed);
  assert.deepEqual(parsed.targets[0]?.scope, { kind: 'lines', start: 5, end: -1 });
});

test('a target given twice counts once', () => {
  const lines = { project, path, scope: { kind: 'lines', start: 1, end: 2 } };
  const { claim: parsed } = parseClaim(raw({ targets: [lines, { project, path }, { ...lines }] }), limits);
  assert.equal(parsed.targets.length, 2);
});

const longList = Array.from({ length: maxTargets + 1 }, (_, at) => ({ project, path: `f${at}` }));

const refused: readonly (readonly [field: string, raw: unknown])[] = [
  ['claim', undefined],
  ['claim', null],
  ['claim', []],
  ['claim', 'claim'],
  ['agent', raw({ agent: '' })],
  ['agent', raw({ agent: 'a'.repeat(201) })],
  ['agent', raw({ agent: 'a\u0007' })],
  ['agentName', raw({ agentName: 5 })],
  ['targets', raw({ targets: [] })],
  ['targets', raw({ targets: {} })],
  ['targets', raw({ targets: longList })],
  ['targets[0]', raw({ targets: [null] })],
  ['targets[0].project', raw({ targets: [{ path }] })],
  ['targets[0].path', raw({ targets: [{ project }] })],
  ['targets[0].scope', withTarget({ scope: null })],
  ['targets[0].scope', withTarget({ path: 'src/*', scope: { kind: 'lines', start: 1, end: 2 } })],
  ['targets[0].path', withTarget({ path: '{a,b}'.repeat(20) })],
  ['targets[0].scope.kind', withTarget({ scope: { kind: 'page' } })],
  ['targets[0].scope.end', withLines(9, 3)],
  ['targets[0].scope.start', withLines(0, 3)],
  ['targets[0].scope.end', withLines(1, 0)],
  ['targets[0].scope.start', withLines(-1, 3)],
  ['targets[0].scope.start', withLines(-1, -1)],
  ['targets[0].scope.start', withLines(Number.NaN, 3)],
  ['targets[0].scope.end', withLines(1, Number.NaN)],
  ['targets[0].scope.end', withLines(1, Number.POSITIVE_INFINITY)],
  ['targets[0].scope.start', withLines(1.5, 3)],
  ['targets[0].scope.end', withLines(1, 2 ** 31)],
  ['targets[0].scope.end', withLines(1, -2)],
  ['targets[0].scope.start', withLines('1', 3)],
  ['targets[0].scope.end', withLines(1, undefined)],
  ['targets[0].scope.name', withSymbol('')],
  ['targets[0].scope.name', withSymbol('   ')],
  ['targets[0].scope.name', withSymbol('x'.repeat(maxSymbolChars + 1))],
  ['targets[0].scope.name', withSymbol('a\nb')],
  ['targets[0].scope.symbol', withSymbol('a', 'variable')],
  ['mode', raw({ mode: 'write' })],
  ['intention', raw({ intention: undefined })],
  ['intention', raw({ intention: '' })],
  ['intention', raw({ intention: ' \t\n' })],
  ['intention', raw({ intention: 'x'.repeat(maxIntentionChars + 1) })],
  ['intention', raw({ intention: '\u001b[2J' })],
  ['ttlMs', raw({ ttlMs: 0 })],
  ['ttlMs', raw({ ttlMs: -5 })],
  ['ttlMs', raw({ ttlMs: Number.NaN })],
  ['ttlMs', raw({ ttlMs: 3_600_001 })],
  ['ttlMs', raw({ ttlMs: '2m' })],
  ['priority', raw({ priority: 11 })],
  ['priority', raw({ priority: -11 })],
  ['priority', raw({ priority: 0.5 })],
  ['priority', raw({ priority: Number.NaN })],
  ['waitMs', raw({ waitMs: -1 })],
  ['waitMs', raw({ waitMs: Number.NaN })],
  ['waitMs', raw({ waitMs: 3_600_001 })],
  ['contentHash', raw({ contentHash: '' })],
];

for (const [field, input] of refused) {
  test(`refuses ${JSON.stringify(input)?.slice(0, 80)} for its ${field}`, () => {
    assert.throws(
      () => parseClaim(input, limits),
      (error) => {
        assert(error instanceof CollabError);
        assert.equal(error.code, 'INVALID_ARGUMENT');
        assert.equal(error.details?.field, field);
        assert(error.next);
        return true;
      },
    );
  });
}

for (const bad of [
  '',
  '/etc/passwd',
  '../x',
  'a/../b',
  './a',
  'a//b',
  'a/',
  'a\\b',
  'a\0b',
  'é'.repeat(maxPathBytes / 2 + 1),
]) {
  test(`refuses the path ${JSON.stringify(bad.slice(0, 20))}, which is not normalised`, () => {
    assert.throws(() => parseTarget({ project, path: bad }), { code: 'INVALID_PATH' });
  });
}

test('the limits themselves are allowed', () => {
  assert(parseClaim(withLines(2 ** 31 - 1, 2 ** 31 - 1), limits));
  assert(parseClaim(withSymbol('x'.repeat(maxSymbolChars)), limits));
  assert(parseClaim(raw({ targets: longList.slice(1), ttlMs: 3_600_000, priority: 10, waitMs: 0 }), limits));
  assert(parseTarget({ project, path: 'x'.repeat(maxPathBytes) }));
  assert(parseTarget({ project, path: '.' }));
});

test(`garbage is refused with a CollabError or taken, and never anything else (TEST_SEED=${seed})`, () => {
  const fields = fc.record(
    {
      agent: fc.anything(),
      targets: fc.oneof(
        fc.anything(),
        fc.array(
          fc.record(
            { project: fc.anything(), path: fc.string(), scope: fc.anything() },
            { requiredKeys: [] },
          ),
        ),
      ),
      intention: fc.anything(),
      ttlMs: fc.anything(),
    },
    { requiredKeys: [] },
  );
  const mixed = fields.map((some) => ({ ...claim('alice', path), ...some }));
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fields, mixed), (input) => {
      try {
        parseClaim(input, limits);
      } catch (error) {
        assert(error instanceof CollabError, String(error));
      }
    }),
    { seed, numRuns: 500 },
  );
});
