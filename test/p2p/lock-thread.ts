/** A thread that claims and releases, one after the other, and tells how long each pair took: away from the thread of a test that floods. */
import { parentPort, workerData } from 'node:worker_threads';
import { ControlClient } from '../../src/control/client.ts';

export interface LockTask {
  readonly socketPath: string;
  readonly cwd: string;
  readonly pairs: number;
}

const agents = 10;

async function main({ socketPath, cwd, pairs }: LockTask): Promise<void> {
  const client = new ControlClient({ socketPath });
  const tookMs: number[] = [];
  for (let at = 0; at < pairs; at += 1) {
    // Several, none of which claims faster than it may.
    const agent = `ann-${at % agents}`;
    const began = performance.now();
    const claim = { agent, cwd, targets: ['src/a.ts'], intention: 'under a flood' };
    const { data } = await client.call('lock.acquire', claim);
    await client.call('lock.release', { id: data.lock.id, agent });
    tookMs.push(performance.now() - began);
  }
  client.close();
  parentPort?.postMessage(tookMs.sort((x, y) => x - y));
}

void main(workerData as LockTask);
