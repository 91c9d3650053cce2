/** The cluster as this node knows it: cluster.json, and what follows from it. Changes are written one after the other, each whole. */
import type { NodeId } from '../base/ids.ts';
import { type ClusterDocument, type LoadedCluster, type MemberPlaces, saveCluster } from './cluster-file.ts';
import { type MemberRecord, Membership } from './membership.ts';

/** Where peers were seen changes often and matters little: it is written with what matters, or after this time. */
const placesDelayMs = 30_000;

export class ClusterStore {
  readonly membership: Membership;
  readonly #path: string;
  #document: ClusterDocument;
  #saving: Promise<void> = Promise.resolve();
  #later: NodeJS.Timeout | undefined;

  private constructor(path: string, document: ClusterDocument) {
    this.#path = path;
    this.#document = document;
    this.membership = new Membership(document.cluster, document.records);
  }

  static of(path: string, { document }: LoadedCluster): ClusterStore {
    return new ClusterStore(path, document);
  }

  static async create(path: string, document: ClusterDocument): Promise<ClusterStore> {
    await saveCluster(path, document);
    return new ClusterStore(path, document);
  }

  get document(): ClusterDocument {
    return this.#document;
  }

  /** Resolves once it is on disk. */
  async change(part: Partial<ClusterDocument>): Promise<void> {
    this.#document = { ...this.#document, ...part };
    await this.#save();
  }

  /** Takes what is new of the records, and returns it once it is on disk. */
  async addRecords(records: readonly MemberRecord[]): Promise<readonly MemberRecord[]> {
    const fresh = this.membership.add(records);
    if (fresh.length > 0) await this.change({ records: this.membership.records() });
    return fresh;
  }

  place(node: NodeId): MemberPlaces | undefined {
    return this.#document.places[node];
  }

  seen(node: NodeId, change: Partial<MemberPlaces>): void {
    const before = this.place(node) ?? { main: [], door: [], version: '', lastSeenMs: 0 };
    this.#document = {
      ...this.#document,
      places: { ...this.#document.places, [node]: { ...before, ...change } },
    };
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      // The next change writes it too.
      this.#save().catch(() => {});
    }, placesDelayMs).unref();
  }

  async close(): Promise<void> {
    if (this.#later !== undefined) await this.#save().catch(() => {});
    clearTimeout(this.#later);
    await this.#saving.catch(() => {});
  }

  #save(): Promise<void> {
    // One at a time, and each as the document is by then: the last one to run has everything.
    this.#saving = this.#saving.catch(() => {}).then(() => saveCluster(this.#path, this.#document));
    return this.#saving;
  }
}
