/** Backups in a process of their own: LMDB ends the one that meets certain damaged pages, and that must not be the daemon. */
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BackupProgress } from '../backup/backup.ts';
import { removeTree } from '../backup/copy-tree.ts';
import { CollabError, decodeError } from '../base/errors.ts';
import { runInProcess, type TaskEnding, wasStopped } from '../base/task-process.ts';
import type { BackupReport, BackupTask } from './contract.ts';
import { workerUrl } from './worker-url.ts';

/**
 * @param stopping ends the process at once when it is aborted.
 * @throws as `createBackup`; STORE_DAMAGED when LMDB ended the process that copied, STORE_UNAVAILABLE when it was stopped.
 */
export async function backupInChild(
  task: Omit<Extract<BackupTask, { task: 'create' }>, 'task'>,
  onProgress: (progress: BackupProgress) => void = () => {},
  stopping?: AbortSignal,
): Promise<BackupReport> {
  const ending = await runTask({ task: 'create', ...task }, onProgress, stopping);
  if (!('died' in ending)) return answered(ending) as BackupReport;
  if (wasStopped(ending)) {
    throw new CollabError('STORE_UNAVAILABLE', `the backup was ended by ${ending.died}`, {
      next: 'Run it again: it clears away what this one left.',
    });
  }
  throw new CollabError('STORE_DAMAGED', `LMDB ended the process that copied a store (${ending.died})`, {
    next: 'Stop the daemon (agent-collab daemon stop) and run it again: then files are copied as they are.',
  });
}

/** `carryFence` of a restore. A log that is to be replaced may be damaged beyond reading: then it is done without. */
export async function carryFenceInChild(from: string, to: string): Promise<void> {
  const scratch = `${to}.fence`;
  try {
    for (const source of [from, undefined]) {
      const about = { to, scratch, ...(source === undefined ? {} : { from: source }) };
      const ending = await runTask({ task: 'carry-fence', ...about });
      if (!('died' in ending)) return void answered(ending);
      if (wasStopped(ending)) {
        throw new CollabError('STORE_UNAVAILABLE', `the restore was ended by ${ending.died}`, {
          next: 'Run it again; nothing was changed.',
        });
      }
    }
  } finally {
    await removeTree(scratch);
  }
}

function runTask(
  task: BackupTask,
  onProgress?: (progress: BackupProgress) => void,
  stopping?: AbortSignal,
): Promise<TaskEnding> {
  return runInProcess<BackupProgress>(fileURLToPath(workerUrl('backup-process')), [JSON.stringify(task)], {
    // At once: threads take it from the one that makes them. Hashing on every core would have a lock wait for its turn.
    onStarted: ({ pid }) => {
      if (task.task === 'create' && task.lmdb === 'online') yieldToDaemon(pid);
    },
    ...(onProgress && { onProgress }),
    ...(stopping && { stopping }),
  });
}

function yieldToDaemon(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or may not be told so: then it is as quick as the others.
  }
}

function answered(ending: Exclude<TaskEnding, { readonly died: unknown }>): unknown {
  if ('error' in ending) throw decodeError(ending.error);
  return ending.value;
}
