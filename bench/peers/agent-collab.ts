import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, ProjectId } from '../../src/base/ids.ts';
import { type Delta, deltaId } from '../../src/delta/delta.ts';
import { emptyVector } from '../../src/delta/version-vector.ts';
import { lanesReady, openBenchStores, settled } from '../harness/bench-stores.ts';
import { nodeKey, sources } from '../harness/records.ts';
import type { Peer, PeerRecord } from './peer.ts';

/** As the daemon does it: the main thread encodes and queues; the lanes hash, sign, write, sync and index by source, time and path. */
export const agentCollab: Peer = {
  name: 'agent-collab',
  durability: 'fdatasync before each answer, hash chain, signature',
  async open(directory) {
    const stores = await openBenchStores(directory);
    const { deltas } = stores;
    const opened = (await deltas.stats()).head > 0;
    if (!opened) await lanesReady(stores);
    return {
      async append(records) {
        await deltas.saveBatch(
          records.map((record) => ({ delta: deltaOf(record) })),
          'flushed',
        );
      },
      range: async (from, to) => (await deltas.getRange(from as HlcTime, to as HlcTime)).length,
      last: async (source, count) =>
        (await deltas.getBySource(sources[source] ?? nodeKey.nodeId, count)).length,
      settle: () => settled(stores),
      close: () => stores.close(),
    };
  },
};

function deltaOf({ source, seq, time, value }: PeerRecord): Delta {
  const node = sources[source] ?? nodeKey.nodeId;
  return {
    id: deltaId(node, seq),
    source: node,
    seq,
    time: time as HlcTime,
    agent: 'claude:session-1' as AgentId,
    project: 'github.com/acme/app' as ProjectId,
    type: 'context',
    deps: emptyVector,
    payload: value,
  };
}
