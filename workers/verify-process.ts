/** A process that verifies the stores, tells its parent what it found, and ends. */
import { encodeError } from '../src/base/errors.ts';
import type { VerifyTask } from '../src/offload/contract.ts';
import { type VerifyProgress, verifyStores } from '../src/store/verify.ts';

const task = JSON.parse(process.argv[2] ?? '') as VerifyTask;
const { places, mapSizeBytes } = task;
const onProgress = (progress: VerifyProgress) => process.send?.({ progress });
verifyStores(places, { onProgress, ...(mapSizeBytes === undefined ? {} : { mapSizeBytes }) }).then(
  (value) => process.send?.({ value }),
  (error: unknown) => process.send?.({ error: encodeError(error) }),
);
// A parent that is gone wants no answer.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
