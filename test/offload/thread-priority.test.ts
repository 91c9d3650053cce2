import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lanesReady, openBenchStores } from '../../bench/harness/bench-stores.ts';

const linux = process.platform === 'linux';

it('has each lane stand back behind the main thread (needs Linux)', {
  skip: !linux && 'no Linux',
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-'));
  const stores = await openBenchStores(directory);
  t.after(async () => {
    await stores.close();
    rmSync(directory, { recursive: true });
  });
  await lanesReady(stores);
  const expected = [5, 15, 15, 15];
  // A lane that nobody has waited for gives way once it has opened its store.
  const endMs = performance.now() + 20_000;
  while (standingBack().length < expected.length && performance.now() < endMs) await delay(10);
  assert.deepEqual(standingBack(), expected);
  assert.equal(niceOf(String(process.pid)), 0);
});

function standingBack(): readonly number[] {
  return readdirSync('/proc/self/task')
    .map(niceOf)
    .filter((nice) => nice > 0)
    .sort((a, b) => a - b);
}

/** The 19th field; the second is a name in parentheses, which may hold spaces. */
function niceOf(thread: string): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}
