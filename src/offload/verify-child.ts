/**
 * Verification in a process of its own: LMDB ends the process that meets certain damaged pages, and that must be neither the
 * daemon nor the command that asked.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CollabError, decodeError } from '../base/errors.ts';
import { runInProcess, wasStopped } from '../base/task-process.ts';
import type { VerifyProgress, VerifyResult } from '../store/verify.ts';
import type { VerifyTask } from './contract.ts';
import { workerUrl } from './worker-url.ts';

/** Of three stores, and twice as much as they take. */
const lockFilesBytes = 64 * 1024;
const nothingChecked = { deltas: 0, signatures: 0, indexEntries: 0, auditEvents: 0, lost: 0 };

/** @throws as `verifyStores`. A check that the damage itself has ended is damage found, and so a result. */
export async function verifyInChild(
  task: Omit<VerifyTask, 'scratch'>,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<VerifyResult> {
  if (task.repair !== undefined) return verifyWith(task, onProgress);
  const scratch = await makeScratch();
  try {
    return await verifyWith({ ...task, scratch: join(scratch, 'views') }, onProgress);
  } finally {
    // LMDB may have ended the process that worked in it.
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Not in the data directory: what is to be verified may be on a disk that is full, or may not be written. */
async function makeScratch(): Promise<string> {
  try {
    const scratch = await mkdtemp(join(tmpdir(), 'agent-collab-verify-'));
    // LMDB maps the lock files that it makes there, and a process ends that has no room for a page of them.
    const filler = join(scratch, 'filler');
    await writeFile(filler, Buffer.alloc(lockFilesBytes, 1));
    await rm(filler);
    return scratch;
  } catch (cause) {
    throw new CollabError('STORE_UNAVAILABLE', `there is no room to work in ${tmpdir()}: ${String(cause)}`, {
      next: 'Set TMPDIR to a directory that can be written.',
      cause,
    });
  }
}

async function verifyWith(
  task: VerifyTask,
  onProgress: (progress: VerifyProgress) => void,
): Promise<VerifyResult> {
  let store: VerifyProgress['store'] = 'delta';
  const ending = await runInProcess<VerifyProgress>(
    fileURLToPath(workerUrl('verify-process')),
    [JSON.stringify(task)],
    {
      onProgress: (progress) => {
        store = progress.store;
        onProgress(progress);
      },
    },
  );
  if ('value' in ending) return ending.value as VerifyResult;
  if ('error' in ending) return damageOf(decodeError(ending.error));
  if (wasStopped(ending)) {
    throw new CollabError('STORE_UNAVAILABLE', `the check was ended by ${ending.died}`, {
      next: 'Run agent-collab verify again.',
    });
  }
  const what = `LMDB ended the process that read it (${ending.died}): a page of the file is damaged`;
  return {
    sound: false,
    checked: nothingChecked,
    problems: [{ store, where: 'here or behind', what }],
    problemCount: 1,
  };
}

/** A store that cannot even be opened is what verify is asked to find. */
function damageOf(error: CollabError): VerifyResult {
  if (error.code !== 'STORE_DAMAGED') throw error;
  const problem = { store: 'delta', where: 'while opening or reading', what: error.message } as const;
  return { sound: false, checked: nothingChecked, problems: [problem], problemCount: 1 };
}
