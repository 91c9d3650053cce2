/** The rules behind a verdict, each with what it must see and what it must not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareStatements } from '../../src/search/compare-statements.ts';
import { readStatement } from '../../src/search/statement.ts';

/** What was said, the plan, and what comes of it: a part of the reason against it, `agrees`, or nothing. */
const cases: readonly (readonly [said: string, plan: string, outcome: RegExp | 'agrees' | 'nothing'])[] = [
  ['Never log tokens.', 'I log the tokens of each request.', /turns down log, token/],
  ['Never log tokens.', 'I strip the tokens from the log.', 'agrees'],
  ['daemon.lock is never removed.', 'The daemon deletes daemon.lock at its end.', /turns down remov/],
  ['Floats are banned for amounts.', 'The amount becomes a float.', /turns down/],
  ['Sessions live in Redis.', 'I keep the sessions in memory.', /decides on redi, not memori/],
  ['Sessions live in Redis.', 'Sessions get a second Redis replica.', 'agrees'],
  ['Each tenant has a separate database.', 'I merge the tenants into one database.', /separ, the text merg/],
  [
    'The token expires after 15 minutes.',
    'The token gets an expiry of two hours.',
    /it says 15m, the text 2h/,
  ],
  ['The token expires after 15 minutes.', 'The token expires after 900 seconds.', 'agrees'],
  ['A batch has at most 100 rows.', 'My batch takes 80 rows.', 'agrees'],
  ['A batch has at most 100 rows.', 'My batch takes 300 rows.', /100 row, the text 300 row/],
  ['Every request needs a request id.', 'The health request goes without a request id.', /leaves out/],
  [
    'Random numbers come only from src/base/random.ts.',
    'Random numbers are drawn in src/p2p/mesh.ts.',
    /alone/,
  ],
  ['Never log tokens.', 'The landing page gets a carousel.', 'nothing'],
  ['Repair never deletes: damaged files are kept.', 'I print where the damaged files are kept.', 'agrees'],
];

describe('a statement against a plan', () => {
  for (const [said, plan, outcome] of cases)
    it(`"${said}" and "${plan}"`, () => {
      // As near as two sentences on one subject are, or not near at all.
      const similarity = outcome === 'nothing' ? 0.1 : 0.6;
      const compared = compareStatements(readStatement(said), readStatement(plan), similarity);
      if (outcome === 'nothing') assert.equal(compared, undefined);
      else if (outcome === 'agrees') assert.equal(compared?.says, 'agrees', compared?.reason);
      else {
        assert.equal(compared?.says, 'forbids', compared?.reason);
        assert.match(compared?.reason ?? '', outcome);
      }
    });

  it('takes longer words for no part of shorter ones', () => {
    const compared = compareStatements(
      readStatement('SQL is banned in handlers.'),
      readStatement('The handlers read from a nosql store.'),
      0.5,
    );
    assert.notEqual(compared?.says, 'forbids', compared?.reason);
  });

  it('needs more in common without vectors', () => {
    const [said, plan] = [
      readStatement('Cache keys have a prefix.'),
      readStatement('Arrow keys move the photo.'),
    ];
    assert.equal(compareStatements(said, plan, undefined), undefined);
  });
});
