import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { seededRandom } from '../support/seed.ts';

/** Decodes thousands of damaged and random inputs: the decoder gives a value or STORE_DAMAGED, and is never slow or surprised. */
export function refusesGarbage(
  t: TestContext,
  seed: number,
  sample: Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
): void {
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from(
      sample.subarray(0, random.chance(0.3) ? random.int(0, sample.length) : sample.length),
    );
    for (let flips = random.int(1, 6); flips > 0 && bytes.length > 0; flips--)
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    const input = random.chance(0.2)
      ? Uint8Array.from({ length: random.int(0, 300) }, () => random.int(0, 255))
      : bytes;
    try {
      decode(input);
    } catch (error) {
      const known = error instanceof CollabError && error.code === 'STORE_DAMAGED';
      assert.ok(known, `TEST_SEED=${seed} ${Buffer.from(input).toString('hex')} gave ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > 1000, `only ${refused} of 5000 were refused`);
}
