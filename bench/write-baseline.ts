/** `npm run bench:baseline`: on a quiet machine, when a change of these ratios is meant. */
import { writeFileSync } from 'node:fs';
import { measureRatios } from './guard.ts';

const rounded = Object.entries(await measureRatios()).map(([name, ratio]) => [
  name,
  Number(ratio.toPrecision(3)),
]);
const text = `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`;
writeFileSync(new URL('baseline.json', import.meta.url), text);
process.stdout.write(text);
