import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeId } from '../src/base/ids.ts';
import { deltaHash, genesisHash } from '../src/delta/delta-frame.ts';
import { Gossip, type GossipCounts } from '../src/p2p/gossip.ts';
import { type MainNet, openMainNet, tryAddress } from '../src/p2p/net.ts';
import { Replica } from '../src/p2p/replica.ts';
import type { Run } from '../src/p2p/run.ts';
import { Identity } from '../test/p2p/identity.ts';
import { costOf, costRows, type GossipTotals, gossipRow } from './harness/gossip-cost.ts';
import { type BenchContext, type BenchSpec, figuresOf, type Row } from './harness/measure.ts';
import { payload } from './harness/records.ts';
import { countSockets, socketBytes } from './harness/socket-bytes.ts';

const cluster = 'benchcluster';
const pollMs = 20;
const hearMs = 15_000;
const dialMs = 5000;
/** Slow enough that each run goes alone. */
const pauseMs = 20;
/** What is not there by then was lost: catch-up would bring it. */
const lostMs = 2000;
/** After each new connection both ends ask who the other is, for which libp2p gives them little time: all that is on one thread here. */
const afterDialMs = 30;

const sizes = {
  smoke: { nodes: [3], deltas: 5, idleMs: 200 },
  full: { nodes: [3, 10, 30], deltas: 60, idleMs: 5000 },
} as const;

/**
 * The gossip of nodes by itself, all in one process: what a delta costs on its way from an author to all others, each of which checks its
 * chain and signature. A node that is one of `agent-collab` writes it to its log besides (`cluster-gossip`).
 */
export const gossipNet: BenchSpec = {
  name: 'gossip-net',
  onRequest: true,
  about:
    'single deltas of 300 B told by gossip over loopback and checked by all others, in one process; what rest costs is taken off',
  async run({ smoke }: BenchContext) {
    const { nodes, deltas, idleMs } = smoke ? sizes.smoke : sizes.full;
    countSockets();
    const rows: Row[] = [];
    for (const count of nodes) rows.push(...(await measure(count, deltas, idleMs)));
    return rows;
  },
};

class Side {
  readonly node: NodeId;
  readonly net: MainNet;
  readonly gossip: Gossip;
  #prev: Uint8Array = genesisHash;
  #seq = 0;
  readonly #identity: Identity;

  private constructor(
    net: MainNet,
    identity: Identity,
    all: ReadonlySet<NodeId>,
    onChecked: (seq: number) => void,
  ) {
    this.net = net;
    this.node = identity.node;
    this.#identity = identity;
    const replica = new Replica({
      own: identity.node,
      log: { save: async () => {}, heads: async () => new Map() },
      isKnown: (source) => all.has(source),
      isDue: () => true,
      onFork: () => {
        throw new Error('a fork');
      },
    });
    this.gossip = new Gossip(net, {
      cluster,
      nowMs: () => performance.now(),
      onRun: (_from, run) => {
        const found = replica.check(run);
        if (typeof found === 'string') throw new Error(`a run is ${found}`);
        onChecked(run.firstSeq);
        return 'forward';
      },
      onAnnouncement: () => {},
      onRecords: () => {},
      onOffence: (_from, _kind, what) => {
        throw new Error(what);
      },
    });
  }

  static async open(
    identity: Identity,
    networkKey: Uint8Array,
    all: ReadonlySet<NodeId>,
    onChecked: (seq: number) => void,
  ) {
    const shared = { cluster, networkKey, listen: '127.0.0.1', port: 0, mdns: false };
    return new Side(
      await openMainNet({ ...shared, seed: identity.seed, isAllowed: () => true }),
      identity,
      all,
      onChecked,
    );
  }

  /** The next delta of this node, signed. */
  next(): Run {
    this.#seq += 1;
    const body = this.#identity.body(this.#seq, payload(this.#seq));
    const prev = this.#prev;
    this.#prev = deltaHash(prev, body);
    return this.#identity.run([body], this.#seq, prev);
  }
}

async function measure(count: number, deltas: number, idleMs: number): Promise<readonly Row[]> {
  const sides: Side[] = [];
  try {
    let told: Run | undefined;
    const arrivals: number[] = [];
    const onChecked = (seq: number) => {
      if (seq === told?.firstSeq) arrivals.push(performance.now());
    };
    const networkKey = randomBytes(32);
    const identities = Array.from({ length: count }, () => new Identity());
    const all = new Set(identities.map(({ node }) => node));
    for (const identity of identities) sides.push(await Side.open(identity, networkKey, all, onChecked));
    await connectAll(sides);
    const [author] = sides;
    if (author === undefined) throw new Error('a network has its first node');
    const tell = async (runs: number, latencies: number[]) => {
      for (let at = 0; at < runs; at += 1) {
        arrivals.length = 0;
        told = author.next();
        const toldMs = performance.now();
        await author.gossip.tellRun(told);
        while (arrivals.length < count - 1 && performance.now() < toldMs + lostMs) await delay(1);
        latencies.push(...arrivals.map((atMs) => (atMs - toldMs) * 1000));
        await delay(pauseMs);
      }
    };
    // Code that is compiled, and meshes that have formed.
    await tell(Math.ceil(deltas / 4), []);
    const totals = () => totalsOf(sides);
    const idle = await costOf(totals, () => delay(idleMs));
    const latencies: number[] = [];
    const cost = await costOf(totals, () => tell(deltas, latencies));
    return [...arrivalRows(count, deltas, latencies), ...costRows(count, deltas, idle, cost)];
  } finally {
    await Promise.all(sides.map(({ net }) => net.stop()));
  }
}

/** Everybody with everybody, as members of a cluster are, each listening to all others. */
async function connectAll(sides: readonly Side[]): Promise<void> {
  for (const [at, one] of sides.entries()) {
    for (const other of sides.slice(0, at)) {
      const addresses = other.net.getMultiaddrs().map((it) => tryAddress(String(it), other.node));
      await one.net.dial(
        addresses.filter((it) => it !== undefined),
        { signal: AbortSignal.timeout(dialMs) },
      );
      await delay(afterDialMs);
    }
  }
  const hearsAll = ({ net }: Side) =>
    net.services.pubsub.getSubscribers(net.services.pubsub.getTopics()[0] ?? '').length === sides.length - 1;
  // Who does not hear somebody by then, since one thread has had too much to do, is told by others.
  const endMs = performance.now() + hearMs;
  while (!sides.every(hearsAll) && performance.now() < endMs) await delay(pollMs);
}

function totalsOf(sides: readonly Side[]): GossipTotals {
  const { user, system } = process.cpuUsage();
  const sum = (pick: (counts: GossipCounts) => number) =>
    sides.reduce((total, { gossip }) => total + pick(gossip.counts), 0);
  return {
    cpuUs: user + system,
    // Both ends have counted it.
    bytes: socketBytes() / 2,
    runs: sum(({ runs }) => runs),
    repeated: sum(({ repeated }) => repeated),
  };
}

function arrivalRows(nodes: number, deltas: number, latencies: readonly number[]): readonly Row[] {
  const shared = gossipRow(nodes, deltas);
  return [
    {
      ...shared,
      what: `${nodes} nodes: from telling until another node has checked it`,
      ...figuresOf(latencies),
    },
    {
      ...shared,
      what: `${nodes} nodes: share of the deliveries that was lost`,
      ratio: 1 - latencies.length / (deltas * (nodes - 1)),
    },
  ];
}
