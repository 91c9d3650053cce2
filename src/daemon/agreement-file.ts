/** agreement.json: what a node must find again so that it breaks no promise after a restart. */
import { rm } from 'node:fs/promises';
import type { DurableState, Vote } from '../agreement/durable-state.ts';
import { maxMembers, sortedMembers, type View } from '../agreement/view.ts';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { isNodeId } from '../codec/node-id.ts';
import { writeFileAtomic } from '../home/atomic-file.ts';
import { readSecretJson } from '../home/secret-file.ts';

/** Views have up to 256 members of some 60 characters. */
const maxFileBytes = 256 * 1024;
const version = 1;

/** Of which cluster, and what. */
export interface AgreementDocument {
  readonly cluster: string;
  readonly state: DurableState;
}

/** Undefined when there is none. @throws CLUSTER_INVALID: nothing of what is in it can be relied on. */
export async function loadAgreement(path: string): Promise<AgreementDocument | undefined> {
  const found = await readSecretJson(path, maxFileBytes, invalid);
  return found === undefined ? undefined : readDocument((found.value ?? {}) as Fields, path);
}

/** Resolves once it is on disk. @throws NodeJS.ErrnoException */
export async function saveAgreement(path: string, { cluster, state }: AgreementDocument): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify({ version, cluster, ...state }, null, 2)}\n`, {
    mode: 0o600,
  });
}

export async function removeAgreement(path: string): Promise<void> {
  await rm(path, { force: true });
}

type Fields = Readonly<Record<string, unknown>>;

function readDocument(it: Fields, path: string): AgreementDocument {
  if (it.version !== version) throw invalid(path, 'has a version that this program does not know');
  const { cluster, reservedRound, ballot, longestMs } = it;
  if (typeof cluster !== 'string' || cluster === '') throw invalid(path, 'names no cluster');
  if (!isCount(reservedRound) || !isCount(ballot) || typeof longestMs !== 'number' || !(longestMs >= 0))
    throw invalid(path, 'has no usable numbers');
  const view = readView(it.view);
  if (view === undefined) throw invalid(path, 'has no usable view');
  const vote = it.vote === undefined ? undefined : readVote(it.vote);
  if (it.vote !== undefined && vote === undefined) throw invalid(path, 'has no usable vote');
  return { cluster, state: { reservedRound, view, ballot, vote, longestMs } };
}

function readView(value: unknown): View | undefined {
  const { epoch, departed, ...rest } = (value ?? {}) as Fields;
  const members = readMembers(rest.members);
  return isCount(epoch) && typeof departed === 'boolean' && members !== undefined
    ? { epoch, members, departed }
    : undefined;
}

function readVote(value: unknown): Vote | undefined {
  const { ballot, departed, ...rest } = (value ?? {}) as Fields;
  const members = readMembers(rest.members);
  return isCount(ballot) && typeof departed === 'boolean' && members !== undefined
    ? { ballot, members, departed }
    : undefined;
}

function readMembers(value: unknown): readonly NodeId[] | undefined {
  return Array.isArray(value) &&
    value.length > 0 &&
    value.length <= maxMembers &&
    value.every((it) => typeof it === 'string' && isNodeId(it))
    ? sortedMembers(value as NodeId[])
    : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(path: string, what: string): CollabError {
  return new CollabError('CLUSTER_INVALID', `${path} ${what}`, {
    next: 'Put a copy of it back that is not older than the last start; or leave the cluster and join it again.',
    details: { path, reason: what },
  });
}
