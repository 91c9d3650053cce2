/** The other thread of environment.test.ts: writes one key a request, without ever giving the event loop a turn in between. */
import { parentPort, workerData } from 'node:worker_threads';
import { openEnvironment } from '../../src/store/environment.ts';

const { directory, signal, rounds } = workerData as {
  readonly directory: string;
  /** [written, wanted] */
  readonly signal: Int32Array;
  readonly rounds: number;
};

const environment = openEnvironment(directory, { durability: 'flush' });
const table = environment.table('numbers');
parentPort?.postMessage('ready');
for (let round = 1; round <= rounds; round++) {
  // 10 s: a test that hangs must end.
  Atomics.wait(signal, 1, round - 1, 10_000);
  environment.write(() => table.put(Buffer.from('n'), Buffer.of(round)));
  Atomics.store(signal, 0, round);
  Atomics.notify(signal, 0);
}
await environment.close();
