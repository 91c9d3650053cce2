import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { AgentId } from '../src/base/ids.ts';
import type { OpenStores } from '../src/daemon/stores.ts';
import { lanesReady, openBenchStores } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, latency, median, repetitionsOf, spreadOf } from './harness/measure.ts';
import { eventOf } from './harness/records.ts';

/** Given to the store at once, so many times a second. */
const burst = 1000;
const burstsPerSecond = 200;

export const auditTrail: BenchSpec = {
  name: 'audit-trail',
  about: `a burst at ${burst * burstsPerSecond} events a second, until each is on disk; and queries of 1000`,
  async run(context) {
    const count = context.smoke ? 2 * burst : 1_000_000;
    const rates: number[] = [];
    let lost = 0;
    let stores: OpenStores | undefined;
    for (let repetition = 0; repetition < repetitionsOf(context); repetition += 1) {
      await stores?.close();
      stores = await openBenchStores(join(context.scratch, String(repetition)));
      await lanesReady(stores);
      const start = performance.now();
      lost += await record(stores, count);
      rates.push(count / ((performance.now() - start) / 1000));
    }
    if (stores === undefined) throw new Error('nothing was measured');
    const { audit } = stores;
    const query = async (filter: Parameters<typeof audit.query>[0]) => {
      const { events } = await audit.query({ ...filter, limit: 1000 });
      if (!context.smoke && events.length !== 1000) throw new Error(`a query of 1000 gave ${events.length}`);
    };
    const checksum = new WorkChecksum();
    checksum.number(count);
    const shared = { checksum: checksum.hex };
    const newest = await latency(context, () => query({}), { timeMs: 1000 });
    const holder = 'claude:session-7' as AgentId;
    const ofHolder = await latency(context, () => query({ holder }), { timeMs: 1000 });
    await stores.close();
    const targets = [{ field: 'p50', bound: 'at most', value: 20_000 }] as const;
    return [
      {
        ...shared,
        what: `a burst of ${count.toLocaleString('en-US')}, until all are on disk`,
        rate: median(rates),
        spread: spreadOf(rates),
        targets: [{ field: 'rate', bound: 'at least', value: 200_000 }],
      },
      {
        ...shared,
        what: 'share of the burst that was lost, and counted as lost',
        ratio: lost / (count * repetitionsOf(context)),
        spread: 0,
        targets: [{ field: 'ratio', bound: 'at most', value: 0 }],
      },
      { ...shared, what: 'query of the newest 1000', ...newest, targets },
      { ...shared, what: 'query of 1000 of one holder', ...ofHolder, targets },
    ];
  },
};

/** @returns how many events were lost, once all others are on disk. */
async function record({ audit }: OpenStores, count: number): Promise<number> {
  const start = performance.now();
  let last: Promise<'recorded' | 'lost'> | undefined;
  for (let at = 1; at <= count; at += 1) {
    if (at === count) last = audit.logAsync(eventOf(at));
    else audit.log(eventOf(at));
    if (at % burst !== 0) continue;
    const due = start + ((at / burst) * 1000) / burstsPerSecond;
    do await setImmediate();
    while (performance.now() < due);
  }
  await last;
  await audit.query({ limit: 1 });
  return (await audit.stats()).lost;
}
