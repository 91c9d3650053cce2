/**
 * What is done to whole stores while the daemon serves: retention, verification, compact copies, repair, and bringing back what was
 * deleted under it. One at a time, since each counts on the stores' files to stay the ones that it found.
 */
import type { Clock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { encodeNumbers, frameKind } from '../queue/lane-frames.ts';
import { copyDirectory, type StoreName, storeNames } from '../store/store-copy.ts';
import type { LaneName, StorePlaces } from './contract.ts';
import type { Lane } from './lane.ts';
import { StoreFiles } from './store-files.ts';
import type { StoreHandles } from './store-handles.ts';
import { removeCopy, swapIn } from './store-swap.ts';

export type Lanes = { readonly [Name in LaneName]: Lane<Name> };

/** What is being done, for whoever asks meanwhile. */
export interface Activity {
  readonly what: string;
  /** In units of the work: records, bytes. */
  readonly done: number;
  /** An estimate; 0 while it is not known. */
  readonly total: number;
}

/** Tells how far the work is. */
export type Report = (done: number, total: number) => void;

export interface MaintenanceParts {
  readonly places: StorePlaces;
  readonly lanes: Lanes;
  readonly handles: StoreHandles;
  readonly clock: Clock;
  /** False once the data directory belongs to somebody else, or was removed: then nothing may be made in it. */
  readonly isOurs: () => Promise<boolean>;
}

/** Which lanes have a store open, but for compact, which has them all. */
const lanesOn: Readonly<Record<StoreName, readonly LaneName[]>> = {
  delta: ['persist', 'index'],
  index: ['index'],
  audit: ['audit'],
};

const allWriters: readonly LaneName[] = ['persist', 'index', 'audit'];

/** After a first copy that takes seconds, two passes leave some milliseconds' worth of records. */
const catchUps = 2;

export class Maintenance {
  readonly #parts: MaintenanceParts;
  readonly #files: StoreFiles;
  #turn: Promise<unknown> = Promise.resolve();
  #activity: Activity | undefined;
  #stalledMs = 0;
  readonly #closing = new AbortController();

  constructor(parts: MaintenanceParts) {
    this.#parts = parts;
    this.#files = new StoreFiles(parts.places, parts.clock);
  }

  /** Aborted when the daemon stops: what is done in other processes ends at once, and can be done again. */
  get stopping(): AbortSignal {
    return this.#closing.signal;
  }

  get activity(): Activity | undefined {
    return this.#activity;
  }

  /** How long the persist lane stood still for the newest swap, in ms. */
  get stalledMs(): number {
    return this.#stalledMs;
  }

  /** Runs `work` when nothing else is done to the stores. */
  inTurn<T>(what: string, work: (report: Report) => Promise<T>): Promise<T> {
    return this.#take(what, async (report) => {
      if (this.stopping.aborted) throw new CollabError('STORE_CLOSED', 'the daemon stops');
      return await work(report);
    });
  }

  #take<T>(what: string, work: (report: Report) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      this.#activity = { what, done: 0, total: 0 };
      try {
        return await work((done, total) => {
          this.#activity = { what, done, total };
        });
      } finally {
        this.#activity = undefined;
      }
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Replaces stores by compact copies of themselves, one after the other, so that a lane waits for its own store alone. In a turn only.
   * @throws STORE_UNAVAILABLE when there is no room for a copy; that store stays as it was.
   */
  async compact(stores: readonly StoreName[]): Promise<void> {
    this.#stalledMs = 0;
    for (const store of stores) {
      try {
        await this.#copy(store, 'anew');
        // What came in meanwhile; each time it is less, and the last bit is copied while the lanes wait.
        for (let pass = 0; pass < catchUps; pass += 1) await this.#copy(store, 'rest');
        await this.#alone(lanesOn[store], () => this.#replace([store]));
      } finally {
        await removeCopy(this.#parts.places[store]);
      }
    }
  }

  /**
   * Makes stores again whose file is gone, from the handles that are still open. All at once: those of the compact lane may be the last,
   * and it lets go of all of them.
   * @returns the directories in which files are kept that somebody had put in their place. @throws as `compact`.
   */
  bringBack(stores: readonly StoreName[]): Promise<readonly string[]> {
    return this.#take('bringing back what was deleted', () => this.#renew(stores));
  }

  async #renew(stores: readonly StoreName[]): Promise<readonly string[]> {
    try {
      for (const store of stores) await this.#copy(store, 'anew');
      return await this.alone(async () => {
        const aside = await this.#files.setAsideForeign(stores);
        await this.#replace(stores);
        return aside;
      });
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return await this.#renewFromHere(stores);
    } finally {
      for (const store of stores) await removeCopy(this.#parts.places[store]);
    }
  }

  /** A compact lane that was to open the stores after their files had gone has nothing to copy from: this thread has. */
  #renewFromHere(stores: readonly StoreName[]): Promise<readonly string[]> {
    const { places, lanes, handles } = this.#parts;
    const copy = async () => {
      for (const store of stores) {
        await removeCopy(places[store]);
        await handles.snapshot(store, copyDirectory(places[store]));
      }
    };
    const replace = async () => {
      await lanes.compact.pause();
      await this.#mustBeOurs();
      const aside = await this.#files.setAsideForeign(stores);
      for (const store of stores) await swapIn(places[store]);
      return aside;
    };
    return this.#alone(allWriters, replace, copy);
  }

  /** Runs `action` with every lane but compact paused and no handle open but its own. In a turn only. */
  alone<T>(action: () => Promise<T>): Promise<T> {
    return this.#alone(allWriters, action);
  }

  /** @param copy run when nobody writes any more, while this thread still has its handles. */
  async #alone<T>(
    writers: readonly LaneName[],
    action: () => Promise<T>,
    copy?: () => Promise<void>,
  ): Promise<T> {
    const { lanes, handles, clock } = this.#parts;
    let pausedMs: number | undefined;
    try {
      // The persist lane last: somebody waits for it.
      await Promise.all(writers.filter((name) => name !== 'persist').map((name) => lanes[name].pause()));
      const pausePersist = async () => {
        if (!writers.includes('persist')) return;
        pausedMs ??= clock.monotonicMs();
        await lanes.persist.pause();
      };
      const before = async () => {
        await pausePersist();
        await copy?.();
      };
      const alone = async () => {
        await pausePersist();
        return await action();
      };
      return await handles.alone(alone, copy === undefined ? undefined : before);
    } finally {
      this.#files.learn();
      for (const name of writers) lanes[name].resume();
      lanes.compact.resume();
      if (pausedMs !== undefined) this.#stalledMs = clock.monotonicMs() - pausedMs;
    }
  }

  /** Nobody writes any more: now the copies become equal, and take the place of the originals. */
  async #replace(stores: readonly StoreName[]): Promise<void> {
    const { places, lanes } = this.#parts;
    for (const store of stores) await this.#copy(store, 'rest');
    await lanes.compact.pause();
    await this.#mustBeOurs();
    for (const store of stores) await swapIn(places[store]);
  }

  /** The last look before a file is put where another daemon may have begun. */
  async #mustBeOurs(): Promise<void> {
    if (await this.#parts.isOurs()) return;
    throw new CollabError('STORE_CLOSED', 'the data directory belongs to this daemon no more');
  }

  /** Closes every handle of the process and opens them again: LMDB refuses an environment after a write of its head has failed. */
  reopen(): Promise<void> {
    return this.inTurn('opening the stores again', () =>
      this.alone(async () => {
        await this.#parts.lanes.compact.pause();
        await this.#parts.handles.openAgain();
      }),
    );
  }

  /** The stores whose file is not where it was opened any more. */
  missing(): readonly StoreName[] {
    return this.#files.missing();
  }

  /** Ends what is done in other processes, and begins nothing more but `bringBack`. */
  stop(): void {
    this.#closing.abort();
  }

  /** Lets what is under way come to an end. The compact lane is closed before, so that no copy goes on. */
  async close(): Promise<void> {
    this.stop();
    await this.#turn;
  }

  async #copy(store: StoreName, how: 'anew' | 'rest'): Promise<void> {
    const { compact } = this.#parts.lanes;
    const request = encodeNumbers(storeNames.indexOf(store), how === 'anew' ? 1 : 0);
    const ticket = compact.tryPush(frameKind.copy, request);
    if (typeof ticket === 'number') return compact.committed(ticket);
    throw new CollabError('STORE_UNAVAILABLE', `the compact lane takes no request: its queue is ${ticket}`);
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof CollabError && error.code === 'STORE_UNAVAILABLE';
}
