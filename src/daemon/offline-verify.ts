/** `verify` on a data directory that no daemon serves. Holds the owner's lock meanwhile, so that none starts to write in it. */
import { existsSync } from 'node:fs';
import { CollabError } from '../base/errors.ts';
import type { VerifyView } from '../control/results.ts';
import { homePaths } from '../home/home-paths.ts';
import { OwnerLock } from '../home/owner-lock.ts';
import { verifyInChild } from '../offload/verify-child.ts';
import type { VerifyProgress } from '../store/verify.ts';

/** @throws HOME_UNUSABLE when there are no stores, DAEMON_RUNNING when a daemon came up meanwhile, STORE_DAMAGED. */
export async function verifyStopped(
  home: string,
  options: { readonly onProgress?: (progress: VerifyProgress) => void } = {},
): Promise<VerifyView> {
  const { root, deltaStore: delta, indexStore: index, auditStore: audit } = homePaths(home);
  if (!existsSync(delta)) {
    throw new CollabError('HOME_UNUSABLE', `there are no stores in ${root}`, {
      next: 'Set AGENT_COLLAB_HOME to a data directory, or make one: agent-collab run.',
    });
  }
  const owner = await OwnerLock.tryAcquire(homePaths(home));
  if (!(owner instanceof OwnerLock)) {
    throw new CollabError('DAEMON_RUNNING', `a daemon serves ${root}: pid ${owner.pid}`, {
      next: 'Run verify again.',
    });
  }
  try {
    return await verifyInChild({ places: { delta, index, audit } }, options.onProgress);
  } finally {
    await owner.close();
  }
}
