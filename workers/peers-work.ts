/** What the peers' thread works with. Apart from its entry because it loads native addons. */
import type { MessagePort } from 'node:worker_threads';
import { packBatch } from '../src/p2p/foreign-batch.ts';
import type { MainAsks, PeerAsks, PeerStart } from '../src/p2p/peer-contract.ts';
import { type PeerClock, PeerNode } from '../src/p2p/peer-node.ts';
import { operationsOf } from '../src/p2p/peer-operations.ts';
import { type Answerers, ThreadLink } from '../src/queue/thread-link.ts';

/** Answers nothing before the node is open, and tells the parent when it is. */
export async function openPeers(
  port: MessagePort,
  start: PeerStart,
  clock: PeerClock,
): Promise<ThreadLink<MainAsks, PeerAsks>> {
  let open: (node: PeerNode) => void = () => {};
  const opened = new Promise<PeerNode>((resolve) => {
    open = resolve;
  });
  const operations = opened.then(operationsOf);
  const answerers = new Proxy({} as Answerers<PeerAsks>, {
    get: (_target, name) => async (input: never) => {
      const operation = (await operations)[name as keyof PeerAsks] as (input: never) => unknown;
      const value = await operation(input);
      // Nothing of this thread is left running then: it ends by itself.
      if (name === 'close') setImmediate(() => port.close());
      return value;
    },
  });
  const link = new ThreadLink<MainAsks, PeerAsks>(port, answerers);
  const node = new PeerNode({
    start,
    clock,
    log: {
      save: (deltas) => {
        const batch = packBatch(deltas);
        return link.ask('save', batch, [batch.bytes, batch.rows]);
      },
      heads: () => link.ask('heads', undefined),
      skip: ({ source, seq, hash }) => link.ask('skip', { source, head: { seq, hash } }),
      beginRead: () => link.ask('beginRead', undefined),
      endRead: () => link.ask('endRead', undefined),
    },
    report: (report) => link.tell('report', report),
    onMessage: (from, bytes) => link.tell('message', { from, bytes }),
    onMet: (nodes) => link.tell('met', nodes),
  });
  await node.open();
  open(node);
  return link;
}
