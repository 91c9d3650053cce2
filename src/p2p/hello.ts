/** What two members tell each other before a catch-up: JSON, which is read without recursion of ours. */
import type { NodeId } from '../base/ids.ts';
import { isNodeId } from '../codec/node-id.ts';
import type { VersionVector } from '../delta/version-vector.ts';
import { readAddresses } from './cluster-file.ts';
import { maxMemberRecords } from './limits.ts';
import { type MemberRecord, readRecord } from './membership.ts';

export interface Hello {
  readonly vector: VersionVector;
  /** Of the membership: the records follow only when it differs. */
  readonly digest: string;
  readonly records: readonly MemberRecord[];
  readonly version: string;
  readonly main: readonly string[];
  readonly door: readonly string[];
  /** Where other members were reached: who came by one member finds the rest also when that one goes away. */
  readonly places: Readonly<Record<NodeId, ToldPlace>>;
}

export interface ToldPlace {
  readonly main: readonly string[];
  readonly door: readonly string[];
}

/** As many as a cluster may have members. */
const maxPlaces = 1000;
const maxSources = 10_000;

/** Undefined when it has not the form of a hello; `forged` when a membership record in it is not signed as it should be. */
export function readHello(value: unknown, cluster: string): Hello | 'forged' | undefined {
  const it = (value ?? {}) as Partial<Record<keyof Hello, unknown>>;
  const vector = readVector(it.vector);
  if (vector === undefined || typeof it.digest !== 'string' || typeof it.version !== 'string')
    return undefined;
  const listed = it.records ?? [];
  if (!Array.isArray(listed) || listed.length > maxMemberRecords) return undefined;
  const records = listed.map((record) => readRecord(record, cluster));
  if (records.includes(undefined)) return 'forged';
  return {
    vector,
    digest: it.digest.slice(0, 100),
    records: records as MemberRecord[],
    version: it.version.slice(0, 50),
    main: readAddresses(it.main),
    door: readAddresses(it.door),
    places: readPlaces(it.places),
  };
}

function readPlaces(value: unknown): Record<NodeId, ToldPlace> {
  const places: Record<NodeId, ToldPlace> = {};
  for (const [node, told] of Object.entries((value ?? {}) as Record<string, unknown>).slice(0, maxPlaces)) {
    const { main, door } = (told ?? {}) as { main?: unknown; door?: unknown };
    if (isNodeId(node)) places[node] = { main: readAddresses(main), door: readAddresses(door) };
  }
  return places;
}

export function readVector(value: unknown): VersionVector | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > maxSources) return undefined;
  const vector: Record<NodeId, number> = {};
  for (const [source, seq] of entries) {
    if (!isNodeId(source) || !Number.isSafeInteger(seq) || seq < 0) return undefined;
    vector[source] = seq;
  }
  return vector;
}
