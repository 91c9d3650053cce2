/**
 * A restored log is older than the one that it replaces: by itself it would give fences again that were given since the backup was made.
 * Only for a process of its own: LMDB ends the one that meets certain damage.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { lockFileName } from '../store/data-file.ts';
import { openDeltaEnvironment } from '../store/delta-log.ts';
import { deltaSchema, LogView } from '../store/log-view.ts';
import { isCount } from '../store/meta-table.ts';
import { withViews } from '../store/view-directory.ts';

export interface FenceTask {
  /** The log that is there now; left out when it ends the process that reads it. */
  readonly from?: string;
  /** The one that takes its place. */
  readonly to: string;
  /** A directory to work in, made and removed. */
  readonly scratch: string;
}

/**
 * Each start takes a block of 2^24. When nothing says how far the log had come, 4096 starts since the backup are assumed; of the 2^53
 * fences that there are, this is a hundred-thousandth.
 */
export const unknownFenceStep = 2 ** 36;

/** A log that is damaged, or of another version, stays as it is: whoever starts on it next has more to look after. */
export async function carryFence({ from, to, scratch }: FenceTask): Promise<void> {
  const newest = from === undefined ? undefined : await newestFence(from, scratch);
  try {
    await raiseFence(to, newest);
  } catch (error) {
    if (!(error instanceof CollabError) || error.code !== 'STORE_DAMAGED') throw error;
  }
  // LMDB's lock file is made anew by whoever opens the store next.
  await rm(join(to, lockFileName), { force: true });
}

async function newestFence(from: string, scratch: string): Promise<number | undefined> {
  try {
    return await withViews(scratch, { from }, async (view) => {
      const environment = openDeltaEnvironment(view.from, { readOnly: true });
      try {
        return new LogView(environment).meta.get('fence', isCount);
      } finally {
        await environment.close();
      }
    });
  } catch (error) {
    if (error instanceof CollabError) return undefined;
    throw error;
  }
}

async function raiseFence(directory: string, newest: number | undefined): Promise<void> {
  const environment = openDeltaEnvironment(directory, { writer: true, create: false });
  try {
    const { meta } = new LogView(environment);
    if (meta.get('schema', isCount) !== deltaSchema) return;
    environment.write(() => {
      const own = meta.get('fence', isCount) ?? 0;
      meta.put('fence', Math.max(own, newest ?? own + unknownFenceStep));
    });
  } finally {
    await environment.close();
  }
}
