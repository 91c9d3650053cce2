import { describe, it } from 'node:test';
import { benches } from '../../bench/benches.ts';
import { assertRuns, isBesidePeers } from './smoke-fixture.ts';

describe('benches beside other stores', () => {
  const [first, ...variants] = benches.filter(isBesidePeers);
  if (first !== undefined)
    it(`runs ${first.name} at smoke size, twice with the same work`, () => assertRuns(first, true));

  // They do what the first does, with other records, and start a process for each side.
  const skip = process.env.BENCHES !== 'all' && 'they differ in their records alone';
  it('runs the others at smoke size (needs BENCHES=all)', { skip }, async () => {
    for (const bench of variants) await assertRuns(bench, false);
  });
});
