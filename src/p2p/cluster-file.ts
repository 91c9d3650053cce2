/**
 * cluster.json: what this node knows of its cluster and must not forget. Secret: mode 0600, replaced atomically, one writer (the peers'
 * thread of the daemon).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { isNodeId } from '../codec/node-id.ts';
import { writeFileAtomic } from '../home/atomic-file.ts';
import { readSecretJson } from '../home/secret-file.ts';
import { maxAddresses } from './limits.ts';
import { type MemberRecord, readRecord } from './membership.ts';

/** An invite of this node. The secret itself stands in the token alone. */
export interface IssuedInvite {
  readonly id: string;
  /** SHA-256, base64. */
  readonly secretHash: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly usedBy?: NodeId;
  readonly revokedAtMs?: number;
}

export interface ClusterDocument {
  readonly version: 1;
  readonly cluster: string;
  readonly name: string;
  /** The key of the private network, base64 of 32 bytes, and which one it is. */
  readonly epoch: number;
  readonly secret: string;
  /** Key of the doors; not rotated: it lets nobody in who is not invited or a member. */
  readonly doorKey: string;
  /** Ports that this node listened on last, so that others find it there again. */
  readonly ports: { readonly main: number; readonly door: number };
  readonly records: readonly MemberRecord[];
  readonly invites: readonly IssuedInvite[];
  /** Where members were reached or said to be. */
  readonly places: Readonly<Record<NodeId, MemberPlaces>>;
}

export interface MemberPlaces {
  readonly main: readonly string[];
  readonly door: readonly string[];
  readonly version: string;
  readonly lastSeenMs: number;
}

const maxFileBytes = 16 * 1024 * 1024;
const secretBytes = 32;

/** Tells keys apart without showing any of them. */
export function keyIdOf(secret: string): string {
  return createHash('sha256').update(`agent-collab key 1\n${secret}`).digest('hex').slice(0, 16);
}

export function secretHashOf(secret: string): string {
  return createHash('sha256').update(`agent-collab invite secret 1\n${secret}`).digest('base64');
}

/** In a time that tells nothing of either. */
export function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

export interface LoadedCluster {
  readonly document: ClusterDocument;
  readonly warnings: readonly string[];
}

/** Undefined when there is no file. @throws CLUSTER_INVALID with what is wrong, never with any of what is in the file. */
export async function loadCluster(path: string): Promise<LoadedCluster | undefined> {
  const found = await readSecretJson(path, maxFileBytes, invalid);
  if (found === undefined) return undefined;
  const document = readDocument(found.value, path);
  const warnings: string[] = [];
  if ((found.mode & 0o077) !== 0) {
    warnings.push(
      `${path} could be read by others (mode ${found.mode.toString(8)}); it was closed to them. If others use this machine, rotate the key: agent-collab cluster rotate.`,
    );
  }
  return { document, warnings };
}

export async function saveCluster(path: string, document: ClusterDocument): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
}

function readDocument(value: unknown, path: string): ClusterDocument {
  const it = (value ?? {}) as Partial<Record<keyof ClusterDocument, unknown>>;
  if (it.version !== 1) throw invalid(path, 'has a version that this program does not know');
  const texts = [it.cluster, it.name];
  if (!texts.every((text) => typeof text === 'string' && text !== ''))
    throw invalid(path, 'names no cluster');
  if (!isSecret(it.secret) || !isSecret(it.doorKey)) throw invalid(path, 'has no usable key');
  if (!Number.isSafeInteger(it.epoch)) throw invalid(path, 'has no epoch');
  const cluster = it.cluster as string;
  const records = Array.isArray(it.records) ? it.records.map((record) => readRecord(record, cluster)) : [];
  if (records.length === 0) throw invalid(path, 'names no members');
  if (records.includes(undefined))
    throw invalid(path, 'has a membership record that is not signed as it should be');
  const { main = 0, door = 0 } = (it.ports ?? {}) as { main?: number; door?: number };
  return {
    version: 1,
    cluster,
    name: it.name as string,
    epoch: it.epoch as number,
    secret: it.secret as string,
    doorKey: it.doorKey as string,
    ports: { main: portOf(main), door: portOf(door) },
    records: records as MemberRecord[],
    invites: Array.isArray(it.invites) ? it.invites.filter(isInvite) : [],
    places: readPlaces(it.places),
  };
}

export function isSecret(value: unknown): value is string {
  return typeof value === 'string' && Buffer.from(value, 'base64').length === secretBytes;
}

function portOf(value: unknown): number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536
    ? (value as number)
    : 0;
}

function isInvite(value: unknown): value is IssuedInvite {
  const it = (value ?? {}) as Partial<Record<keyof IssuedInvite, unknown>>;
  return (
    typeof it.id === 'string' &&
    typeof it.secretHash === 'string' &&
    Number.isSafeInteger(it.createdAtMs) &&
    Number.isSafeInteger(it.expiresAtMs)
  );
}

function readPlaces(value: unknown): Record<NodeId, MemberPlaces> {
  const places: Record<NodeId, MemberPlaces> = {};
  for (const [node, place] of Object.entries((value ?? {}) as Record<string, Partial<MemberPlaces>>)) {
    if (!isNodeId(node)) continue;
    places[node] = {
      main: readAddresses(place.main),
      door: readAddresses(place.door),
      version: typeof place.version === 'string' ? place.version : '',
      lastSeenMs: Number.isSafeInteger(place.lastSeenMs) ? (place.lastSeenMs as number) : 0,
    };
  }
  return places;
}

/** Texts of addresses as a peer or a file gives them: at most so many, none absurdly long. Whether one is dialable shows when it is dialled. */
export function readAddresses(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((it): it is string => typeof it === 'string' && it.length <= 300)
    .slice(0, maxAddresses);
}

function invalid(path: string, what: string): CollabError {
  return new CollabError('CLUSTER_INVALID', `${path} ${what}`, {
    next: 'Put a copy of it back, or move it away and join again with a new invite.',
    details: { path, reason: what },
  });
}
