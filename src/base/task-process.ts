/**
 * A task in a process of its own: what may end its process, such as a look at a damaged page through LMDB, must end neither the daemon nor
 * the command that asked. The child is started with its task as arguments, sends `{ progress }` any number of times, and then one answer.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { encodeError, type WireError } from './errors.ts';

/** `died`: it ended without an answer, by a signal or with an exit code. */
export type TaskEnding =
  | { readonly value: unknown }
  | { readonly error: WireError }
  | { readonly died: NodeJS.Signals | number | null };

export interface TaskOptions<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  readonly onStarted?: (child: ChildProcess) => void;
  /** Ends the process at once when it is aborted. */
  readonly stopping?: AbortSignal;
}

/** @throws what the system says when no process can be started. */
export async function runInProcess<Progress>(
  program: string,
  args: readonly string[],
  { onProgress, onStarted, stopping }: TaskOptions<Progress> = {},
): Promise<TaskEnding> {
  const child = fork(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  onStarted?.(child);
  // Not by the signal option of fork, whose error would have no code of ours.
  const stop = () => child.kill('SIGKILL');
  stopping?.addEventListener('abort', stop);
  if (stopping?.aborted === true) stop();
  return new Promise<TaskEnding>((resolve, reject) => {
    child.on('message', (message) => {
      const said = message as TaskEnding | { readonly progress: Progress };
      if ('progress' in said) onProgress?.(said.progress);
      else resolve(said);
    });
    child.once('exit', (code, signal) => resolve({ died: signal ?? code }));
    child.once('error', reject);
  }).finally(() => {
    stopping?.removeEventListener('abort', stop);
    // The child ends itself when the channel does; an open one would keep both processes alive.
    if (child.connected) child.disconnect();
  });
}

/** True when somebody ended it, or the system for want of memory: no sign of damage. */
export function wasStopped({ died }: { readonly died: NodeJS.Signals | number | null }): boolean {
  return died === 'SIGTERM' || died === 'SIGKILL';
}

/** In the child. */
export function tellProgress(progress: unknown): void {
  process.send?.({ progress });
}

/** In the child: its one answer. What is half done is cleared away by whoever runs the task again. */
export function answerParent(work: Promise<unknown>): void {
  work.then(
    (value) => process.send?.({ value: value ?? null }),
    (error: unknown) => process.send?.({ error: encodeError(error) }),
  );
  // A parent that is gone wants no answer.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}
