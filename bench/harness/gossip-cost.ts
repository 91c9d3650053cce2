/** What gossip between some nodes costs, whatever they run in. */
import type { GossipCounts } from '../../src/p2p/gossip.ts';
import { WorkChecksum } from './checksum.ts';
import type { Row } from './measure.ts';

/** Of all nodes together, since some beginning. */
export interface GossipTotals extends GossipCounts {
  readonly cpuUs: number;
  /** On the wire, each byte once. */
  readonly bytes: number;
}

export interface GossipCost extends GossipTotals {
  readonly seconds: number;
}

/** What goes on between two looks, `work` among it. */
export async function costOf(
  look: () => Promise<GossipTotals> | GossipTotals,
  work: () => Promise<void>,
): Promise<GossipCost> {
  const read = async () => ({ ...(await look()), seconds: performance.now() / 1000 });
  const before = await read();
  await work();
  const after = await read();
  return {
    seconds: after.seconds - before.seconds,
    cpuUs: after.cpuUs - before.cpuUs,
    bytes: after.bytes - before.bytes,
    runs: after.runs - before.runs,
    repeated: after.repeated - before.repeated,
  };
}

/** What all rows of a measurement have in common. */
export function gossipRow(nodes: number, deltas: number): Pick<Row, 'spread' | 'checksum' | 'targets'> {
  const checksum = new WorkChecksum();
  checksum.number(nodes);
  checksum.number(deltas);
  return { spread: 0, checksum: checksum.hex, targets: [] };
}

/** @param idle what is taken off: the cost of the same nodes at rest. */
export function costRows(nodes: number, deltas: number, idle: GossipCost, cost: GossipCost): readonly Row[] {
  const shared = gossipRow(nodes, deltas);
  const deliveries = deltas * (nodes - 1);
  const more = (pick: (of: GossipTotals) => number) =>
    Math.max(0, pick(cost) - (pick(idle) / idle.seconds) * cost.seconds);
  return [
    {
      ...shared,
      what: `${nodes} nodes: CPU of all and bytes on the wire for one delivery`,
      p50: more(({ cpuUs }) => cpuUs) / deliveries,
      bytes: more(({ bytes }) => bytes) / deliveries,
    },
    {
      ...shared,
      what: `${nodes} nodes: repetitions for one delivery`,
      ratio: more(({ repeated }) => repeated) / Math.max(1, cost.runs),
    },
    {
      ...shared,
      what: `${nodes} nodes: CPU and bytes of one node in a second at rest`,
      p50: idle.cpuUs / idle.seconds / nodes,
      bytes: idle.bytes / idle.seconds / nodes,
    },
  ];
}
