/** `verify [--repair]` on a data directory that no daemon serves. Holds the owner's lock meanwhile, so that none starts to write in it. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import type { VerifyView } from '../control/results.ts';
import { homePaths } from '../home/home-paths.ts';
import { decodeKeyDocument } from '../home/node-key.ts';
import { OwnerLock } from '../home/owner-lock.ts';
import { verifyInChild } from '../offload/verify-child.ts';
import type { VerifyProgress } from '../store/verify.ts';

/** @throws HOME_UNUSABLE when there are no stores, DAEMON_RUNNING when a daemon came up meanwhile, STORE_DAMAGED. */
export async function verifyStopped(
  home: string,
  options: { readonly onProgress?: (progress: VerifyProgress) => void; readonly repair?: boolean } = {},
): Promise<VerifyView> {
  const {
    root,
    key,
    deltaStore: delta,
    indexStore: index,
    auditStore: audit,
    damagedStores,
  } = homePaths(home);
  if (!existsSync(delta)) {
    throw new CollabError('HOME_UNUSABLE', `there are no stores in ${root}`, {
      next: 'Set AGENT_COLLAB_HOME to a data directory, or make one: agent-collab run.',
    });
  }
  // What a dead owner left stays: the next start tells of it.
  const owner = await OwnerLock.tryAcquire(homePaths(home), 'keep', 'verify');
  if (!(owner instanceof OwnerLock)) {
    throw new CollabError('DAEMON_RUNNING', `a daemon serves ${root}: pid ${owner.pid}`, {
      next: 'Run verify again.',
    });
  }
  try {
    const places = { delta, index, audit };
    if (options.repair !== true) return await verifyInChild({ places }, options.onProgress);
    const node = await ownNode(key);
    const repair = { asideDirectory: damagedStores, ...(node === undefined ? {} : { node }) };
    return await verifyInChild({ places, repair }, options.onProgress);
  } finally {
    await owner.close();
  }
}

/** Undefined when key.json does not tell: then the log itself must. */
async function ownNode(path: string): Promise<NodeId | undefined> {
  try {
    return decodeKeyDocument(await readFile(path, 'utf8'), path).nodeId;
  } catch {
    // A start will say what is wrong with the key; a repair of the stores need not wait for it.
    return undefined;
  }
}
