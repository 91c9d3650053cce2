import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileFacts, ruleAll } from '../../src/hook/decision.ts';
import { clip, denyAnswer, tellAnswer } from '../../src/hook/hook-answer.ts';

const free: FileFacts = { target: 'src/a.ts:1-2', content: 'same', changes: [], covered: false };
const held = {
  reason: 'held',
  holder: 'bob',
  intention: 'rename',
  overlap: 'partial',
  heldTarget: 'src/a.ts:2-9',
  expiresInMs: 90_000,
  lockId: 'lk_1',
} as const;
const lost = { message: 'Your lock lk_2 expired. Acquire it again before you write.', automatic: false };

/** The table of docs/AGENTS.md: facts, the decision, what the agent must be told. */
const table: readonly (readonly [what: string, facts: Partial<FileFacts>, 'allow' | 'deny', RegExp])[] = [
  ['nobody else and nothing changed', {}, 'allow', /^$/],
  ['a lease of its own', { covered: true }, 'allow', /^$/],
  ['content that it never saw', { content: 'unknown' }, 'allow', /^$/],
  [
    "somebody else's lease",
    { refused: held },
    'deny',
    /bob holds src\/a\.ts:2-9 \(partial overlap\) for "rename", for another 1.*\(lock lk_1\).*Work on something else/,
  ],
  [
    "somebody else's lease, over all else",
    { refused: held, lost, content: 'changed' },
    'deny',
    /^src\/a\.ts:1-2 is not yours/,
  ],
  [
    'the rate limit',
    { refused: { reason: 'rate', retryAfterMs: 500 } },
    'deny',
    /faster than the rate limit.*Try again in 500 ?ms/,
  ],
  ['a full table', { refused: { reason: 'limit' } }, 'deny', /lock table is full.*shortly/],
  ['a lost lease', { lost }, 'deny', /lk_2 expired.*leased to you again now: read it again/],
  ['a lost lease over stale content', { lost, content: 'changed' }, 'deny', /lk_2 expired/],
  [
    'stale content',
    { content: 'changed', changes: ['bob changed lines 3-4'] },
    'deny',
    /changed since you read it: bob changed lines 3-4\. Read it again/,
  ],
  [
    'stale content of unknown origin',
    { content: 'changed' },
    'deny',
    /something that agent-collab did not see/,
  ],
  ['stale content under its own lease', { content: 'changed', covered: true }, 'deny', /Read it again/],
  [
    'a lost automatic lease',
    { lost: { ...lost, automatic: true } },
    'allow',
    /lk_2 expired\. src\/a\.ts:1-2 is leased to you again, and its text is what you saw last/,
  ],
  [
    'a lost automatic lease and stale content',
    { lost: { ...lost, automatic: true }, content: 'changed' },
    'deny',
    /changed since/,
  ],
];

for (const [what, facts, decision, text] of table) {
  test(`decides ${decision} on ${what}`, () => {
    const ruling = ruleAll([{ ...free, ...facts }]);
    assert.equal(ruling.decision, decision);
    assert.match(ruling.text, text);
  });
}

test('denies all of a call for one of its files, and says which', () => {
  const ruling = ruleAll([
    free,
    { ...free, target: 'src/b.ts', refused: held },
    { ...free, lost: { ...lost, automatic: true } },
  ]);
  assert.equal(ruling.decision, 'deny');
  assert.match(ruling.text, /^src\/b\.ts is not yours/);
  assert.doesNotMatch(ruling.text, /lk_2/);
});

test('never allows for the client, and tells in less than 2 KB without cutting a character', () => {
  assert.deepEqual(tellAnswer({ name: 'PreToolUse' }, ''), {});
  assert.deepEqual(tellAnswer({ name: 'SessionEnd' }, 'x'), {});
  const long = tellAnswer({ name: 'PreToolUse' }, '🙂'.repeat(2000));
  assert.equal(JSON.stringify(long).includes('permissionDecision'), false);
  assert.ok(Buffer.byteLength(JSON.stringify(denyAnswer('ü'.repeat(5000)))) < 2200);
  assert.equal(clip('🙂🙂🙂', 8), '🙂 …');
  assert.equal(clip('abc', 3), 'abc');
});
