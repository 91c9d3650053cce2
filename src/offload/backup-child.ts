/** Backups in a process of their own: LMDB ends the one that meets certain damaged pages, and that must not be the daemon. */
import { fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { BackupProgress } from '../backup/backup.ts';
import { removeTree } from '../backup/copy-tree.ts';
import { CollabError, decodeError } from '../base/errors.ts';
import type { BackupReport, BackupTask, ReadAnswer } from './contract.ts';
import { workerUrl } from './worker-url.ts';

type Message = { readonly progress: BackupProgress } | ReadAnswer<unknown>;
type Ending = ReadAnswer<unknown> | NodeJS.Signals | number | null;

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
  if (isAnswer(ending)) return answered(ending) as BackupReport;
  if (wasStopped(ending)) {
    throw new CollabError('STORE_UNAVAILABLE', `the backup was ended by ${ending}`, {
      next: 'Run it again: it clears away what this one left.',
    });
  }
  throw new CollabError('STORE_DAMAGED', `LMDB ended the process that copied a store (${String(ending)})`, {
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
      if (isAnswer(ending)) return void answered(ending);
      if (wasStopped(ending)) {
        throw new CollabError('STORE_UNAVAILABLE', `the restore was ended by ${ending}`, {
          next: 'Run it again; nothing was changed.',
        });
      }
    }
  } finally {
    await removeTree(scratch);
  }
}

async function runTask(
  task: BackupTask,
  onProgress: (progress: BackupProgress) => void = () => {},
  stopping?: AbortSignal,
): Promise<Ending> {
  const child = fork(fileURLToPath(workerUrl('backup-process')), [JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // At once: threads take it from the one that makes them. Hashing on every core would have a lock wait for its turn.
  if (task.task === 'create' && task.lmdb === 'online') yieldToDaemon(child.pid);
  // Not by the signal option of fork, whose error would have no code of ours. What is half done is cleared away by the next backup.
  const stop = () => child.kill('SIGKILL');
  stopping?.addEventListener('abort', stop);
  if (stopping?.aborted === true) stop();
  return new Promise<Ending>((resolve, reject) => {
    child.on('message', (message) => {
      const said = message as Message;
      if ('progress' in said) onProgress(said.progress);
      else resolve(said);
    });
    child.once('exit', (code, signal) => resolve(signal ?? code));
    child.once('error', reject);
  }).finally(() => {
    stopping?.removeEventListener('abort', stop);
    // The child ends itself when the channel does; an open one would keep both processes alive.
    if (child.connected) child.disconnect();
  });
}

function yieldToDaemon(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or may not be told so: then it is as quick as the others.
  }
}

function isAnswer(ending: Ending): ending is ReadAnswer<unknown> {
  return typeof ending === 'object' && ending !== null;
}

function answered(answer: ReadAnswer<unknown>): unknown {
  if ('error' in answer) throw decodeError(answer.error);
  return answer.value;
}

function wasStopped(ending: Ending): boolean {
  return ending === 'SIGTERM' || ending === 'SIGKILL';
}
