import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testSeed } from '../support/seed.ts';
import { runFlipCampaign } from './flip-campaign.ts';
import { tempDirectory } from './store-fixture.ts';

/** For a long run, best on a file system in memory: `TMPDIR=/dev/shm FLIPS=1000 node --import tsx --test test/store/flips.test.ts`. */
const flips = Number(process.env.FLIPS ?? 40);

it(`${flips} flipped bits are each found or harmless, and a repair gives back every record that they spared`, async (t) => {
  const seed = testSeed();
  const { outcomes, kinds, repaired, failures } = await runFlipCampaign(tempDirectory(t), seed, flips);
  t.diagnostic(JSON.stringify({ seed, outcomes, repaired, kinds }));
  assert.deepEqual(failures, [], `TEST_SEED=${seed} FLIPS=${flips}`);
  assert.equal(outcomes.harmless + outcomes['found at start'] + outcomes['found on reading'], flips);
  // Most of the bits that are drawn matter.
  assert.ok(repaired.flips >= flips / 5, `${repaired.flips} flips were repaired`);
});
