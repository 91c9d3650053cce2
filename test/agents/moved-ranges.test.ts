import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom, testSeed } from '../support/seed.ts';
import { HookPlace } from './hook-fixture.ts';

const seed = testSeed();
const source = readFileSync(new URL('../../src/lock/lock-table.ts', import.meta.url), 'utf8');

/** Two ranges with text that stands nowhere else in the file. */
const [first, second] = [
  { start: 60, end: 75 },
  { start: 180, end: 200 },
];

function cut(text: string, { start, end }: { readonly start: number; readonly end: number }): string {
  return text
    .split('\n')
    .slice(start - 1, end)
    .join('\n');
}

const random = seededRandom(seed);

/** Lines that go, lines that are new, and lines that look like others, which differences trip over; never in the held texts. */
function editAround(text: string, held: readonly string[], turn: number): string {
  const lines = text.split('\n');
  const at = random.int(0, lines.length - 1);
  const removed = random.int(0, 4);
  const isHeld = held.some((part) => {
    const start = text.slice(0, text.indexOf(part)).split('\n').length - 1;
    return at + removed > start && at < start + part.split('\n').length;
  });
  if (isHeld) return text;
  const samples = ['', '  }', `  // turn ${turn}`, lines[at] ?? ''];
  lines.splice(at, removed, ...Array.from({ length: random.int(0, 4) }, () => random.pick(samples)));
  return lines.join('\n');
}

test(`keeps leases on their text while others edit a real source around them (TEST_SEED=${seed})`, async (t) => {
  const place = await HookPlace.open(t, { 'src/table.ts': source });
  const held = [first, second].map((range) => cut(source, range));
  await place.running.acquire('ann', `src/table.ts:${first.start}-${first.end}`);
  await place.running.acquire('ben', `src/table.ts:${second.start}-${second.end}`);
  for (let turn = 0; turn < 40; turn += 1) {
    let content = place.read('src/table.ts');
    for (let edits = random.int(1, 3); edits > 0; edits -= 1) content = editAround(content, held, turn);
    const input = { file_path: place.path('src/table.ts'), content };
    await place.call('one', 'Write', input, () => place.write('src/table.ts', content));
    for (const [at, holder] of ['ann', 'ben'].entries()) {
      const [lock] = (await place.running.client.call('lock.list', { cwd: place.repo, holder })).data.locks;
      const scope = lock?.targets[0]?.scope;
      assert.ok(scope?.kind === 'lines', `${holder} lost its lines in turn ${turn}`);
      assert.equal(cut(place.read('src/table.ts'), scope), held[at], `${holder} in turn ${turn}`);
    }
  }
});
