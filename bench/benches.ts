import { auditTrail } from './audit-trail.ts';
import { clusterCatchUp } from './cluster-catch-up.ts';
import { clusterGossip } from './cluster-gossip.ts';
import { clusterLocks } from './cluster-locks.ts';
import { contextSearch } from './context-search.ts';
import { daemonStart } from './daemon-start.ts';
import { deltaAppend } from './delta-append.ts';
import { gossipNet } from './gossip-net.ts';
import type { BenchSpec } from './harness/measure.ts';
import { hookDecision } from './hook-decision.ts';
import { lockTable } from './lock-table.ts';
import { mainLoop } from './main-loop.ts';
import { peersLarge, peersLargeNoise, peersSmall, peersSmallNoise } from './peers.ts';
import { queuePush } from './queue-push.ts';
import { retention } from './retention.ts';
import { scale } from './scale.ts';
import { soak } from './soak.ts';
import { socketCalls } from './socket-calls.ts';
import { storeAppend } from './store-append.ts';
import { storeQueries } from './store-queries.ts';

/** In the order in which they run. */
export const benches: readonly BenchSpec[] = [
  lockTable,
  mainLoop,
  queuePush,
  deltaAppend,
  storeAppend,
  storeQueries,
  peersSmall,
  peersSmallNoise,
  peersLarge,
  peersLargeNoise,
  auditTrail,
  retention,
  daemonStart,
  socketCalls,
  hookDecision,
  contextSearch,
  clusterCatchUp,
  clusterGossip,
  gossipNet,
  clusterLocks,
  soak,
  scale,
];
