import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchNode } from './cluster/bench-node.ts';
import { wireMs } from './cluster/probe.ts';
import { costOf, costRows, type GossipTotals, gossipRow } from './harness/gossip-cost.ts';
import { type BenchContext, type BenchSpec, figuresOf, type Row } from './harness/measure.ts';
import { payload } from './harness/records.ts';

const pollMs = 50;
/** Slow enough that each delta goes alone. */
const pauseMs = 20;

interface Sizes {
  readonly nodes: readonly number[];
  /** The first of all: what daemons take that have compiled nothing yet. */
  readonly first: number;
  /** What follows without a pause, for code to be compiled as in daemons that have run for a while. */
  readonly warmUp: number;
  readonly deltas: number;
  /** How long nothing happens, to know what that costs. */
  readonly idleMs: number;
}

const sizes = {
  smoke: { nodes: [3], first: 5, warmUp: 5, deltas: 10, idleMs: 200 },
  full: { nodes: [3, 10], first: 100, warmUp: 900, deltas: 300, idleMs: 5000 },
} as const satisfies Record<string, Sizes>;

/** What one delta costs that is told to all, and when it is there. The gossip alone, and of more nodes: gossip-net.ts. */
export const clusterGossip: BenchSpec = {
  name: 'cluster-gossip',
  about:
    'single deltas of 300 B from one node to all others, daemons on loopback; what the cluster costs at rest is taken off',
  async run(context) {
    const { nodes, ...rest } = context.smoke ? sizes.smoke : sizes.full;
    const rows: Row[] = [];
    for (const count of nodes) rows.push(...(await measure(context, count, rest)));
    return rows;
  },
};

async function measure(
  { scratch }: BenchContext,
  count: number,
  { first, warmUp, deltas, idleMs }: Omit<Sizes, 'nodes'>,
): Promise<readonly Row[]> {
  const nodes: BenchNode[] = [];
  try {
    await startCluster(nodes, scratch, count);
    const [author, ...others] = nodes;
    if (author === undefined) throw new Error('a cluster has its first node');
    const arrivals = new Arrivals(others);
    await arrivals.open();
    const atFirst = await share(author, arrivals, first, 'first', pauseMs);
    await share(author, arrivals, warmUp, 'warm up', 0);
    const totals = totalsOf(nodes);
    const idle = await costOf(totals, () => delay(idleMs));
    let latencies = atFirst;
    const cost = await costOf(totals, async () => {
      latencies = await share(author, arrivals, deltas, 'measured', pauseMs);
    });
    arrivals.close();
    return [...latencyRows(count, deltas, atFirst, latencies), ...costRows(count, deltas, idle, cost)];
  } finally {
    for (const node of nodes) await node.stop();
  }
}

/** Whatever has been started stands in `nodes`, also when it throws. */
async function startCluster(nodes: BenchNode[], scratch: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const node = await BenchNode.start(`node-${at}`, join(scratch, `${count}-${at}`));
    nodes.push(node);
    if (at === 0) await node.client.call('cluster.init', { name: 'bench' });
    else await node.joinBy(nodes[0] ?? node);
  }
  for (const node of nodes) while ((await node.cluster())?.connected !== count - 1) await delay(pollMs);
}

/** When each of the others has shown a delta. */
class Arrivals {
  readonly #nodes: readonly BenchNode[];
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, number[]>();
  #wake: () => void = () => {};

  constructor(nodes: readonly BenchNode[]) {
    this.#nodes = nodes;
  }

  async open(): Promise<void> {
    await Promise.all(
      this.#nodes.map((node) => new Promise<void>((resolve) => void this.#follow(node, resolve))),
    );
  }

  async #follow(node: BenchNode, onOpen: () => void): Promise<void> {
    for await (const event of node.client.events(['delta'], this.#abort.signal, onOpen)) {
      if (event.kind !== 'delta') continue;
      const atMs = performance.now();
      const seen = this.#seen.get(event.data.id) ?? [];
      this.#seen.set(event.data.id, seen);
      seen.push(atMs);
      this.#wake();
    }
  }

  /** Resolves once all others have it. @returns when each had, on the clock of `performance`. */
  async all(id: string): Promise<readonly number[]> {
    for (;;) {
      const seen = this.#seen.get(id) ?? [];
      if (seen.length === this.#nodes.length) return seen;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#abort.abort();
  }
}

/** In µs, one for each delta and node. */
interface Latencies {
  readonly fromRequest: number[];
  readonly fromAnswer: number[];
}

async function share(
  author: BenchNode,
  arrivals: Arrivals,
  count: number,
  word: string,
  betweenMs: number,
): Promise<Latencies> {
  const latencies: Latencies = { fromRequest: [], fromAnswer: [] };
  for (let at = 0; at < count; at += 1) {
    const { path, content } = payload(at);
    const request = { agent: 'bench', cwd: author.home, path, content: `${word} ${content}` };
    const askedMs = performance.now();
    const { data } = await author.client.call('context.share', request);
    const answeredMs = performance.now();
    for (const seenMs of await arrivals.all(data.context.id)) {
      latencies.fromRequest.push((seenMs - askedMs) * 1000);
      latencies.fromAnswer.push(Math.max(0, seenMs - answeredMs) * 1000);
    }
    await delay(betweenMs);
  }
  return latencies;
}

function totalsOf(nodes: readonly BenchNode[]): () => Promise<GossipTotals> {
  return async () => {
    await delay(2 * wireMs);
    const clusters = await Promise.all(nodes.map((node) => node.cluster()));
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      cpuUs: sum(nodes.map((node) => node.cpuUs())),
      // Both ends have counted it.
      bytes: sum(nodes.map((node) => node.wireBytes())) / 2,
      runs: sum(clusters.map((cluster) => cluster?.gossip.runs ?? 0)),
      repeated: sum(clusters.map((cluster) => cluster?.gossip.repeated ?? 0)),
    };
  };
}

function latencyRows(
  nodes: number,
  deltas: number,
  atFirst: Latencies,
  { fromRequest, fromAnswer }: Latencies,
): readonly Row[] {
  const shared = gossipRow(nodes, deltas);
  const until = `${nodes} nodes: from the request until another node shows it`;
  return [
    { ...shared, what: `${until}, daemons just started`, ...figuresOf(atFirst.fromRequest) },
    {
      ...shared,
      what: until,
      ...figuresOf(fromRequest),
      targets: [{ field: 'p50', bound: 'at most', value: 5000 }],
    },
    { ...shared, what: `${nodes} nodes: from the answer until then`, ...figuresOf(fromAnswer) },
  ];
}
