import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { lanesReady, openBenchStores, settled } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { claimOf, filledTable, grant } from './harness/locks.ts';
import { type BenchSpec, spreadOf } from './harness/measure.ts';
import { deltaOf, eventOf, nodeKey, timeOf } from './harness/records.ts';

const batchDeltas = 1000;
/** What is given between two deltas of a batch, on average: an event each, and a lock now and then. */
const locksPerBatch = 50;
const parts = 10;

/** An hour of a busy day in a minute or two: what the process keeps must not grow with what has gone through it. */
export const soak: BenchSpec = {
  name: 'soak',
  about:
    'an hour’s traffic, compressed in time: deltas, as many audit events, and locks; memory of the process along the way',
  async run(context) {
    const count = context.smoke ? parts * batchDeltas : 3_000_000;
    const stores = await openBenchStores(context.scratch);
    await lanesReady(stores);
    const table = filledTable(context.smoke ? 100 : 10_000);
    const peak = new PeakMemory();
    const heaps: number[] = [];
    for (let part = 0; part < parts; part += 1) {
      for (let from = (part * count) / parts; from < ((part + 1) * count) / parts; from += batchDeltas) {
        await stores.deltas.saveBatch(deltas(from), 'committed');
        for (let at = from; at < from + batchDeltas; at += 1) stores.audit.log(eventOf(at + 1));
        for (let at = 0; at < locksPerBatch; at += 1) {
          const claim = claimOf(at, 'agent-x', 500);
          table.release(grant(table, claim).id, claim.agent);
        }
        await setImmediate();
      }
      await settled(stores);
      globalThis.gc?.();
      heaps.push(process.memoryUsage().heapUsed);
    }
    const { lost } = await stores.audit.stats();
    await stores.close();
    const highest = peak.close();
    const checksum = new WorkChecksum();
    checksum.number(count);
    const first = heaps[1] ?? Number.NaN;
    const last = heaps.at(-1) ?? Number.NaN;
    return [
      {
        what: `heap after ${count.toLocaleString('en-US')} deltas, against that after a fifth`,
        ratio: last / first,
        bytes: last,
        spread: spreadOf(heaps.slice(1)),
        checksum: checksum.hex,
        targets: [{ field: 'ratio', bound: 'at most', value: 1.1 }],
      },
      {
        what: 'most resident memory beyond mapped files',
        bytes: highest,
        spread: 0,
        checksum: checksum.hex,
        targets: [{ field: 'bytes', bound: 'at most', value: 250 * 1_000_000 }],
      },
      {
        what: 'share of audit events lost',
        ratio: lost / count,
        spread: 0,
        checksum: checksum.hex,
        targets: [],
      },
    ];
  },
};

function deltas(from: number) {
  return Array.from({ length: batchDeltas }, (_, offset) => {
    const at = from + offset;
    return { delta: { ...deltaOf(nodeKey.nodeId, at + 1, at), time: timeOf(at) } };
  });
}

/** Looks ten times a second at what is resident and belongs to no file; where the system does not tell, at all that is resident. */
class PeakMemory {
  #highest = 0;
  readonly #timer = setInterval(() => this.#look(), 100);

  close(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#highest;
  }

  #look(): void {
    this.#highest = Math.max(this.#highest, residentBytes());
  }
}

function residentBytes(): number {
  if (process.platform !== 'linux') return process.memoryUsage().rss;
  const status = readFileSync('/proc/self/status', 'utf8');
  const kib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
  // Shared memory is the queues.
  return (kib('RssAnon') + kib('RssShmem')) * 1024;
}
