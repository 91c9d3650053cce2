import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { AgentId } from '../src/base/ids.ts';
import type { OpenStores } from '../src/daemon/stores.ts';
import { homePaths } from '../src/home/home-paths.ts';
import type { AuditFilter } from '../src/store/audit-store.ts';
import { openAuditTables } from '../src/store/audit-tables.ts';
import { DigestBook } from '../src/store/table-digest.ts';
import { lanesReady, openBenchStores } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import {
  type BenchContext,
  type BenchSpec,
  latency,
  median,
  repetitionsOf,
  spreadOf,
} from './harness/measure.ts';
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
    const indexedRates: number[] = [];
    let lost = 0;
    let stores: OpenStores | undefined;
    let behind: BenchLatency | undefined;
    for (let repetition = 0; repetition < repetitionsOf(context); repetition += 1) {
      await stores?.close();
      const directory = join(context.scratch, String(repetition));
      const opened = await openBenchStores(directory);
      stores = opened;
      await lanesReady(opened);
      const start = performance.now();
      const lostNow = await record(opened, count);
      const perSecond = () => (count - lostNow) / ((performance.now() - start) / 1000);
      rates.push(perSecond());
      lost += lostNow;
      if (repetition === 0) behind = await latency(context, () => ofHolder(opened, context), { timeMs: 200 });
      await indexed(directory);
      indexedRates.push(perSecond());
    }
    if (stores === undefined || behind === undefined) throw new Error('nothing was measured');
    const checksum = new WorkChecksum();
    checksum.number(count);
    const shared = { checksum: checksum.hex };
    const newest = await latency(context, () => query(stores, {}, context), { timeMs: 1000 });
    const held = await latency(context, () => ofHolder(stores, context), { timeMs: 1000 });
    await stores.close();
    const targets = [{ field: 'p50', bound: 'at most', value: 20_000 }] as const;
    const events = count.toLocaleString('en-US');
    return [
      {
        ...shared,
        what: `a burst of ${events}, until all are on disk`,
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
      {
        ...shared,
        what: `a burst of ${events}, until all are in the index too`,
        rate: median(indexedRates),
        spread: spreadOf(indexedRates),
        targets: [],
      },
      { ...shared, what: 'query of the newest 1000', ...newest, targets },
      { ...shared, what: 'query of 1000 of one holder', ...held, targets },
      { ...shared, what: 'the same just behind the burst, when the index is behind', ...behind, targets: [] },
    ];
  },
};

type BenchLatency = Awaited<ReturnType<typeof latency>>;

async function query(stores: OpenStores, filter: AuditFilter, context: BenchContext): Promise<void> {
  const { events } = await stores.audit.query({ ...filter, limit: 1000 });
  if (!context.smoke && events.length !== 1000) throw new Error(`a query of 1000 gave ${events.length}`);
}

function ofHolder(stores: OpenStores, context: BenchContext): Promise<void> {
  return query(stores, { holder: 'claude:session-7' as AgentId }, context);
}

/** Resolves when the index has every event. */
async function indexed(directory: string): Promise<void> {
  const tables = await openAuditTables(homePaths(directory).auditStore, { create: false });
  for (;;) {
    tables.environment.refresh();
    const { indexed, newest } = new DigestBook(tables.meta);
    if (indexed >= newest) break;
    await setTimeout(10);
  }
  await tables.environment.close();
}

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
