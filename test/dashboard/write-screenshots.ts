/** `npm run docs:screenshots`: the pictures of the dashboard in docs/images, of made-up work. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launchChromium } from './chromium.ts';
import { clusterOverview } from './cluster-overview.ts';
import { DashboardServer } from './dashboard-server.ts';

const directory = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const pictures = [
  { name: 'dashboard-light', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'dashboard-dark', colorScheme: 'dark', width: 1280, height: 900 },
  { name: 'dashboard-phone', colorScheme: 'dark', width: 390, height: 844 },
] as const;

mkdirSync(directory, { recursive: true });
const server = await DashboardServer.open(clusterOverview);
const browser = await launchChromium();
try {
  for (const { name, colorScheme, width, height } of pictures) {
    const page = await browser.newPage({
      colorScheme,
      viewport: { width, height },
      deviceScaleFactor: width < 500 ? 2 : 1,
      timezoneId: 'UTC',
      reducedMotion: 'reduce',
    });
    await page.goto(server.url);
    await page.locator('.table tbody tr').first().waitFor();
    await page.screenshot({
      path: `${directory}${name}.png`,
      fullPage: process.argv.includes('--whole'),
    });
    process.stdout.write(`docs/images/${name}.png\n`);
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
