/** The other thread of concurrent-reads.test.ts: appends, indexes and compacts as fast as it can, then ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaIntake } from '../../src/store/delta-intake.ts';
import { DeltaLogWriter } from '../../src/store/delta-log.ts';
import { compactLog } from '../../src/store/retention.ts';
import { sign } from './log-fixture.ts';
import { Author, at, testNode } from './store-fixture.ts';

export interface BusyJob {
  readonly delta: string;
  readonly index: string;
  readonly rounds: number;
  /** [newest position committed] */
  readonly committed: Int32Array;
}

const { delta, index, rounds, committed } = workerData as BusyJob;
const own = testNode('own');
const authors = [new Author(own), new Author(testNode('peer'))] as const;
const log = await DeltaLogWriter.open(delta, { node: own.id });
const writer = await DeltaIndexWriter.open(index, log.view, { batch: 7 });
const intake = new DeltaIntake(log.headState().head, new Map());
parentPort?.postMessage('ready');
Atomics.wait(committed, 0, 0, 10_000);

for (let round = 1; round <= rounds; round++) {
  const [own, peer] = authors;
  const { records, take } = intake.admit([own.own({ path: `p${round % 3}` }), peer.foreign(), own.own()]);
  log.append(records, sign);
  take();
  Atomics.store(committed, 0, intake.head);
  if (round % 3 === 0) writer.applyUpTo(intake.head);
  if (round % 20 === 0)
    for (const _ of compactLog(
      log.view,
      writer.tables,
      { before: at(2 * (round - 10)) },
      { maxPerTransaction: 5 },
    ));
}
await writer.close();
await log.close();
