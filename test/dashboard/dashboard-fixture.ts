import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { DashboardServer } from './dashboard-server.ts';
import { emptyOverview } from './overview-parts.ts';

/** Longer than anything takes on a busy machine; what waits for it looks all the time and goes on at once. */
export const patienceMs = 20_000;

interface Media {
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
}

const wide = { width: 1280, height: 900 };

/** A page and its server, for all tests of a file: a browser takes longer to make a new one than to load it anew. */
export class DashboardPage {
  readonly page: Page;
  readonly server: DashboardServer;
  #complaints: string[] = [];

  static async open(browser: Browser): Promise<DashboardPage> {
    const server = await DashboardServer.open(emptyOverview);
    const page = await browser.newPage({ viewport: wide, timezoneId: 'UTC' });
    page.setDefaultTimeout(patienceMs);
    return new DashboardPage(page, server);
  }

  private constructor(page: Page, server: DashboardServer) {
    this.page = page;
    this.server = server;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.#complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.#complaints.push(String(error)));
  }

  /** Opens the page anew, as somebody who was never there, and waits for the snapshot. */
  async show(view: OverviewView, { colorScheme = 'light', reducedMotion }: Media = {}): Promise<void> {
    this.#complaints = [];
    this.server.resume(view);
    await this.page.setViewportSize(wide);
    await this.page.emulateMedia({ colorScheme, reducedMotion: reducedMotion ?? 'no-preference' });
    await this.page.goto(this.server.url);
    if ((await this.page.evaluate<number>('localStorage.length')) > 0) {
      await this.page.evaluate('localStorage.clear()');
      await this.page.reload();
    }
    await this.see('.indicator', 'live');
  }

  /** @param expected what the browser may complain about, as of a daemon that is gone. */
  assertNoComplaint(expected: RegExp = /(?!)/): void {
    const complaints = this.#complaints.filter((text) => !expected.test(text));
    assert.deepEqual(complaints, [], 'the browser complains about nothing');
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

  /** Text as it is drawn, which is told from what is out of sight and not drawn. */
  async text(selector: string): Promise<string> {
    const found = this.page.locator(selector).filter({ hasText: /./ }).first();
    await found.scrollIntoViewIfNeeded();
    await this.page.evaluate(
      'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
    );
    // biome-ignore lint/performance/useDomNodeTextContent: where elements begin and end shows in what is drawn only
    return found.innerText();
  }

  async close(): Promise<void> {
    await this.page.context().close();
    await this.server.close();
  }
}

/** Pixels that the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
