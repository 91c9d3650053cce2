/** What the page does over time: it counts, takes snapshots, loses its daemon and finds it again. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
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
let opened: DashboardPage;
before(async () => {
  if (needsChromium.skip !== undefined) return;
  browser = await launchChromium();
  opened = await DashboardPage.open(browser);
  // It goes on by itself, and can be moved on.
  await opened.page.clock.install();
});
afterEach(() => opened?.assertNoComplaint(failedRequests));
after(async () => {
  await opened?.close();
  await browser?.close();
});

function withLocks(view: OverviewView, ...locks: OverviewView['locks']['shown']): OverviewView {
  return { ...view, locks: { shown: locks, total: locks.length } };
}

function withNews(view: OverviewView, ...entries: OverviewView['timeline']): OverviewView {
  return { ...view, timeline: [...entries, ...view.timeline] };
}

test(
  'counts down by the clock of the daemon, by itself and to the end (needs chromium)',
  needsChromium,
  async () => {
    // The daemon's clock is months away from the browser's.
    const expiresAt = isoAfter(9_400);
    await opened.show(withLocks(emptyOverview, lock('lk_1', 'ada', 'a.ts', { expiresAt })));
    const leftS = async () => Number.parseInt(await opened.text('.countdown-text'), 10);
    const atFirst = await leftS();
    assert.ok(atFirst > 2 && atFirst <= 10, `${atFirst} s are left`);
    await opened.until(`!document.querySelector('.countdown-text').textContent.startsWith('${atFirst}')`);
    assert.ok((await leftS()) < atFirst);
    await opened.page.clock.fastForward(9_400);
    await opened.see('.countdown-text', 'over');
  },
);

test(
  'changes what a snapshot changes, and keeps focus and scroll (needs chromium)',
  needsChromium,
  async () => {
    const before = fullOverview(120, 0);
    await opened.show(before);
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
    await opened.show(busyOverview);
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
  await opened.show(view);
  const { page, server } = opened;
  await opened.see('#leases tbody', 'ada');
  await page.keyboard.press('p');
  await opened.see('.indicator', /paused at 10:15:0/);
  server.publish(withLocks({ ...emptyOverview, at: isoAfter(60_000) }, lock('lk_2', 'ben', 'b.ts')));
  const shown = await opened.text('#leases .countdown-text');
  await page.clock.fastForward(3_000);
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
    await opened.show(busyOverview);
    const { server } = opened;
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
  await opened.show(emptyOverview);
  const { page, server } = opened;
  server.refuse(503);
  await page.clock.fastForward(10_000);
  assert.equal(await opened.text('.indicator'), 'live');
  await page.clock.fastForward(6_000);
  await opened.see('.indicator', 'reconnecting');
  assert.match((await page.locator('.indicator [title]').getAttribute('title')) ?? '', /^the daemon /);
});

test(
  'says what to do when the session is over, and asks no more (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(busyOverview);
    opened.server.drop(401);
    await opened.see('[role="alert"]', 'agent-collab dashboard');
    await opened.see('.indicator', 'session over');
    opened.server.resume(emptyOverview);
    await opened.page.clock.fastForward(60_000);
    // Whatever was asked for before this is answered before it.
    assert.equal(await opened.page.evaluate(`fetch('/dashboard').then(({ status }) => status)`), 200);
    assert.equal(opened.server.followers, 0);
  },
);

test('announces trouble once, and nothing that merely changes (needs chromium)', needsChromium, async () => {
  await opened.show(busyOverview);
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
    await opened.show(full);
    const { page, server } = opened;
    await opened.until(`document.querySelectorAll('#leases tbody tr').length === 200`);
    const work = await workMs(page);
    const beforeMs = await work();
    await page.reload();
    await opened.until(`document.querySelectorAll('#leases tbody tr').length === 200`);
    const firstMs = (await work()) - beforeMs;
    await page.evaluate(`
      globalThis.fresh = 0;
      const observer = new MutationObserver((changes) => {
        for (const { addedNodes } of changes) for (const node of addedNodes) fresh += node.nodeType === 1 ? 1 : 0;
      });
      observer.observe(document.querySelector('main'), { subtree: true, childList: true });
    `);
    await page.evaluate(`import('preact').then(({ options }) => {
      globalThis.drawn = 0;
      options.vnode = () => { drawn += 1; };
    })`);
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
    const drawn = (await page.evaluate<number>('drawn')) / 5;
    // Some 2700 with the texts that count down meanwhile; 25 000 when each row is drawn anew.
    assert.ok(drawn < 10_000, `${drawn} elements were compared for one snapshot`);
    const leastMs = Math.min(...updatesMs);
    assert.ok(
      leastMs < firstMs / 4,
      `${leastMs} ms of work for an update, ${firstMs} ms for the first picture`,
    );
  },
);
