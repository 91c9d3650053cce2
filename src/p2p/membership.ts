/**
 * Who belongs to the cluster: a grow-only set of signed records that every member holds and evaluates alike, in whatever order they came.
 *
 * - `add` (node, generation): signed by a member. The founder adds itself; the id of the cluster is a hash over that record's nonce.
 * - `remove` (node, generation): `left`, signed by the node, or `evicted`, signed by another member. It wins over the `add` of its own and
 *   of earlier generations; who was evicted comes back only by a new invite, as the next generation.
 * - `rotate`: a new epoch of the cluster's key. The record says which; the key itself goes to members only, over their connections.
 *
 * Who is evicted keeps its key and could sign records that pretend to be older. So an eviction lists the records of the evicted node that
 * it knows (`keeps`); any other record of that node is void from then on. Two evictions that void each other: the one with the earlier
 * time counts, then the one with the smaller id.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import type { NodeId } from '../base/ids.ts';
import { isNodeId } from '../codec/node-id.ts';
import { publicKeyObject } from '../store/delta-intake.ts';
import { maxMemberRecords, maxNameChars } from './limits.ts';

export interface MemberRecord {
  readonly kind: 'add' | 'remove' | 'rotate';
  readonly cluster: string;
  /** Whom it is about; of a `rotate`, who did it. */
  readonly node: NodeId;
  /** 1, 2, … : how often the node has joined. Of a `rotate`, the epoch. */
  readonly generation: number;
  /** `add`: the node's name. `remove`: `left` or `evicted`. `rotate`: the id of the key. */
  readonly text: string;
  /** `remove`: records of the node that stay valid. Of the founder's `add`: its nonce alone. */
  readonly keeps: readonly string[];
  readonly by: NodeId;
  /** The generation that the signer had. */
  readonly as: number;
  /** Wall clock of the signer, ms. */
  readonly at: number;
  /** Ed25519 by `by`, base64. */
  readonly signature: string;
}

export type RecordDraft = Omit<MemberRecord, 'signature'>;

export interface Member {
  readonly node: NodeId;
  readonly name: string;
  readonly generation: number;
  /** Why it is none any more. */
  readonly gone: 'left' | 'evicted' | undefined;
  readonly addedBy: NodeId;
}

const idChars = 32;

function signedBytes(record: RecordDraft): Buffer {
  const { kind, cluster, node, generation, text, keeps, by, as, at } = record;
  return Buffer.from(
    JSON.stringify(['agent-collab member 1', kind, cluster, node, generation, text, keeps, by, as, at]),
  );
}

function recordId(record: RecordDraft): string {
  return createHash('sha256').update(signedBytes(record)).digest('hex').slice(0, idChars);
}

export function signRecord(draft: RecordDraft, privateKey: KeyObject): MemberRecord {
  return { ...draft, signature: sign(null, signedBytes(draft), privateKey).toString('base64') };
}

export function clusterIdOf(founder: NodeId, nonce: string): string {
  return createHash('sha256')
    .update(`agent-collab cluster 1\n${founder}\n${nonce}`)
    .digest('hex')
    .slice(0, idChars);
}

/** The record in what a peer or a file says, once its form and its signature are right. Undefined otherwise. */
export function readRecord(value: unknown, cluster: string): MemberRecord | undefined {
  const it = (value ?? {}) as Partial<Record<keyof MemberRecord, unknown>>;
  const sound =
    (it.kind === 'add' || it.kind === 'remove' || it.kind === 'rotate') &&
    it.cluster === cluster &&
    isNode(it.node) &&
    isNode(it.by) &&
    isCount(it.generation) &&
    isCount(it.as) &&
    isCount(it.at) &&
    typeof it.text === 'string' &&
    it.text.length <= maxNameChars &&
    Array.isArray(it.keeps) &&
    it.keeps.length <= maxMemberRecords &&
    it.keeps.every((id) => typeof id === 'string' && id.length <= idChars) &&
    typeof it.signature === 'string' &&
    it.signature.length <= 100;
  if (!sound) return undefined;
  const { kind, node, generation, text, keeps, by, as, at, signature } = it as MemberRecord;
  const record = { kind, cluster, node, generation, text, keeps, by, as, at, signature };
  const isSigned = verify(null, signedBytes(record), publicKeyObject(by), Buffer.from(signature, 'base64'));
  return isSigned ? record : undefined;
}

export class Membership {
  readonly cluster: string;
  readonly #records = new Map<string, MemberRecord>();
  #members = new Map<NodeId, Member>();
  #epoch: { readonly epoch: number; readonly keyId: string } | undefined;
  #digest: string | undefined;

