/**
 * The stores, read by the peers' thread: with handles of its own, opened for a moment at a time under a leave of the main thread, which
 * takes the files from everybody when it replaces them.
 */
import { DeltaReader } from '../store/delta-reader.ts';
import type { PeerStart } from './peer-contract.ts';

/**
 * Handles are kept this long for the next read: to open them takes four write transactions, which wait for whoever writes. A swap of a store
 * waits no longer than this, and holds up nothing but queries before it has them.
 */
const lingerMs = 100;

export interface ReadLeave {
  /** Resolves to the generation of the stores: see StoreHandles. */
  begin(): Promise<number>;
  end(): Promise<void>;
}

export class LogAccess {
  readonly #stores: PeerStart['stores'];
  readonly #leave: ReadLeave;
  #turn: Promise<unknown> = Promise.resolve();
  #reader: DeltaReader | undefined;
  #openedAtMs = 0;
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #nowMs: () => number;

  constructor(stores: PeerStart['stores'], leave: ReadLeave, nowMs: () => number) {
    this.#stores = stores;
    this.#leave = leave;
    this.#nowMs = nowMs;
  }

  /** Runs `work`, which is synchronous, with a reader of the committed log. One after the other. */
  read<T>(work: (reader: DeltaReader, generation: number) => T): Promise<T> {
    return this.#inTurn(async () => {
      if (this.#reader !== undefined && this.#nowMs() - this.#openedAtMs > lingerMs) await this.#release();
      const reader = this.#reader ?? (await this.#open());
      try {
        return work(reader, this.#generation);
      } catch (error) {
        await this.#release();
        throw error;
      } finally {
        this.#timer ??= setTimeout(() => void this.#inTurn(() => this.#release()), lingerMs);
      }
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#release());
  }

  async #open(): Promise<DeltaReader> {
    this.#generation = await this.#leave.begin();
    try {
      this.#reader = await DeltaReader.open(this.#stores, {
        mapSizeBytes: this.#stores.mapSizeBytes,
        create: false,
      });
    } catch (error) {
      await this.#leave.end();
      throw error;
    }
    this.#openedAtMs = this.#nowMs();
    return this.#reader;
  }

  async #release(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    await reader.close();
    await this.#leave.end();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
