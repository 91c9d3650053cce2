/** A thread that asks for a lock every few milliseconds, as a client on another process would, and says when it asked. To be terminated. */
import { parentPort } from 'node:worker_threads';

const everyMs = 2;
const never = new Int32Array(new SharedArrayBuffer(4));
const port = parentPort;
if (port === null) throw new Error('this is the module of a thread');
const ask = () => {
  // Not a timer: their resolution is a millisecond, and this thread has nothing else to do.
  Atomics.wait(never, 0, 0, everyMs);
  // The clock of `performance` begins anew in each thread; this one is the machine's.
  port.postMessage(process.hrtime.bigint());
  setImmediate(ask);
};
ask();
