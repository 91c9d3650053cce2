import assert from 'node:assert/strict';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { DashboardServer } from './dashboard-server.ts';

/** Longer than anything takes on a busy machine; what waits for it looks all the time and goes on at once. */
export const patienceMs = 20_000;

/** One page on a server of its own. Whatever the browser complains about fails the test at its end. */
export class DashboardPage {
  readonly page: Page;
  readonly server: DashboardServer;
  readonly #complaints: string[] = [];
  readonly #expected: RegExp;

  /** @param expected what the browser may complain about, as of a daemon that is gone. */
  static async open(
    browser: Browser,
    view: OverviewView,
    options: BrowserContextOptions = {},
    expected: RegExp = /(?!)/,
  ): Promise<DashboardPage> {
    const server = await DashboardServer.open(view);
    const page = await browser.newPage({
      viewport: { width: 1280, height: 900 },
      timezoneId: 'UTC',
      ...options,
    });
    page.setDefaultTimeout(patienceMs);
    const opened = new DashboardPage(page, server, expected);
    await page.goto(server.url);
    return opened;
  }

  private constructor(page: Page, server: DashboardServer, expected: RegExp) {
    this.page = page;
    this.server = server;
    this.#expected = expected;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.#complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.#complaints.push(String(error)));
  }

  /** Until the expression is true in the page; it is looked at once a frame. */
  async until(expression: string): Promise<void> {
    const endMs = performance.now() + patienceMs;
    while (performance.now() < endMs) {
      const isTrue = await this.page.evaluate<boolean>(
        `new Promise((resolve) => requestAnimationFrame(() => resolve(Boolean(${expression}))))`,
      );
      if (isTrue) return;
    }
    assert.fail(`still not true: ${expression}`);
  }

  /** Until there is an element with the text. */
  async see(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).first().waitFor({ state: 'attached' });
  }

  /** As it is drawn; what is out of sight is not. */
  async text(selector: string): Promise<string> {
    const found = this.page.locator(selector).first();
    await found.scrollIntoViewIfNeeded();
    return found.innerText();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
    await this.server.close();
    const complaints = this.#complaints.filter((text) => !this.#expected.test(text));
    assert.deepEqual(complaints, [], 'the browser complains about nothing');
  }
}

/** Pixels that the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
