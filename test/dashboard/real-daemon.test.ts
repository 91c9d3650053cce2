/** The whole way: a link of the program, opened in a browser, shows what agents do at that moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliFixture } from '../cli/cli-fixture.ts';
import { launchChromium, needsChromium } from './chromium.ts';
import { patienceMs } from './dashboard-fixture.ts';

test(
  'a link opens the page of a daemon, which follows it through a restart, and opens it once (needs chromium)',
  needsChromium,
  async (t) => {
    const cli = new CliFixture();
    const browser = await launchChromium();
    t.after(async () => {
      await browser.close();
      await cli.close();
    });
    // A page stays where it is only when the port does.
    await cli.json(['daemon', 'start']);
    const { port } = (await cli.json(['status'])).data;
    await cli.json(['config', 'set', 'port', String(port)]);
    await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'the first', '--agent', 'ann']);
    const { url } = (await cli.json(['dashboard'])).data;
    const page = await browser.newPage();
    page.setDefaultTimeout(patienceMs);
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(url);
    const see = (selector: string, text: string) =>
      page.locator(selector).filter({ hasText: text }).first().waitFor({ state: 'attached' });
    await see('#leases', 'the first');
    assert.equal(page.url(), `http://127.0.0.1:${port}/dashboard`);
    assert.deepEqual(complaints, []);
    await cli.json(['lock', 'acquire', 'src/other.ts', '-m', 'the second', '--agent', 'bob']);
    await see('#leases', 'the second');
    await cli.json(['daemon', 'restart']);
    await see('#timeline', 'lost');
    await see('.indicator', 'live');
    // Another browser that finds the link has come too late.
    const late = await (await browser.newContext()).newPage();
    assert.equal((await late.goto(url))?.status(), 401);
    await late.getByText('agent-collab dashboard').waitFor();
  },
);
