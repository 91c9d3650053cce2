/**
 * A process that makes a backup, or looks into a store for one, tells its parent how far it is, and ends: LMDB may end the one that reads a
 * damaged page. The walk through the copied stores is the likeliest place for that, and has a process of its own below this one.
 */
import { fork } from 'node:child_process';
import { createBackup, type StoreChecker } from '../src/backup/backup.ts';
import { carryFence } from '../src/backup/carry-fence.ts';
import { checkStores, damagedStores } from '../src/backup/check-stores.ts';
import type { StoreCheck } from '../src/backup/manifest.ts';
import { systemClock } from '../src/base/clock.ts';
import { CollabError, decodeError, encodeError } from '../src/base/errors.ts';
import type { BackupTask, ReadAnswer } from '../src/offload/contract.ts';

type Message =
  | { readonly progress: { readonly done: number; readonly total: number } }
  | ReadAnswer<StoreCheck>;

const checkInChild: StoreChecker = async (stores, onProgress) => {
  const task: BackupTask = { task: 'check-stores', stores };
  const child = fork(process.argv[1] ?? '', [JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ending = await new Promise<ReadAnswer<StoreCheck> | NodeJS.Signals | number | null>(
    (resolve, reject) => {
      child.on('message', (message) => {
        const said = message as Message;
        if ('progress' in said) onProgress(said.progress);
        else resolve(said);
      });
      child.once('exit', (code, signal) => resolve(signal ?? code));
      child.once('error', reject);
    },
  ).finally(() => {
    if (child.connected) child.disconnect();
  });
  if (ending === 'SIGKILL' || ending === 'SIGTERM')
    throw new CollabError('STORE_UNAVAILABLE', `the check was ended by ${ending}`, { next: 'Run it again.' });
  if (ending === null || typeof ending !== 'object')
    return damagedStores(
      `LMDB ended the process that read them (${String(ending)}): a page of a file is damaged`,
    );
  if ('error' in ending) throw decodeError(ending.error);
  return ending.value;
};

/** Told by each chunk and each small file; a message costs more than most of these. */
const tellEveryMs = 100;
let toldMs = Number.NEGATIVE_INFINITY;

function onProgress(progress: { readonly done: number; readonly total: number }): void {
  const nowMs = systemClock.monotonicMs();
  if (nowMs - toldMs < tellEveryMs && progress.done < progress.total) return;
  toldMs = nowMs;
  process.send?.({ progress });
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

run(JSON.parse(process.argv[2] ?? '') as BackupTask).then(
  (value) => process.send?.({ value }),
  (error: unknown) => process.send?.({ error: encodeError(error) }),
);
// A parent that is gone wants no answer, and what is half done is cleared away by the next backup.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
