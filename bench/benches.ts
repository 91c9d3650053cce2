import { deltaAppend } from './delta-append.ts';
import { lockTable } from './lock-table.ts';
import type { BenchSpec } from './measure.ts';
import { queuePush } from './queue-push.ts';
import { socketCalls } from './socket-calls.ts';
import { storeAppend } from './store-append.ts';
import { storeQueries } from './store-queries.ts';

/** In the order in which they run. */
export const benches: readonly BenchSpec[] = [
  lockTable,
  queuePush,
  deltaAppend,
  storeAppend,
  storeQueries,
  socketCalls,
];
