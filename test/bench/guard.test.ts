/** A ratio that halves fails the build: see bench/guard.ts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { measureRatios, type Ratios } from '../../bench/guard.ts';

/** Other tests run beside this one: the best of a few tries is what the code can do. */
const tries = 6;
const baseline = JSON.parse(
  readFileSync(new URL('../../bench/baseline.json', import.meta.url), 'utf8'),
) as Ratios;

function fallen(ratios: Ratios): readonly string[] {
  return Object.entries(baseline)
    .filter(([name, before]) => !((ratios[name] ?? 0) >= before / 2))
    .map(([name, before]) => `${name}: ${ratios[name]?.toPrecision(3)}, was ${before}`);
}

it('is not half as fast as it was, by ratios that the machine falls out of', async (t) => {
  let best: Ratios = {};
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const ratios = await measureRatios();
    assert.deepEqual(Object.keys(ratios).sort(), Object.keys(baseline).sort());
    best = Object.fromEntries(
      Object.entries(ratios).map(([name, ratio]) => [name, Math.max(ratio, best[name] ?? 0)]),
    );
    if (fallen(best).length === 0) break;
  }
  t.diagnostic(JSON.stringify(best));
  assert.deepEqual(fallen(best), []);
});

it('notices a ratio that has halved', () => {
  const halved = Object.fromEntries(Object.entries(baseline).map(([name, ratio]) => [name, ratio * 0.49]));
  assert.equal(fallen(halved).length, Object.keys(baseline).length);
  assert.deepEqual(fallen(baseline), []);
});
