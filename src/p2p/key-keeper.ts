/** The key of the cluster: taking over a new one, and asking for it when this node was away while it changed. */
import { CollabError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import { keyIdOf } from './cluster-file.ts';
import type { ClusterStore } from './cluster-store.ts';
import { type DoorKeys, knock } from './door.ts';
import { type MemberRecord, readRecord } from './membership.ts';

export interface KeyKeeperParts {
  readonly own: NodeId;
  readonly doorKeys: Omit<DoorKeys, 'doorKey'>;
  readonly takeRecords: (records: readonly MemberRecord[]) => Promise<void>;
  /** The new key is on disk: change over to it. */
  readonly onChanged: () => void;
  readonly onRemoved: (saidBy: NodeId) => void;
  readonly onTrouble: (error: unknown) => void;
  readonly nowMs: () => number;
}

/** Between two knocks at the door of one member. */
const askAgainMs = 10_000;

export class KeyKeeper {
  readonly #store: ClusterStore;
  readonly #parts: KeyKeeperParts;
  #isKnocking = false;
  readonly #askedMs = new Map<NodeId, number>();

  constructor(store: ClusterStore, parts: KeyKeeperParts) {
    this.#store = store;
    this.#parts = parts;
  }

  /**
   * Takes a new key that this node has made. Key and record stand on disk together before anybody is told: a node that dies then comes back
   * with both, and whoever meets it asks for them. `onChanged` is left to the caller, who still has to tell the others in the old one.
   */
  async make(record: MemberRecord, secret: string): Promise<void> {
    await this.#save(record, secret);
  }

  /** What another member tells of a new key. True once it is on disk. */
  async take(value: unknown): Promise<boolean> {
    const { record: listed, secret } = (value ?? {}) as { record?: unknown; secret?: unknown };
    const record = readRecord(listed, this.#store.membership.cluster);
    if (record?.kind !== 'rotate' || typeof secret !== 'string' || keyIdOf(secret) !== record.text)
      return false;
    const isNew = this.#store.document.secret !== secret;
    if (!(await this.#save(record, secret))) return false;
    if (isNew) this.#parts.onChanged();
    return true;
  }

  /** False when it is not the key that the membership names: an older one, or one that lost against another change of the same epoch. */
  async use(epoch: number, secret: string): Promise<boolean> {
    if (!this.#isNamed(epoch, secret)) return false;
    if (this.#store.document.secret === secret) return true;
    await this.#store.change({ epoch, secret });
    this.#parts.onChanged();
    return true;
  }

  /** In one write: a record without its key would be of no use to anybody. False when the key is not the one, and is not kept. */
  async #save(record: MemberRecord, secret: string): Promise<boolean> {
    const { membership } = this.#store;
    membership.add([record]);
    const isIt = this.#isNamed(record.generation, secret);
    await this.#store.change({
      records: membership.records(),
      ...(isIt ? { epoch: record.generation, secret } : {}),
    });
    return isIt;
  }

  #isNamed(epoch: number, secret: string): boolean {
    const wanted = this.#store.membership.epoch;
    return wanted?.epoch === epoch && wanted.keyId === keyIdOf(secret);
  }

  /** True while the membership names a key that this node has not. */
  get isMissing(): boolean {
    const wanted = this.#store.membership.epoch;
    return wanted !== undefined && wanted.keyId !== keyIdOf(this.#store.document.secret);
  }

  /** Members that cannot be reached may use a key that this node was not told: their doors are open to it. */
  async askAround(): Promise<void> {
    const others = this.#store.membership.all().filter(({ gone }) => gone === undefined);
    await this.#knockAt(others.map(({ node }) => node));
  }

  /** The same of one member, which answers in another key: the older one of the two finds the newer behind a door. */
  async ask(node: NodeId): Promise<void> {
    const nowMs = this.#parts.nowMs();
    if (this.#isKnocking || nowMs - (this.#askedMs.get(node) ?? -askAgainMs) < askAgainMs) return;
    this.#askedMs.set(node, nowMs);
    await this.#knockAt([node]);
  }

  async #knockAt(nodes: readonly NodeId[]): Promise<void> {
    if (this.#isKnocking) return;
    this.#isKnocking = true;
    try {
      for (const node of nodes) {
        const addresses = this.#store.place(node)?.door ?? [];
        if (node === this.#parts.own || addresses.length === 0) continue;
        if (await this.#askAt(node, addresses)) return;
      }
    } catch (error) {
      this.#parts.onTrouble(error);
    } finally {
      this.#isKnocking = false;
    }
  }

  async #askAt(node: NodeId, addresses: readonly string[]): Promise<boolean> {
    const { doorKeys, takeRecords, onRemoved } = this.#parts;
    const { document, membership } = this.#store;
    const keys = { ...doorKeys, doorKey: document.doorKey };
    try {
      const answer = await knock(keys, node, addresses, { kind: 'key', cluster: membership.cluster });
      await takeRecords(answer.records);
      this.#store.seen(node, { main: answer.main, door: answer.door });
      return await this.use(answer.epoch, answer.secret);
    } catch (error) {
      if (error instanceof CollabError && error.code === 'NOT_IN_CLUSTER') onRemoved(node);
      // It is away, or says no: the next one may be there.
      return false;
    }
  }
}
