import { describe, it } from 'node:test';
import { benches } from '../../bench/benches.ts';
import { assertRuns, isBesidePeers } from './smoke-fixture.ts';

describe('benches beside other stores', () => {
  for (const [at, bench] of benches.filter(isBesidePeers).entries()) {
    // The others do what the first does, with other records: a second run of each would show nothing new.
    const isFirst = at === 0;
    it(`runs ${bench.name} at smoke size${isFirst ? ', twice with the same work' : ''}`, () =>
      assertRuns(bench, isFirst));
  }
});
