/** The process of one bench: see `runBenchInChild`. */
import { once } from 'node:events';
import { benches } from '../benches.ts';
import { type BenchAnswer, type BenchTask, runBench } from './run-bench.ts';

const [{ name, smoke }] = (await once(process, 'message')) as [BenchTask];
const bench = benches.find((one) => one.name === name);
if (bench === undefined) throw new Error(`there is no bench ${name}`);
const rows = await runBench(bench, smoke);
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
process.send?.({ rows, peakMiB } satisfies BenchAnswer, () => process.disconnect());
