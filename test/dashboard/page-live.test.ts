/** What the page does over time: it counts, takes snapshots, loses its daemon and finds it again. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { busyOverview } from './busy-overview.ts';
import { launchChromium, needsChromium } from './chromium.ts';
import { DashboardPage } from './dashboard-fixture.ts';
import { fullOverview } from './full-overview.ts';
import { emptyOverview, entry, isoAfter, lock } from './overview-parts.ts';

/** What Chromium writes of its own accord about a request that fails. */
const failedRequests = /Failed to load resource|ERR_|net::/;

let browser: Browser;
before(async () => {
  if (needsChromium.skip === undefined) browser = await launchChromium();
});
after(() => browser?.close());

function withLocks(view: OverviewView, ...locks: OverviewView['locks']['shown']): OverviewView {
  return { ...view, locks: { shown: locks, total: locks.length } };
}

function withNews(view: OverviewView, ...entries: OverviewView['timeline']): OverviewView {
  return { ...view, timeline: [...entries, ...view.timeline] };
}

test(
  'counts down by the clock of the daemon, second by second, to the end (needs chromium)',
  needsChromium,
  async () => {
    // The daemon's clock is years away from the browser's.
    const view = withLocks(
      emptyOverview,
      lock('lk_1', 'ada', 'a.ts', { expiresAt: isoAfter(2_400) }),
      lock('lk_2', 'ben', 'b.ts', { expiresAt: isoAfter(62_000) }),
    );
    await using opened = await DashboardPage.open(browser, view);
    const lease = '#leases tbody tr:nth-child(1) .countdown-text';
    await opened.see(lease, '3s');
    await opened.see(lease, '2s');
    await opened.see(lease, '1s');
    await opened.see(lease, 'over');
    assert.match(await opened.text('#leases tbody tr:nth-child(2) .countdown-text'), /^(1m 00s|59s)$/);
  },
);

test(
  'changes what a snapshot changes, and keeps focus and scroll (needs chromium)',
  needsChromium,
  async () => {
    const before = fullOverview(120, 0);
    await using opened = await DashboardPage.open(browser, before);
    const { page, server } = opened;
    await page.getByRole('button', { name: 'kit', exact: true }).focus();
    await page.evaluate(`document.querySelector('#leases .scroll-area').scrollTop = 900`);
    await page.evaluate(`globalThis.row = document.querySelector('#leases tbody tr:nth-child(40)')`);
    const [first] = before.agents.shown;
    assert.ok(first !== undefined);
    const comer = { ...first, agent: 'newcomer', held: 3 };
    server.publish({
      ...withLocks(before, lock('lk_new', 'newcomer', 'src/new.ts'), ...before.locks.shown.slice(1)),
      at: isoAfter(1_000),
      agents: { shown: [comer, ...before.agents.shown], total: 31 },
    });
    await opened.see('#leases tbody tr:first-child', 'newcomer');
    await opened.see('#agents tbody tr:first-child', 'newcomer');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'kit');
    assert.equal(await page.evaluate(`document.querySelector('#leases .scroll-area').scrollTop`), 900);
    // The rows that were there are the same elements.
    assert.equal(
      await page.evaluate(`document.querySelector('#leases tbody tr:nth-child(40)') === row`),
      true,
    );
  },
);

test(
  'holds the timeline still while it is read, and says how much came (needs chromium)',
  needsChromium,
  async () => {
    await using opened = await DashboardPage.open(browser, busyOverview);
    const { page, server } = opened;
    const list = page.getByRole('group', { name: 'Timeline, the newest first' });
    await list.focus();
    server.publish(withNews(busyOverview, entry('n1', 'acquired', 'pia', 'src/new.ts')));
    const button = page.getByRole('button', { name: 'Show new (1)' });
    await button.waitFor();
    assert.match(await opened.text('.entry'), /sue/);
    await button.click();
    await opened.see('.entry:first-child', 'pia');
    await page.getByRole('heading', { name: 'Timeline' }).click();
    server.publish(
      withNews(
        busyOverview,
        entry('n2', 'released', 'pia', 'src/new.ts'),
        entry('n1', 'acquired', 'pia', 'src/new.ts'),
      ),
    );
    await opened.see('.entry:first-child', 'released');
    await page.getByLabel('Show in the timeline').selectOption('trouble');
    await opened.until(`document.querySelectorAll('.entry').length === 5`);
  },
);

test('pauses, and goes on with what is newest (needs chromium)', needsChromium, async () => {
  const view = withLocks(emptyOverview, lock('lk_1', 'ada', 'a.ts'));
  await using opened = await DashboardPage.open(browser, view);
  const { page, server } = opened;
  await opened.see('#leases tbody', 'ada');
  await page.keyboard.press('p');
  await opened.see('.indicator', /paused at 10:15:0/);
  server.publish(withLocks({ ...emptyOverview, at: isoAfter(60_000) }, lock('lk_2', 'ben', 'b.ts')));
  server.publish(withNews(withLocks(emptyOverview, lock('lk_2', 'ben', 'b.ts'))));
  // Two seconds of the page's own time: nothing moves.
  const shown = await opened.text('#leases .countdown-text');
  await page.evaluate('new Promise((resolve) => setTimeout(resolve, 1200))');
  assert.equal(await opened.text('#leases .countdown-text'), shown);
  assert.match(await opened.text('#leases tbody'), /ada/);
  await page.keyboard.press('p');
  await opened.see('#leases tbody', 'ben');
  await opened.see('.indicator', 'live');
});

