/** One long read: a query for many deltas, or a verification. Opens the stores beside the lanes and closes them again. */
import { encodeError } from '../src/base/errors.ts';
import type { ReadAnswer, ReadTask } from '../src/offload/contract.ts';
import { runQuery } from '../src/store/delta-queries.ts';
import { DeltaReader } from '../src/store/delta-reader.ts';
import { verifyStores } from '../src/store/verify.ts';

export async function run(task: ReadTask): Promise<ReadAnswer<unknown>> {
  try {
    return { value: await read(task) };
  } catch (error) {
    return { error: encodeError(error) };
  }
}

async function read(task: ReadTask): Promise<unknown> {
  const { delta, index, audit, mapSizeBytes } = task.places;
  if (task.task === 'verify') return verifyStores({ delta, index, audit }, { mapSizeBytes });
  const reader = await DeltaReader.open({ delta, index }, { mapSizeBytes });
  try {
    return runQuery(reader, task.query);
  } finally {
    await reader.close();
  }
}
