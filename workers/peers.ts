/** Where the peers' thread begins: libp2p and everything that talks to other nodes. It has an event loop of its own, and the main one none of this. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../src/base/clock.ts';
import { encodeError } from '../src/base/errors.ts';
import type { PeerStart } from '../src/p2p/peer-contract.ts';
import { giveWay } from './thread-priority.ts';

/** Locks are answered on the main thread: it comes first when there are fewer cores than work. */
const nice = 2;

async function main(): Promise<void> {
  if (parentPort === null) return;
  const start = workerData as PeerStart;
  // Unlike a lane's, this thread begins with tsx in its loader, where there is any: `import` finds every file.
  const { openPeers } = await import('./peers-work.ts');
  const link = await openPeers(parentPort, start, systemClock);
  giveWay(nice);
  // A library's mistake with one peer is no reason to lose the others; what it was is told.
  const tell = (error: unknown) => void link.ask('failed', encodeError(error)).catch(() => {});
  process.on('uncaughtException', tell);
  process.on('unhandledRejection', tell);
}

await main();
