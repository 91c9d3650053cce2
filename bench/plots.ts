/** `npm run bench:plots`: draws the curves of the bench `scale` from bench/results.json into docs/plots/. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Row } from './harness/measure.ts';
import type { Run } from './harness/report.ts';

/** What stands before the colon of a row's name, and what its curve is over. */
const charts: Readonly<Record<string, string>> = {
  stored: 'deltas stored',
  held: 'locks held',
  waiters: 'waiters for one lock',
  sources: 'sources in the log',
  payload: 'payload, bytes',
};

const directory = new URL('../docs/plots/', import.meta.url);
const run = JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8')) as Run;
const rows = run.results.find(({ bench }) => bench === 'scale')?.rows ?? [];
if (rows.length === 0) throw new Error('bench/results.json has no figures of the bench scale');
mkdirSync(directory, { recursive: true });
for (const [name, over] of Object.entries(charts)) {
  const own = rows.filter(({ what }) => what.startsWith(`${name}: `));
  writeFileSync(new URL(`${name}.svg`, directory), `${draw(own, over)}\n`);
  process.stdout.write(`docs/plots/${name}.svg\n`);
}

/** Both axes are logarithmic: what grows as log n looks flat, and what grows as n is a line at 45 degrees. */
function draw(rows: readonly Row[], over: string): string {
  const points = rows.map(({ what, n = 0, p50 = 0 }) => ({
    n,
    p50,
    operation: what.slice(what.indexOf(': ') + 2, what.lastIndexOf(', ')),
  }));
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    document,
    width: 720,
    height: 400,
    marginLeft: 60,
    // Readable on a dark page too.
    style: { background: 'white', color: 'black' },
    x: { type: 'log', label: over, grid: true },
    y: { type: 'log', label: 'µs for one operation, p50', grid: true },
    color: { legend: false },
    marks: [
      Plot.lineY(points, { x: 'n', y: 'p50', stroke: 'operation' }),
      Plot.dot(points, { x: 'n', y: 'p50', fill: 'operation' }),
      Plot.text(
        points,
        Plot.selectLast({
          x: 'n',
          y: 'p50',
          z: 'operation',
          text: 'operation',
          textAnchor: 'end',
          dy: -8,
          fill: 'operation',
        }),
      ),
    ],
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const title = document.createElement('title');
  title.textContent = `µs for one operation over ${over}`;
  svg.prepend(title);
  return svg.outerHTML;
}
