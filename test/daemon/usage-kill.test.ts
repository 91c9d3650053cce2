/** What a killed daemon loses of the usage that agents reported: the last second at most. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DaemonProcess } from '../../crash-tests/daemon-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'agent-collab-usage-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** The second, and what a busy machine takes to write a few lines. */
const keptAfterMs = 2500;

const ever = { fromDay: '2000-01-01', toDay: '2999-12-31' };

it('a SIGKILL takes no usage that was reported more than a second before, and totals go on from there', async () => {
  const start = async () => {
    const daemon = new DaemonProcess(join(directory, 'home'), 'sources');
    await daemon.ready();
    return { daemon, client: daemon.client() };
  };
  const first = await start();
  const report = (tokens: number) =>
    first.client.call('usage.report', { agent: 'ann', model: 'some-model', tokens, category: 'query' });
  let reported = 0;
  for (let nth = 0; nth < 50; nth += 1) {
    await report(10);
    reported += 10;
  }
  await delay(keptAfterMs);
  await report(1);
  first.client.close();
  first.daemon.kill();
  await first.daemon.gone();

  const second = await start();
  const { data } = await second.client.call('usage.totals', ever);
  assert.ok(data.tokens === reported || data.tokens === reported + 1, JSON.stringify(data));
  await second.client.call('usage.report', {
    agent: 'ann',
    model: 'some-model',
    tokens: 5,
    category: 'query',
  });
  const later = await second.client.call('usage.totals', ever);
  assert.equal(later.data.tokens, data.tokens + 5);
  second.client.close();
  await second.daemon.stop();
});
