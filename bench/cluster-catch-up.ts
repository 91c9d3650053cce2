import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../src/base/clock.ts';
import { hlcFromMs } from '../src/base/hybrid-clock.ts';
import { homePaths } from '../src/home/home-paths.ts';
import { encodeKeyDocument } from '../src/home/node-key.ts';
import { BenchNode, type LoopDelay, type Times } from './cluster/bench-node.ts';
import { openBenchStores, settled } from './harness/bench-stores.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchContext, type BenchSpec, inTurns, median, type Row, spreadOf } from './harness/measure.ts';
import { deltaOf, nodeKey } from './harness/records.ts';

const batchDeltas = 1000;
const pollMs = 10;

/** Resident beyond mapped files. */
interface Memory {
  readonly mostBytes: number;
  /** Against the most of the first fifth. */
  readonly growth: number;
}

interface Outcome {
  /** Deltas a second, from just behind the answer to `join` until the last one is committed. */
  readonly rate: number;
  readonly giver: LoopDelay;
  readonly taker: LoopDelay;
  readonly giverMemory: Memory;
  readonly takerMemory: Memory;
  /** Of both processes, in µs for one delta. */
  readonly cpuUs: number;
}

/** A new member gets the whole log of one that is there. */
export const clusterCatchUp: BenchSpec = {
  name: 'cluster-catch-up',
  about: 'a log of 300 B payloads to a late joiner: two daemons on loopback, each with its stores',
  async run(context) {
    const count = context.smoke ? batchDeltas : 100 * batchDeltas;
    const home = join(context.scratch, 'giver');
    await fill(home, count);
    const giver = await BenchNode.start('giver', home);
    try {
      await giver.client.call('cluster.init', { name: 'bench' });
      const [outcomes = []] = await inTurns(context, [
        (repetition) => catchUp(context, giver, count, repetition),
      ]);
      return rowsOf(count, outcomes);
    } finally {
      await giver.stop();
    }
  },
};

async function fill(home: string, count: number): Promise<void> {
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(homePaths(home).key, JSON.stringify(encodeKeyDocument(nodeKey)), { mode: 0o600 });
  const stores = await openBenchStores(home);
  // Of the last minutes: retention must not take it away.
  const startMs = systemClock.wallMs() - count;
  for (let from = 0; from < count; from += batchDeltas) {
    const batch = Array.from({ length: batchDeltas }, (_, offset) => {
      const at = from + offset;
      return { delta: { ...deltaOf(nodeKey.nodeId, at + 1, at), time: hlcFromMs(startMs + at) } };
    });
    await stores.deltas.saveBatch(batch, 'accepted');
  }
  await settled(stores);
  await stores.close();
}

async function catchUp(
  { scratch }: BenchContext,
  giver: BenchNode,
  count: number,
  repetition: number,
): Promise<Outcome> {
  const taker = await BenchNode.start(`taker-${repetition}`, join(scratch, `taker-${repetition}`));
  const nodes = [giver, taker] as const;
  try {
    await taker.joinBy(giver);
    // The thread that talks to peers has been started: that is no part of it.
    for (const node of nodes) await node.loopDelay();
    const cpuBefore = nodes.map((node) => node.cpuUs());
    const before = taker.head();
    const start = performance.now();
    const most = [
      [0, 0],
      [0, 0],
    ];
    for (let head = 0; head < count; ) {
      head = taker.head();
      for (const [at, node] of nodes.entries()) {
        const own = most[at] ?? [];
        const part = head <= count / 5 ? 0 : 1;
        own[part] = Math.max(own[part] ?? 0, node.residentBytes());
      }
      await delay(pollMs);
    }
    const seconds = (performance.now() - start) / 1000;
    const cpuUs =
      nodes.reduce((sum, node, at) => sum + node.cpuUs() - (cpuBefore[at] ?? 0), 0) / (count - before);
    const [giverDelay, takerDelay] = [await giver.loopDelay(), await taker.loopDelay()];
    const [giverMemory, takerMemory] = most.map(([first = 0, rest = 0]) => ({
      mostBytes: Math.max(first, rest),
      growth: Math.max(first, rest) / Math.max(1, first),
    })) as [Memory, Memory];
    return {
      rate: (count - before) / seconds,
      giver: giverDelay,
      taker: takerDelay,
      giverMemory,
      takerMemory,
      cpuUs,
    };
  } finally {
    await taker.stop();
  }
}

function rowsOf(count: number, outcomes: readonly Outcome[]): readonly Row[] {
  const checksum = new WorkChecksum();
  checksum.number(count);
  const shared = { checksum: checksum.hex, targets: [] };
  const of = (pick: (outcome: Outcome) => number) => outcomes.map(pick);
  const rates = of(({ rate }) => rate);
  const loop = (what: string, pick: (outcome: Outcome) => Times): Row => ({
    ...shared,
    what,
    p50: median(of((it) => pick(it).p50)),
    p99: median(of((it) => pick(it).p99)),
    max: median(of((it) => pick(it).max)),
    spread: spreadOf(of((it) => pick(it).max)),
    targets: [{ field: 'max', bound: 'at most', value: 20_000 }],
  });
  const memory = (who: string, pick: (outcome: Outcome) => Memory): Row => ({
    ...shared,
    what: `most memory of the ${who} beyond mapped files, against the first fifth`,
    bytes: median(of((it) => pick(it).mostBytes)),
    ratio: median(of((it) => pick(it).growth)),
    spread: spreadOf(of((it) => pick(it).mostBytes)),
    targets: [{ field: 'ratio', bound: 'at most', value: 1.5 }],
  });
  return [
    {
      ...shared,
      what: `${count.toLocaleString('en-US')} deltas`,
      rate: median(rates),
      spread: spreadOf(rates),
      targets: [{ field: 'rate', bound: 'at least', value: 20_000 }],
    },
    {
      ...shared,
      what: 'CPU of both for a delta',
      p50: median(of(({ cpuUs }) => cpuUs)),
      spread: spreadOf(of(({ cpuUs }) => cpuUs)),
    },
    loop('event-loop delay of the giver', ({ giver }) => giver.late),
    loop('the same while it had a core', ({ giver }) => giver.busy),
    loop('event-loop delay of the taker', ({ taker }) => taker.late),
    loop('the same while it had a core', ({ taker }) => taker.busy),
    memory('giver', ({ giverMemory }) => giverMemory),
    memory('taker', ({ takerMemory }) => takerMemory),
  ];
}
