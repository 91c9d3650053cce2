/** Runs what may end its process, a look at files through LMDB, in one of its own (workers/migrate-process.ts). */
import { fileURLToPath } from 'node:url';
import { CollabError, decodeError } from '../base/errors.ts';
import { runInProcess, type TaskEnding, wasStopped } from '../base/task-process.ts';
import type { LogCheck, MigrationTools } from '../migrate/start-migration.ts';
import { workerUrl } from '../offload/worker-url.ts';

export const migrationTools: MigrationTools = {
  async tryLmdb(directory) {
    const ending = await runTask('trial', directory);
    if ('value' in ending) return;
    if ('error' in ending) throw decodeError(ending.error);
    throw new CollabError(
      'STORE_UNAVAILABLE',
      `LMDB does not work in ${directory}: it ended its process (${ending.died})`,
      {
        next: 'Put the data directory on a local disk, and let AGENT_COLLAB_HOME name it.',
        details: { directory, ended: String(ending.died) },
      },
    );
  },
  async verifyLog(directory, onProgress) {
    const ending = await runTask('verify', directory, onProgress);
    if ('value' in ending) return ending.value as LogCheck;
    if ('error' in ending) throw decodeError(ending.error);
    if (wasStopped(ending)) {
      throw new CollabError('STORE_UNAVAILABLE', `the check of the log was ended by ${ending.died}`, {
        next: 'Run it again; is there too little memory?',
      });
    }
    const what = `LMDB ended the process that read it (${ending.died}): a page of the file is damaged`;
    return { sound: false, checked: { deltas: 0 }, problems: [{ where: directory, what }] };
  },
};

function runTask(
  task: 'trial' | 'verify',
  directory: string,
  onProgress: (progress: { readonly done: number; readonly total: number }) => void = () => {},
): Promise<TaskEnding> {
  return runInProcess(fileURLToPath(workerUrl('migrate-process')), [task, directory], { onProgress });
}
