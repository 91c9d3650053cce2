/** A process that verifies the stores, and repairs them before when it is told to, tells its parent what it found, and ends. */
import { answerParent, tellProgress } from '../src/base/task-process.ts';
import type { VerifyTask } from '../src/offload/contract.ts';
import { repairStores } from '../src/store/repair.ts';
import { type VerifyResult, verifyStores } from '../src/store/verify.ts';
import { withViews } from '../src/store/view-directory.ts';

async function run({ places, scratch, mapSizeBytes, repair }: VerifyTask): Promise<VerifyResult> {
  const options = { onProgress: tellProgress, ...(mapSizeBytes === undefined ? {} : { mapSizeBytes }) };
  // A daemon may have them open, and write: see view-directory.ts.
  if (repair === undefined && scratch !== undefined)
    return withViews(scratch, places, (views) => verifyStores(views, { ...options, readOnly: true }));
  const repaired = repair && (await repairStores(places, { ...options, ...repair }));
  return { ...(await verifyStores(places, options)), ...(repaired && { repaired }) };
}

answerParent(run(JSON.parse(process.argv[2] ?? '') as VerifyTask));
