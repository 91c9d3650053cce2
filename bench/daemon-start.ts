import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonProcess } from '../crash-tests/daemon-process.ts';
import { systemClock } from '../src/base/clock.ts';
import { hlcFromMs } from '../src/base/hybrid-clock.ts';
import { homePaths } from '../src/home/home-paths.ts';
import { encodeKeyDocument } from '../src/home/node-key.ts';
import { openBenchStores, settled } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, inTurns, median, spreadOf } from './harness/measure.ts';
import { program } from './harness/program.ts';
import { deltaOf, nodeKey } from './harness/records.ts';

const batchDeltas = 1000;
const weekMs = 7 * 86_400_000;

export const daemonStart: BenchSpec = {
  name: 'daemon-start',
  about: `from the start of the process (${program}) to its first answer`,
  async run(context) {
    const count = context.smoke ? batchDeltas : 100 * batchDeltas;
    const empty = join(context.scratch, 'empty');
    const week = join(context.scratch, 'week');
    mkdirSync(empty, { mode: 0o700 });
    await fillWeek(week, count);
    const [onEmpty = [], onWeek = [], afterKill = []] = await inTurns(context, [
      () => startUs(empty, 'stop'),
      () => startUs(week, 'stop'),
      async () => {
        await startUs(week, 'kill');
        return startUs(week, 'stop');
      },
    ]);
    const checksum = new WorkChecksum();
    checksum.number(count);
    const row = (what: string, times: readonly number[]) => ({
      what,
      p50: median(times),
      max: Math.max(...times),
      spread: spreadOf(times),
      checksum: checksum.hex,
      targets: [],
    });
    const more = (what: string, times: readonly number[]) => ({
      ...row(what, times),
      p50: median(times) - median(onEmpty),
      targets: [{ field: 'p50', bound: 'at most', value: 250_000 }] as const,
    });
    const amount = `${count.toLocaleString('en-US')} deltas of 7 days`;
    return [
      row('on an empty store', onEmpty),
      row(`on ${amount}`, onWeek),
      more(`more than on an empty store, for ${amount}`, onWeek),
      more('the same after SIGKILL', afterKill),
    ];
  },
};

async function startUs(home: string, then: 'stop' | 'kill'): Promise<number> {
  const start = performance.now();
  const daemon = new DaemonProcess(home, program);
  await daemon.ready();
  const took = (performance.now() - start) * 1000;
  if (then === 'stop') {
    await daemon.stop();
  } else {
    daemon.kill();
    await daemon.gone();
  }
  return took;
}

async function fillWeek(home: string, count: number): Promise<void> {
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(homePaths(home).key, JSON.stringify(encodeKeyDocument(nodeKey)), { mode: 0o600 });
  const stores = await openBenchStores(home);
  const startMs = systemClock.wallMs() - weekMs + 60_000;
  const stepMs = (weekMs - 120_000) / count;
  for (let from = 0; from < count; from += batchDeltas) {
    const batch = Array.from({ length: batchDeltas }, (_, offset) => {
      const at = from + offset;
      return { delta: { ...deltaOf(nodeKey.nodeId, at + 1, at), time: hlcFromMs(startMs + at * stepMs) } };
    });
    await stores.deltas.saveBatch(batch, 'accepted');
  }
  await settled(stores);
  await stores.close();
}
