/** Where the thread of a long read begins. Loads what opens stores behind the gate, since it may be ended at any time. */
import { CollabError, encodeError } from '../src/base/errors.ts';
import type { GatedReadTask, ReadAnswer } from '../src/offload/contract.ts';
import { loadThrough } from '../src/queue/load-gate.ts';
import { loadWork } from './load-work.ts';

export async function run({ gate, ...task }: GatedReadTask): Promise<ReadAnswer<unknown>> {
  try {
    const work = await loadThrough(gate, () => loadWork<typeof import('./read-work.ts')>('read-work'));
    if (work === undefined) throw new CollabError('STORE_CLOSED', 'the stores are closed');
    return { value: await work.read(task) };
  } catch (error) {
    return { error: encodeError(error) };
  }
}
