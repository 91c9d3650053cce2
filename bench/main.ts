/** `npm run bench [-- --only NAME --json FILE --smoke]`. Targets are those of SPEC §15; a smoke run judges none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benches } from './benches.ts';
import { describeMachine } from './machine.ts';
import { meets, type Row } from './measure.ts';
import { machineText, rowText, tableHead } from './report.ts';
import { runBench } from './run-bench.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const chosen = benches.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) throw new Error(`--only takes one of ${benches.map(({ name }) => name).join(', ')}`);

const scratch = mkdtempSync(join(tmpdir(), 'agent-collab-bench-'));
const machine = describeMachine(scratch, values.smoke);
rmSync(scratch, { recursive: true });
say(machineText(machine));
if (values.smoke) say('smoke sizes: the figures say that the benches run, not how fast the code is');

const results: (Row & { readonly bench: string })[] = [];
for (const bench of chosen) {
  say(`\n${bench.name}: ${bench.about}`);
  say(tableHead());
  for (const row of await runBench(bench, values.smoke)) {
    const judged = values.smoke ? { ...row, targets: [] } : row;
    say(rowText(judged));
    results.push({ bench: bench.name, ...judged });
  }
}

const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
const verdicts = results.flatMap((row) => row.targets.map((target) => meets(row, target)));
say(`\npeak memory ${peakMiB} MiB (mapped files included)`);
if (!values.smoke) say(`${verdicts.filter(Boolean).length} of ${verdicts.length} targets met`);
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, smoke: values.smoke, peakMiB, results }, null, 2)}\n`,
  );