test(
  'says that the daemon is gone, and goes on when it is back (needs chromium)',
  needsChromium,
  async () => {
    await using opened = await DashboardPage.open(browser, busyOverview, {}, failedRequests);
    const { server } = opened;
    await opened.see('.indicator', 'live');
    server.drop(503);
    await opened.see('.indicator', /reconnecting for \d+s/);
    await opened.see('[data-news="connection"]', 'The connection to the daemon is lost.');
    assert.match(await opened.text('#leases tbody'), /login\.ts/, 'what was known stays');
    server.resume(withLocks(emptyOverview, lock('lk_9', 'zoe', 'z.ts')));
    await opened.see('#leases tbody', 'zoe');
    await opened.see('.indicator', 'live');
    await opened.see('[data-news="connection"]', 'Connected again.');
    assert.equal(server.followers, 1);
  },
);

test('takes a daemon that is silent for gone (needs chromium)', needsChromium, async () => {
  await using opened = await DashboardPage.open(browser, emptyOverview);
  const { page } = opened;
  await page.clock.install();
  await page.goto(opened.server.url);
  await opened.see('.indicator', 'live');
  await page.clock.fastForward(14_000);
  assert.equal(await opened.text('.indicator'), 'live');
  await page.clock.fastForward(2_000);
  await opened.see('.indicator', 'reconnecting');
  assert.equal(await page.locator('.indicator [title]').getAttribute('title'), 'the daemon is silent');
});

test(
  'says what to do when the session is over, and asks no more (needs chromium)',
  needsChromium,
  async () => {
    await using opened = await DashboardPage.open(browser, busyOverview, {}, failedRequests);
    await opened.see('.indicator', 'live');
    opened.server.drop(401);
    await opened.see('[role="alert"]', 'agent-collab dashboard');
    await opened.see('.indicator', 'session over');
    opened.server.resume(emptyOverview);
    await opened.page.evaluate('new Promise((resolve) => setTimeout(resolve, 600))');
    assert.equal(opened.server.followers, 0);
  },
);

test('announces trouble once, and nothing that merely changes (needs chromium)', needsChromium, async () => {
  await using opened = await DashboardPage.open(browser, busyOverview);
  const { page, server } = opened;
  await opened.see('.indicator', 'live');
  const news = page.locator('[data-news="trouble"]');
  const calm = withNews(busyOverview, entry('n1', 'acquired', 'pia', 'src/new.ts'));
  server.publish(calm);
  await opened.see('.entry:first-child', 'pia');
  assert.equal(await news.textContent(), '');
  server.publish(withNews(calm, entry('n2', 'denied', 'rex', 'src/new.ts')));
  await opened.see('[data-news="trouble"]', 'denied: rex, src/new.ts');
  server.publish(
    withNews(
      calm,
      entry('n4', 'violation', 'oz', 'b.ts'),
      entry('n3', 'lost', 'oz', 'a.ts'),
      entry('n2', 'denied', 'rex', 'src/new.ts'),
    ),
  );
  await opened.see('[data-news="trouble"]', '2 events of trouble. The newest: violation: oz, b.ts');
});

/** Milliseconds of the page's thread for script, style and layout so far: what other programs take does not count. */
async function workMs(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const parts = metrics.filter(({ name }) => /^(Script|Layout|RecalcStyle)Duration$/.test(name));
    return parts.reduce((sum, { value }) => sum + value * 1000, 0);
  };
}

test(
  'a snapshot draws what is new in it, however long the lists are (needs chromium)',
  needsChromium,
  async () => {
    const full = fullOverview(200, 100);
    await using opened = await DashboardPage.open(browser, full);
    const { page, server } = opened;
    await opened.until(`document.querySelectorAll('#leases tbody tr').length === 200`);
    const work = await workMs(page);
    await page.reload();
    await opened.until(`document.querySelectorAll('#leases tbody tr').length === 200`);
    const firstMs = await work();
    await page.evaluate(`
      globalThis.fresh = 0;
      const observer = new MutationObserver((changes) => {
        for (const { addedNodes } of changes) for (const node of addedNodes) fresh += node.nodeType === 1 ? 1 : 0;
      });
      observer.observe(document.querySelector('main'), { subtree: true, childList: true });
    `);
    const [, ...others] = full.locks.shown;
    const updatesMs: number[] = [];
    for (let at = 0; at < 5; at += 1) {
      const beforeMs = await work();
      const view = withLocks(
        { ...full, at: isoAfter(500 * at) },
        lock(`n${at}`, `new-${at}`, 'n.ts'),
        ...others,
      );
      server.publish(view);
      await opened.see('#leases tbody tr:first-child', `new-${at}`);
      updatesMs.push((await work()) - beforeMs);
    }
    // Five rows, and nothing of the 299 others.
    assert.equal(await page.evaluate('fresh'), 5);
    const leastMs = Math.min(...updatesMs);
    assert.ok(
      leastMs < firstMs / 4,
      `${leastMs} ms of work for an update, ${firstMs} ms for the first picture`,
    );
  },
);
