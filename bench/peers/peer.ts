/** What is compared: the same records, under the same durability, answered as parsed objects. */

/** A record of the bench in the words of every side. */
export interface PeerRecord {
  /** 1, 2, 3, … in the order of appending. */
  readonly position: number;
  /** 0 … 7. */
  readonly source: number;
  readonly seq: number;
  /** Rises with the position. */
  readonly time: number;
  /** The payload as an object, and as JSON: each side takes the form that it stores. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly json: string;
}

export interface PeerStore {
  /** Returns when all are on disk, by what `Peer.durability` says. */
  append(records: readonly PeerRecord[]): Promise<void> | void;
  /** `from` ≤ time < `to`, oldest first, each parsed. @returns how many */
  range(from: number, to: number): Promise<number> | number;
  /** Newest first, each parsed. @returns how many; absent where there is no index that could tell */
  last?(source: number, count: number): Promise<number> | number;
  /** Resolves when whatever follows an append in the background is done. @default at once */
  settle?(): Promise<void>;
  close(): Promise<void> | void;
}

export interface Peer {
  readonly name: string;
  /** What survives what, once `append` has returned. */
  readonly durability: string;
  /** @throws when the package is not installed. */
  open(directory: string): Promise<PeerStore>;
}
