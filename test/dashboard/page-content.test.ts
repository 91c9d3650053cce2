/** What the page shows of a snapshot, in a real browser under the policy of the daemon. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { busyOverview } from './busy-overview.ts';
import { launchChromium, needsChromium } from './chromium.ts';
import { brokenOverview, clusterOverview } from './cluster-overview.ts';
import { DashboardPage, overflow } from './dashboard-fixture.ts';
import { fullOverview } from './full-overview.ts';
import { hostileOverview } from './hostile-overview.ts';
import { emptyOverview } from './overview-parts.ts';

let browser: Browser;
let opened: DashboardPage;
before(async () => {
  if (needsChromium.skip !== undefined) return;
  browser = await launchChromium();
  opened = await DashboardPage.open(browser);
});
afterEach(() => opened?.assertNoComplaint());
after(async () => {
  await opened?.close();
  await browser?.close();
});

test(
  'shows leases with holder, intention, kind and who waits for them (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(clusterOverview);
    const { page } = opened;
    const text = await opened.text('#leases tbody tr');
    for (const part of [
      'login.ts',
      ':1-40',
      'Use the new session API',
      'ada',
      'exclusive',
      'cluster',
      '3 waiting',
    ])
      assert.ok(text.includes(part), `${part} in ${text}`);
    assert.match(text, /1m 1\ds/);
    assert.equal(await page.locator('#leases tbody tr').count(), clusterOverview.locks.shown.length);
    assert.match(await opened.text('#leases tbody tr:nth-child(4)'), /dora\s+on laptop/);
  },
);

test(
  'shows who waits for whom as a graph and the same in words (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(busyOverview);
    const { page } = opened;
    await opened.see('#waiting .graph-node-holds', 'ada');
    assert.equal(await page.locator('#waiting .graph-node').count(), 9);
    assert.equal(await page.locator('#waiting .graph-edge').count(), 7);
    // Whoever waits is to the left of whom it waits for.
    const leftOf = (name: string) => page.locator('.graph-node', { hasText: name }).boundingBox();
    const [waiter, holder] = [await leftOf('quin'), await leftOf('ada')];
    assert.ok((waiter?.x ?? 0) < (holder?.x ?? 0));
    const label = await page.locator('#waiting svg').getAttribute('aria-label');
    assert.match(
      label ?? '',
      /^7 agents wait, in the end for ada, cyd\. The list below says the same in words\.$/,
    );
    assert.match(
      (await opened.text('.wait:nth-child(4)')).replace(/\s+/g, ' '),
      /quin waits for src\/session\/login\.ts Name the reason.* ada holds src\/session\/login\.ts:1-40 oz is before it in line for src\/session\/login\.ts:30-60 waiting 2\ds gives up in \d+s/,
    );
  },
);

test(
  'shows agents, hot spots, timeline, peers, stores and usage (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(clusterOverview);
    const { page } = opened;
    assert.equal(await page.locator('#agents tbody tr').count(), 30);
    assert.match(
      await opened.text('#hot-spots li'),
      /login\.ts\s+14 denied\s+9 waited\s+31 granted to 6 agents/,
    );
    assert.match(
      await opened.text('.entry:nth-child(2)'),
      /10:14:51\s+denied\s+tom\s+src\/session\/login\.ts:1-40/,
    );
    assert.match(await opened.text('#peers'), /majority\s+3 of 4 members agree on locks/);
    assert.match(
      await opened.text('#peers tbody tr:nth-child(2)'),
      /laptop[\s\S]+connected\s+we lack 12\s+2\.4 ms/,
    );
    assert.match(
      await opened.text('#peers tbody tr:nth-child(3)'),
      /build-1[\s\S]+relayed\s+it lacks 3\s+48 ms/,
    );
    assert.match(await opened.text('#stores'), /index\s+running\s+1\.3 MiB of 8\.0 MiB/);
    assert.match(await opened.text('#stores'), /committed ✓\s+flushed −2\s+indexed −11/);
    assert.equal(await page.locator('#usage .chart-bar').count(), 14);
    await page.getByText('The days as a table').click();
    assert.equal(await page.locator('#usage tbody tr').count(), 14);
    assert.match(await opened.text('#usage .usage-tops'), /ada\s+4\.8M/);
    await page.getByRole('button', { name: 'cost' }).click();
    assert.match(await opened.text('#usage .usage-tops'), /ada\s+\$20\.\d\d/);
  },
);

test('says what is wrong before all else (needs chromium)', needsChromium, async () => {
  await opened.show(brokenOverview);
  const banners = await opened.text('.banners');
  assert.match(banners, /Read-only\. Nothing new is kept: the disk is full/);
  assert.match(banners, /Written past a lease at 10:14:55: src\/session\/login\.ts was written past/);
  assert.match(banners, /Warning\. the budget of this month is used up to 92 %/);
  const stores = await opened.text('#stores');
  for (const part of [
    'read-only',
    'memory only',
    '17 lost',
    'restarted 4×',
    'no space left on device',
    '34 %',
  ])
    assert.ok(stores.includes(part), `${part} in ${stores}`);
  assert.match(await opened.text('#peers'), /no majority\s+1 of 4 members/);
  assert.match(await opened.text('#peers'), /cut off[\s\S]+2 offences/);
});

test('tells what to do where there is nothing to show (needs chromium)', needsChromium, async () => {
  await opened.show(emptyOverview);
  await opened.see('#leases code', 'agent-collab lock acquire src/login.ts:1-40 -m "what you intend"');
  await opened.see('#agents code', 'agent-collab setup');
  await opened.see('#peers code', 'agent-collab init team');
  await opened.see('#timeline code', 'agent-collab context share');
  await opened.see('#waiting .empty', 'Nobody waits.');
  await opened.see('#usage .empty', 'No tokens were reported.');
});

test('shows hostile text as text and in its place (needs chromium)', needsChromium, async () => {
  await opened.show(hostileOverview);
  const { page } = opened;
  await opened.see('#leases', '<img src=x onerror=');
  assert.equal(await page.locator('img:not([src="/dashboard/app/icon.svg"])').count(), 0);
  assert.equal(await page.locator('main script, main b').count(), 0);
  assert.ok(!(await page.title()).startsWith('owned'));
  // An escape is shown as its picture, and what would turn the direction of a path as a mark.
  await opened.see('#leases .intention', '␛[31mred␇');
  await opened.see('#leases .path', '�gpj.exe');
  assert.equal(await page.locator('#timeline .entry').count(), hostileOverview.timeline.length);
  for (const width of [1280, 768, 360]) {
    await page.setViewportSize({ width, height: 800 });
    assert.ok((await overflow(page)) <= 0, `at ${width} px`);
  }
});

test('filters all lists by project, path and agent (needs chromium)', needsChromium, async () => {
  await opened.show(busyOverview);
  const { page } = opened;
  const field = page.getByLabel('Filter by agent or path');
  await field.fill('CART-total');
  await opened.see('#leases .panel-count', '1 of 14');
  assert.equal(await page.locator('#leases tbody tr').count(), 1);
  assert.equal(await page.locator('.wait').count(), 2);
  assert.equal(await page.locator('#hot-spots li').count(), 1);
  assert.deepEqual(await page.locator('#agents .agent-name').allInnerTexts(), ['cyd', 'dora', 'rex']);
  await field.fill('nothing of the kind');
  await opened.see('#leases .empty', 'No lease matches the filter.');
  await field.press('Escape');
  await opened.see('#leases .panel-count', /^14$/);
  await page.getByLabel('Project').selectOption('github.com/acme/docs');
  await opened.see('#leases .panel-count', '1 of 14');
  await page.getByLabel('Project').selectOption('');
  await page.getByRole('button', { name: 'hana' }).click();
  assert.equal(await field.inputValue(), 'hana');
});

test('orders a table by any of its headings (needs chromium)', needsChromium, async () => {
  await opened.show(busyOverview);
  const { page } = opened;
  const heading = page.locator('#leases th[scope="col"]', { hasText: 'Left' });
  const first = () => opened.text('#leases tbody tr');
  assert.equal(await heading.getAttribute('aria-sort'), 'none');
  await heading.getByRole('button').click();
  await opened.see('#leases [aria-sort="ascending"]', 'Left');
  assert.match(await first(), /cart-total\.ts/);
  await heading.getByRole('button').click();
  await opened.see('#leases [aria-sort="descending"]', 'Left');
  assert.match(await first(), /rate-limit\.ts/);
  await heading.getByRole('button').click();
  assert.equal(await heading.getAttribute('aria-sort'), 'none');
  assert.match(await first(), /login\.ts/);
});

test('says how much a cut list leaves out (needs chromium)', needsChromium, async () => {
  await opened.show(fullOverview(200, 100));
  await opened.see('#leases .panel-note', 'The first 200 of 240 leases.');
  await opened.see('#waiting .graph-legend', 'more in the list');
  assert.equal(await opened.page.locator('.wait').count(), 100);
});
