/** The only file that ends the process. Output is written synchronously (base/log.ts), so nothing is cut off. */

/**
 * Exit codes besides those of the errors (base/errors.ts). 128 + the number of a signal is what a shell expects of a process
 * that the signal ended; 70 is a defect.
 */
export const exitCodes = { done: 0, defect: 70, hungUp: 129, interrupted: 130, terminated: 143 } as const;

export function exitNow(code: number): never {
  process.exit(code);
}

/** Ends the thread that calls it: in a worker the worker alone, which its owner sees as a death. */
export function endThread(): never {
  process.exit(exitCodes.defect);
}

/**
 * Ends the process without running anything of it any more. An orderly exit waits for each worker thread, and one that is stuck in
 * a transaction is never done; whatever is committed is safe all the same.
 */
export function killNow(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('the process outlived SIGKILL');
}