  constructor(cluster: string, records: readonly MemberRecord[] = []) {
    this.cluster = cluster;
    this.add(records);
  }

  /** Takes what is new. Returns it; nothing more is taken than a cluster may have. */
  add(records: readonly MemberRecord[]): readonly MemberRecord[] {
    const fresh: MemberRecord[] = [];
    for (const record of records) {
      const id = recordId(record);
      if (this.#records.has(id) || this.#records.size >= maxMemberRecords) continue;
      this.#records.set(id, record);
      fresh.push(record);
    }
    if (fresh.length > 0) this.#evaluate();
    return fresh;
  }

  /** Everybody who ever was one. */
  all(): readonly Member[] {
    return [...this.#members.values()];
  }

  get(node: NodeId): Member | undefined {
    return this.#members.get(node);
  }

  isMember(node: NodeId): boolean {
    const member = this.#members.get(node);
    return member !== undefined && member.gone === undefined;
  }

  /** True of evicted ones too: what they wrote as members stays in the log. */
  wasMember(node: NodeId): boolean {
    return this.#members.has(node);
  }

  records(): readonly MemberRecord[] {
    return [...this.#records.values()];
  }

  recordsBy(node: NodeId): readonly string[] {
    return [...this.#records].filter(([, record]) => record.by === node).map(([id]) => id);
  }

  get epoch(): { readonly epoch: number; readonly keyId: string } | undefined {
    return this.#epoch;
  }

  /** Two members with the same digest hold the same records. */
  get digest(): string {
    this.#digest ??= createHash('sha256')
      .update([...this.#records.keys()].sort().join())
      .digest('hex')
      .slice(0, idChars);
    return this.#digest;
  }

  #evaluate(): void {
    this.#digest = undefined;
    const ordered = [...this.#records].sort(([a, x], [b, y]) => x.at - y.at || (a < b ? -1 : 1));
    const removes: (readonly [string, MemberRecord])[] = [];
    for (const entry of ordered) {
      if (entry[1].kind !== 'remove') continue;
      if (isAllowed(entry, addsWithin(ordered, removes, this.cluster), removes)) removes.push(entry);
    }
    const adds = addsWithin(ordered, removes, this.cluster);
    this.#members = new Map();
    for (const [node, record] of adds) {
      const removed = removes.find(([, it]) => it.node === node && it.generation >= record.generation)?.[1];
      const gone = removed === undefined ? undefined : removed.text === 'left' ? 'left' : 'evicted';
      this.#members.set(node, {
        node,
        name: record.text,
        generation: record.generation,
        gone,
        addedBy: record.by,
      });
    }
    this.#epoch = undefined;
    for (const entry of ordered) {
      const [, { kind, generation, text }] = entry;
      if (kind !== 'rotate' || !isAllowed(entry, adds, removes)) continue;
      if (generation > (this.#epoch?.epoch ?? 0)) this.#epoch = { epoch: generation, keyId: text };
    }
  }
}

/** The newest valid `add` of each node. Who signed one must have been added itself, so it goes on until nobody new turns up. */
function addsWithin(
  ordered: readonly (readonly [string, MemberRecord])[],
  removes: readonly (readonly [string, MemberRecord])[],
  cluster: string,
): ReadonlyMap<NodeId, MemberRecord> {
  const adds = new Map<NodeId, MemberRecord>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const entry of ordered) {
      const [, record] = entry;
      if (record.kind !== 'add' || record.generation <= (adds.get(record.node)?.generation ?? 0)) continue;
      const isFounder =
        record.by === record.node && clusterIdOf(record.node, record.keeps[0] ?? '') === cluster;
      if (!isFounder && !isAllowed(entry, adds, removes)) continue;
      adds.set(record.node, record);
      grew = true;
    }
  }
  return adds;
}

function isAllowed(
  [id, record]: readonly [string, MemberRecord],
  adds: ReadonlyMap<NodeId, MemberRecord>,
  removes: readonly (readonly [string, MemberRecord])[],
): boolean {
  const signer = adds.get(record.by);
  if (signer === undefined || record.as > signer.generation) return false;
  if (record.kind === 'remove' && (record.text === 'left') !== (record.by === record.node)) return false;
  return !removes.some(
    ([, it]) =>
      it.text === 'evicted' && it.node === record.by && it.generation >= record.as && !it.keeps.includes(id),
  );
}

function isNode(value: unknown): value is NodeId {
  return typeof value === 'string' && isNodeId(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
