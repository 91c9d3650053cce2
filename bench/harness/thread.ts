import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** A thread that runs a module of the sources. By `require`: a thread of Node 20 finds no `.ts` file by its URL, though tsx is there. */
export function startThread(module: URL, workerData?: unknown): Worker {
  return new Worker(`require('tsx/cjs'); require(${JSON.stringify(fileURLToPath(module))})`, {
    eval: true,
    workerData,
  });
}
