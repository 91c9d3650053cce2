/**
 * Verification in a process of its own: LMDB ends the process that meets certain damaged pages, and that must be neither the
 * daemon nor the command that asked.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CollabError, decodeError } from '../base/errors.ts';
import type { VerifyProgress, VerifyResult } from '../store/verify.ts';
import type { ReadAnswer, VerifyTask } from './contract.ts';
import { workerUrl } from './worker-url.ts';

type Message = { readonly progress: VerifyProgress } | ReadAnswer<VerifyResult>;
type Ending = ReadAnswer<VerifyResult> | NodeJS.Signals | number | null;

const nothingChecked = { deltas: 0, signatures: 0, indexEntries: 0, auditEvents: 0, lost: 0 };

/** @throws as `verifyStores`. A check that the damage itself has ended is damage found, and so a result. */
export async function verifyInChild(
  task: VerifyTask,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<VerifyResult> {
  const child = fork(fileURLToPath(workerUrl('verify-process')), [JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  let store: VerifyProgress['store'] = 'delta';
  const ending = await new Promise<Ending>((resolve, reject) => {
    child.on('message', (message) => {
      const said = message as Message;
      if ('progress' in said) {
        store = said.progress.store;
        onProgress(said.progress);
      } else resolve(said);
    });
    child.once('exit', (code, signal) => resolve(signal ?? code));
    child.once('error', reject);
  }).finally(() => {
    // The child ends itself when the channel does; an open one would keep both processes alive.
    if (child.connected) child.disconnect();
  });
  if (ending !== null && typeof ending === 'object') {
    if ('error' in ending) return damageOf(decodeError(ending.error));
    return ending.value;
  }
  if (ending === 'SIGTERM' || ending === 'SIGKILL') {
    throw new CollabError('STORE_UNAVAILABLE', `the check was ended by ${ending}`, {
      next: 'Run agent-collab verify again.',
    });
  }
  const what = `LMDB ended the process that read it (${String(ending)}): a page of the file is damaged`;
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
