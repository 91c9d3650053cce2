import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Budget } from '../../src/usage/budget.ts';
import { PriceList } from '../../src/usage/price-list.ts';
import { UsageLog } from '../../src/usage/usage-log.ts';
import { ManualClock } from '../support/manual-clock.ts';

test('warns at 80 % of a month and again when it is used up, also after a restart, and begins anew with the month', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-budget-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = new ManualClock();
  const said: string[] = [];
  const note = (text: string) => void said.push(text);
  const logger = { debug: () => {}, info: () => {}, warn: note, error: note };
  const prices = new PriceList({ m: { input: 1 } });
  const open = () => {
    const log = new UsageLog(directory, { clock, logger, prices });
    return { log, budget: new Budget(10, { log, prices, clock, logger }) };
  };
  const spend = async ({ log, budget }: ReturnType<typeof open>, millions: number) => {
    await budget.add(log.record({ tokens: millions * 1_000_000, model: 'm', category: 'other' }));
  };
  const first = open();
  await spend(first, 5);
  assert.deepEqual(await first.budget.warnings(), []);
  await spend(first, 3);
  const [warning] = await first.budget.warnings();
  assert.match(warning ?? '', /^80 % of the budget of \d{4}-\d\d is used: \$8\.00 of \$10\.00/);
  await spend(first, 1);
  assert.deepEqual(said.length, 1, 'it is said once in the log');
  await first.log.close();

  const second = open();
  assert.match((await second.budget.warnings())[0] ?? '', /^90 %/);
  await spend(second, 2);
  assert.match(said.at(-1) ?? '', /^110 %/);
  await spend(second, 1);
  assert.equal(said.length, 2);
  clock.advance(32 * 86_400_000);
  assert.deepEqual(await second.budget.warnings(), []);
  await second.log.close();
});
