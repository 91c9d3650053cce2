/** A process that verifies the stores, and repairs them before when it is told to, tells its parent what it found, and ends. */
import { encodeError } from '../src/base/errors.ts';
import type { VerifyTask } from '../src/offload/contract.ts';
import { repairStores } from '../src/store/repair.ts';
import { type VerifyProgress, type VerifyResult, verifyStores } from '../src/store/verify.ts';

async function run({ places, mapSizeBytes, repair }: VerifyTask): Promise<VerifyResult> {
  const onProgress = (progress: VerifyProgress) => process.send?.({ progress });
  const options = { onProgress, ...(mapSizeBytes === undefined ? {} : { mapSizeBytes }) };
  if (repair === undefined) return verifyStores(places, options);
  const repaired = await repairStores(places, { ...options, ...repair });
  return { ...(await verifyStores(places, options)), repaired };
}

run(JSON.parse(process.argv[2] ?? '') as VerifyTask).then(
  (value) => process.send?.({ value }),
  (error: unknown) => process.send?.({ error: encodeError(error) }),
);
// A parent that is gone wants no answer.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
