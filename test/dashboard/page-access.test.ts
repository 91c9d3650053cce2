/** The page for those who use it by keyboard, by ear, in the dark or on a phone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';
import type axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { launchChromium, needsChromium } from './chromium.ts';
import { brokenOverview, clusterOverview } from './cluster-overview.ts';
import { DashboardPage, overflow } from './dashboard-fixture.ts';
import { emptyOverview } from './overview-parts.ts';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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

/** Everything that can be on the page, but not thirty times: axe looks at each element for some milliseconds. */
const everyKind: OverviewView = {
  ...brokenOverview,
  agents: { shown: brokenOverview.agents.shown.slice(0, 4), total: 30 },
  locks: { shown: brokenOverview.locks.shown.slice(0, 6), total: 14 },
  waiters: { shown: brokenOverview.waiters.shown.slice(0, 4), total: 7 },
};

async function violations(): Promise<readonly string[]> {
  const { page } = opened;
  await page.evaluate(axeSource);
  // What is out of sight is not drawn, and would be passed over.
  await page.evaluate(`
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('* { content-visibility: visible !important }');
    document.adoptedStyleSheets = [sheet];
  `);
  const { violations, passes } = await page.evaluate<axe.AxeResults>(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  );
  assert.ok(passes.length > 20, 'axe looked at the page');
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing in ${colorScheme}, wide and narrow (needs chromium)`, needsChromium, async () => {
    await opened.show(everyKind, { colorScheme, reducedMotion: 'reduce' });
    assert.deepEqual(await violations(), []);
    await opened.page.setViewportSize({ width: 360, height: 740 });
    assert.deepEqual(await violations(), []);
  });
}

test(
  'axe finds nothing where there is nothing to show, and in the dialog (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(emptyOverview, { reducedMotion: 'reduce' });
    assert.deepEqual(await violations(), []);
    await opened.page.getByRole('button', { name: 'Keys' }).click();
    assert.deepEqual(await violations(), []);
  },
);

test('axe would find a fault (needs chromium)', needsChromium, async () => {
  await opened.show(emptyOverview);
  await opened.page.evaluate(`document.querySelector('.empty p').style.color = 'rgb(250, 250, 250)'`);
  assert.match((await violations()).join('\n'), /^color-contrast: /);
});

test('is never wider than the window (needs chromium)', needsChromium, async () => {
  await opened.show(clusterOverview);
  for (const width of [320, 360, 480, 700, 1001, 1280, 1900]) {
    await opened.page.setViewportSize({ width, height: 800 });
    assert.ok((await overflow(opened.page)) <= 0, `at ${width} px`);
  }
});

interface Stop {
  readonly name: string;
  readonly isSeen: boolean;
  /** Empty: in none. */
  readonly panel: string;
}

/** Where one more Tab leads to; null behind the last stop. */
async function nextStop(page: Page): Promise<Stop | null> {
  await page.keyboard.press('Tab');
  return page.evaluate<Stop | null>(`(() => {
    const { activeElement: it, body } = document;
    if (it === body) return null;
    const name = it.getAttribute('aria-label') ?? it.labels?.[0]?.innerText ?? it.textContent;
    const { outlineStyle } = getComputedStyle(it);
    return { name: name.trim(), isSeen: outlineStyle === 'solid', panel: it.closest('.panel')?.id ?? '' };
  })()`);
}

test(
  'everything is reached by keyboard, in the order in which it is read (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(clusterOverview);
    const { page } = opened;
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the leases');
    const panelsInTurn: string[] = [];
    for (let stop = await nextStop(page); stop !== null; stop = await nextStop(page)) {
      assert.ok(stop.isSeen, `the focus is to be seen on ${stop.name}`);
      assert.notEqual(stop.name, '', 'what has the focus has a name');
      if (panelsInTurn.at(-1) !== stop.panel) panelsInTurn.push(stop.panel);
    }
    const panels = ['leases', 'waiting', 'timeline', 'agents', 'hot-spots', 'peers', 'usage'];
    assert.deepEqual(panelsInTurn, ['', ...panels]);
  },
);

test(
  'single keys focus the filter and show the keys, and can be switched off (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(clusterOverview);
    const { page } = opened;
    const field = page.getByLabel('Filter by agent or path');
    await page.keyboard.press('/');
    await page.keyboard.type('p?/');
    assert.equal(await field.inputValue(), 'p?/', 'while something is typed, keys are text');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    await page.keyboard.press('?');
    const dialog = page.getByRole('dialog', { name: 'Keys' });
    await dialog.waitFor();
    await dialog.getByLabel('single keys are on').uncheck();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await page.keyboard.press('p');
    await page.keyboard.press('/');
    assert.equal(await opened.text('.indicator'), 'live');
    assert.notEqual(await page.evaluate('document.activeElement.type'), 'search');
  },
);

test(
  'the theme follows the system until another one is chosen, which is kept (needs chromium)',
  needsChromium,
  async () => {
    await opened.show(clusterOverview, { colorScheme: 'dark' });
    const { page } = opened;
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    assert.equal(await background(), 'rgb(14, 17, 22)');
    await page.getByLabel('Theme').selectOption('light');
    assert.equal(await background(), 'rgb(244, 245, 247)');
    await page.reload();
    assert.equal(await background(), 'rgb(244, 245, 247)');
  },
);

test('nothing moves for those who asked for that (needs chromium)', needsChromium, async () => {
  const animated = `[...document.querySelectorAll('*')].filter((it) => it.getAnimations().length > 0).length`;
  await opened.show(clusterOverview);
  await opened.until(`${animated} > 0`);
  await opened.show(clusterOverview, { reducedMotion: 'reduce' });
  assert.equal(await opened.page.evaluate(animated), 0);
});
