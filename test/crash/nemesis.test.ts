/** What the nemesis holds histories against, with planted ones that it must find; and that its planted bugs can be planted. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  judgeLeases,
  type LeaseHistory,
  newLeaseHistory,
  type SeenLease,
} from '../../crash-tests/lease-history.ts';
import { plantedFaults } from '../../crash-tests/nemesis/planted.ts';
import { parseTarget } from '../../src/lock/claim.ts';

const target = (path: string) => parseTarget({ project: 'p', path });

function lease(
  id: string,
  fence: number,
  fromMs: number,
  validMs: number,
  rest: Partial<SeenLease> = {},
): SeenLease {
  return {
    node: `node of ${id}`,
    agent: 'agent',
    id,
    fence,
    assurance: 'cluster',
    mode: 'exclusive',
    targets: [target('src/a.ts')],
    askedMs: fromMs - 5,
    grantedMs: fromMs,
    begunMs: fromMs - 5,
    validMs,
    ...rest,
  };
}

/** Two agents take turns at a file; a third has another one all the while, and a fourth a local grant. */
function sound(): LeaseHistory {
  const history = newLeaseHistory();
  history.leases.push(
    lease('a', 1024, 100, 200),
    lease('b', 2048, 250, 400),
    lease('c', 1500, 50, 500, { targets: [target('src/c.ts')] }),
    lease('d', 1600, 120, 300, { assurance: 'local' }),
  );
  history.answers.push({ node: 'n', waitMs: 1000, askedMs: 0, answeredMs: 3500, isExcused: false });
  history.writes.push(
    { resource: 'src/a.ts', lease: 'a', fence: 1024 },
    { resource: 'src/c.ts', lease: 'c', fence: 1500 },
    { resource: 'src/a.ts', lease: 'a', fence: 1024 },
    { resource: 'src/a.ts', lease: 'b', fence: 2048 },
  );
  return history;
}

describe('the judge of leases, for the nemesis and the simulator', () => {
  it('finds nothing wrong with turns, shared leases, local grants and other files', () => {
    const history = sound();
    history.leases.push(
      lease('e', 3000, 600, 900, { mode: 'shared' }),
      lease('f', 3100, 650, 950, { mode: 'shared' }),
      // Claimed again by its holder.
      lease('f', 3100, 980, 990, { mode: 'shared' }),
    );
    assert.deepEqual(judgeLeases(history), []);
  });

  const spoiled: Readonly<Record<string, { spoil: (history: LeaseHistory) => unknown; says: RegExp }>> = {
    'two leases at one instant': {
      spoil: ({ leases }) => leases.push(lease('e', 4096, 390, 420)),
      says: /^I1: b of agent on node of b \(fence 2048\) was held until 400, e of .* was granted at 390$/,
    },
    'a later lease with a lower fence': {
      spoil: ({ leases }) => leases.push(lease('e', 2000, 600, 700)),
      says: /^I2: b of .* came before e of/,
    },
    'a reader after another with a lower fence': {
      spoil: ({ leases }) =>
        leases.push(
          lease('e', 4100, 600, 900, { mode: 'shared' }),
          lease('f', 4000, 650, 950, { mode: 'shared' }),
        ),
      says: /^I2: e of .* came before f of/,
    },
    'a fence that one agent has twice': {
      spoil: ({ leases }) => leases.push(lease('e', 2048, 600, 700, { node: 'node of b' })),
      says: /^I2: b of .* came before e of/,
    },
    'an answer that comes too late': {
      spoil: ({ answers }) =>
        answers.push({ node: 'n', waitMs: 1000, askedMs: 0, answeredMs: 13_001, isExcused: false }),
      says: /^I7: n answered a claim with a wait of 1000 ms 12001 ms after that$/,
    },
    'a writer that comes back': {
      spoil: ({ writes }) => writes.push({ resource: 'src/a.ts', lease: 'a', fence: 2048 }),
      says: /^fences: a wrote src\/a\.ts again after another writer had$/,
    },
    'one fence for two writers': {
      spoil: ({ writes }) => writes.push({ resource: 'src/a.ts', lease: 'e', fence: 2048 }),
      says: /^fences: b and e wrote src\/a\.ts under one fence$/,
    },
  };
  for (const [name, { spoil, says }] of Object.entries(spoiled)) {
    it(`finds ${name}`, () => {
      const history = sound();
      spoil(history);
      const problems = judgeLeases(history);
      assert.ok(
        problems.some((problem) => says.test(problem)),
        problems.join('\n'),
      );
    });
  }

  it('excuses what was asked of a node in trouble', () => {
    const history = sound();
    history.answers.push({ node: 'n', waitMs: 0, askedMs: 0, answeredMs: 60_000, isExcused: true });
    assert.deepEqual(judgeLeases(history), []);
  });

  for (const { name, file, replace } of plantedFaults) {
    it(`can be tried with a planted bug: ${name}`, () => {
      const path = new URL(`../../dist/${file}`, import.meta.url);
      assert.ok(existsSync(path), `build first: npm run build makes ${file}`);
      assert.equal(readFileSync(path, 'utf8').split(replace).length - 1, 1, `in ${file}`);
    });
  }
});
