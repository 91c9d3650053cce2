import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { modelPrices, pricesDate } from '../../src/usage/model-prices.ts';
import { PriceList, readPrices } from '../../src/usage/price-list.ts';

test('a model is priced by the longest beginning of its name that is known, whatever date or maker stands around it', () => {
  const prices = new PriceList();
  const price = (model: string, direction: 'input' | 'output' = 'input') =>
    prices.costOf(model, 1_000_000, direction);
  assert.equal(price('claude-sonnet-4-20250514'), modelPrices['claude-sonnet-4']?.input);
  assert.equal(price('anthropic/claude-sonnet-4', 'output'), modelPrices['claude-sonnet-4']?.output);
  assert.equal(price('GPT-4o-mini-2024-07-18'), modelPrices['gpt-4o-mini']?.input);
  assert.equal(price('gpt-4o@latest'), modelPrices['gpt-4o']?.input);
  assert.equal(price('text-embedding-3-small', 'output'), modelPrices['text-embedding-3-small']?.input);
  for (const unknown of ['gpt-4oh', 'claude', '', '/', 'constructor', '__proto__'])
    assert.equal(price(unknown), undefined, unknown);
  assert.equal(prices.costOf('gpt-4o', 0, 'input'), 0);
});

test('the prices of the program are dated, and none is free or absurd', () => {
  assert.match(pricesDate, /^\d{4}-\d\d-\d\d$/);
  for (const [name, { input, output = input }] of Object.entries(modelPrices)) {
    assert.equal(name, name.toLowerCase());
    assert.ok(input > 0 && output >= input && output < 1000, name);
  }
});

test('prices of the own file come first, and a file that is none is refused with what is wrong', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-prices-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'prices.json');
  const write = (value: unknown) =>
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  write({ models: { 'GPT-4o': { input: 1 }, 'own-model': { input: 2, output: 3 } } });
  const prices = new PriceList(await readPrices(path));
  assert.equal(prices.costOf('gpt-4o', 1_000_000, 'output'), 1);
  assert.equal(prices.costOf('own-model-large', 500_000, 'output'), 1.5);
  assert.equal(prices.costOf('gpt-4.1', 1_000_000, 'input'), modelPrices['gpt-4.1']?.input);
  for (const [bad, says] of [
    ['no json', /JSON/],
    [[], /has no "models"/],
    [{ models: [] }, /has no "models"/],
    [{ models: { m: 3 } }, /the price of m is not/],
    [{ models: { m: { input: -1 } } }, /the price of m is not/],
    [{ models: { m: { input: 1, output: '2' } } }, /the price of m is not/],
  ] as const) {
    write(bad);
    await assert.rejects(readPrices(path), says);
  }
  await assert.rejects(readPrices(join(directory, 'nowhere.json')), /ENOENT/);
});
