import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { UsageLog } from '../../src/usage/usage-log.ts';
import { ManualClock } from '../support/manual-clock.ts';

function open(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-usage-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  return { directory, clock, log: new UsageLog(directory, { clock, logger: silentLogger }) };
}

test('writes one line a record into the file of its day, readable by its owner alone', async (t) => {
  const { directory, clock, log } = open(t);
  const record = log.record({ tokens: 7, model: 'm', category: 'query', metadata: { agent: 'a' } });
  await log.close();
  const day = new Date(clock.wallMs()).toISOString().slice(0, 10);
  assert.deepEqual(readdirSync(directory), [`usage_${day}.jsonl`]);
  const path = join(directory, `usage_${day}.jsonl`);
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), record);
  assert.match(record.id, /^rec-[0-9a-f]{16}$/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('counts what a process before it wrote, lines of the older program in later files too, and skips torn lines', async (t) => {
  const { directory, clock, log } = open(t);
  const day = new Date(clock.wallMs()).toISOString().slice(0, 10);
  const legacy = {
    id: 'rec-0123456789abcdef',
    category: 'sync',
    tokens: 5,
    model: 'old',
    timestamp: `${day}T01:02:03.123456789+00:00`,
  };
  writeFileSync(
    join(directory, 'usage_2999-01-01.jsonl'),
    `${JSON.stringify(legacy)}\n{"id":"rec-\n\nnull\n[1]\n`,
  );
  log.record({ tokens: 7, model: 'm', category: 'other', metadata: { agent: 'a' } });
  await log.close();
  const again = new UsageLog(directory, { clock, logger: silentLogger });
  assert.deepEqual(await again.totals(day, day), {
    tokens: 12,
    cost: 0,
    records: 2,
    unpriced: 12,
    byAgent: { a: { tokens: 7, cost: 0 }, unknown: { tokens: 5, cost: 0 } },
    byModel: { m: { tokens: 7, cost: 0 }, old: { tokens: 5, cost: 0 } },
    byCategory: { other: { tokens: 7, cost: 0 }, sync: { tokens: 5, cost: 0 } },
    byDay: { [day]: { tokens: 12, cost: 0 } },
  });
  assert.equal((await again.totals('2000-01-01', '2000-01-02')).records, 0);
  await again.close();
});

test('keeps records that the disk refuses, and writes them once it takes them', async (t) => {
  const { directory, clock, log } = open(t);
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'in the way');
  log.record({ tokens: 1, model: 'm', category: 'other' });
  await log.flush();
  rmSync(directory);
  await log.close();
  const day = new Date(clock.wallMs()).toISOString().slice(0, 10);
  assert.equal((await log.totals(day, day)).tokens, 1);
});

test('counts without writing where there is no directory', async () => {
  const clock = new ManualClock();
  const log = new UsageLog(undefined, { clock, logger: silentLogger });
  log.record({ tokens: 3, model: 'm', category: 'other' });
  const day = new Date(clock.wallMs()).toISOString().slice(0, 10);
  assert.equal((await log.totals(day, day)).tokens, 3);
  await log.close();
});

test('adds up by agent, model, category and day, with what it costs, whatever the names are', async (t) => {
  const { clock, log } = open(t);
  const record = (tokens: number, model: string, agent: string, direction?: 'output') =>
    log.record({
      tokens,
      model,
      category: 'query',
      metadata: { agent, ...(direction === undefined ? {} : { direction }) },
    });
  record(1_000_000, 'claude-sonnet-4', '__proto__');
  record(1_000_000, 'claude-sonnet-4', 'constructor', 'output');
  record(5, 'made-up', 'constructor');
  const day = new Date(clock.wallMs()).toISOString().slice(0, 10);
  const totals = await log.totals(day, day);
  assert.deepEqual([totals.tokens, totals.cost, totals.unpriced, totals.records], [2_000_005, 18, 5, 3]);
  assert.deepEqual(Object.entries(totals.byAgent), [
    ['__proto__', { tokens: 1_000_000, cost: 3 }],
    ['constructor', { tokens: 1_000_005, cost: 15 }],
  ]);
  assert.deepEqual(totals.byModel['claude-sonnet-4'], { tokens: 2_000_000, cost: 18 });
  assert.deepEqual(totals.byCategory, { query: { tokens: 2_000_005, cost: 18 } });
  await log.close();
});
