/**
 * A process that makes a backup, or looks into a store for one, tells its parent how far it is, and ends: LMDB may end the one that reads a
 * damaged page. The walk through the copied stores is the likeliest place for that, and has a process of its own below this one.
 */
import { createBackup, type StoreChecker } from '../src/backup/backup.ts';
import { carryFence } from '../src/backup/carry-fence.ts';
import { checkStores, damagedStores } from '../src/backup/check-stores.ts';
import type { StoreCheck } from '../src/backup/manifest.ts';
import { systemClock } from '../src/base/clock.ts';
import { CollabError, decodeError } from '../src/base/errors.ts';
import { answerParent, runInProcess, tellProgress, wasStopped } from '../src/base/task-process.ts';
import type { BackupTask } from '../src/offload/contract.ts';

const checkInChild: StoreChecker = async (stores, onProgress) => {
  const task: BackupTask = { task: 'check-stores', stores };
  const ending = await runInProcess(process.argv[1] ?? '', [JSON.stringify(task)], { onProgress });
  if ('value' in ending) return ending.value as StoreCheck;
  if ('error' in ending) throw decodeError(ending.error);
  if (wasStopped(ending))
    throw new CollabError('STORE_UNAVAILABLE', `the check was ended by ${ending.died}`, {
      next: 'Run it again.',
    });
  return damagedStores(`LMDB ended the process that read them (${ending.died}): a page of a file is damaged`);
};

/** Told by each chunk and each small file; a message costs more than most of these. */
const tellEveryMs = 100;
let toldMs = Number.NEGATIVE_INFINITY;

function onProgress(progress: { readonly done: number; readonly total: number }): void {
  const nowMs = systemClock.monotonicMs();
  if (nowMs - toldMs < tellEveryMs && progress.done < progress.total) return;
  toldMs = nowMs;
  tellProgress(progress);
}

async function run(task: BackupTask): Promise<unknown> {
  switch (task.task) {
    case 'create': {
      const { task: _, ...options } = task;
      const { name, directory, manifest } = await createBackup({
        ...options,
        onProgress,
        checkStores: checkInChild,
      });
      const { tree, ...about } = manifest;
      const files = tree.entries.filter((entry) => entry.kind === 'file').length;
      return { ...about, name, directory, files, bytes: tree.bytes };
    }
    case 'check-stores':
      return checkStores(task.stores, onProgress);
    case 'carry-fence':
      return carryFence(task);
  }
}

answerParent(run(JSON.parse(process.argv[2] ?? '') as BackupTask));
