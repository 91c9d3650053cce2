/** The one step in which a compact copy takes its original's place: after any crash the store is the old or the new one, whole. */
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failpoint } from '../base/failpoint.ts';
import { syncPath } from '../home/sync-directory.ts';
import { dataFileName, lockFileName } from '../store/data-file.ts';
import { copyDirectory } from '../store/store-copy.ts';

const replacedFileName = 'replaced.mdb';

/**
 * Nobody in any process may have the store open: its lock file, which is made anew, speaks of the old file's transactions.
 * The copy's data is on disk already; each of its transactions was synced. What is left of its directory is for `removeCopy`.
 */
export async function swapIn(directory: string): Promise<void> {
  const copy = copyDirectory(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await rm(join(directory, lockFileName), { force: true });
  // Kept by another name until the copy's directory is removed: to give back what a large file takes lasts tens of ms, and somebody waits.
  await link(join(directory, dataFileName), join(copy, replacedFileName)).catch(() => undefined);
  failpoint('reclaim.ready');
  await rename(join(copy, dataFileName), join(directory, dataFileName));
  failpoint('reclaim.swapped');
  // The new name is on disk before anything is acknowledged that stands in the new file.
  await syncPath(directory);
}

/** What a copy that never took its original's place left behind. */
export async function removeCopy(directory: string): Promise<void> {
  await rm(copyDirectory(directory), { recursive: true, force: true });
}
