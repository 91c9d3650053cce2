import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { dataFileName } from '../store/data-file.ts';
import { asideDirectory, asideName, keepFile } from '../store/set-aside.ts';
import { type StoreName, storeNames } from '../store/store-copy.ts';
import type { StorePlaces } from './contract.ts';

/** Which file it is, whatever its name. */
interface FileIdentity {
  readonly ino: bigint;
  readonly dev: bigint;
}

/** Knows the files of the stores by more than their names, so that one which was deleted or replaced under the daemon shows. */
export class StoreFiles {
  readonly #places: StorePlaces;
  readonly #clock: Clock;
  readonly #opened = new Map<StoreName, FileIdentity>();

  constructor(places: StorePlaces, clock: Clock) {
    this.#places = places;
    this.#clock = clock;
    this.learn();
  }

  /** What is there now is what is opened next. To be called while no handle is open. */
  learn(): void {
    for (const store of storeNames) {
      const found = identityOf(this.#fileOf(store));
      if (found !== 'absent' && found !== 'unknown') this.#opened.set(store, found);
    }
  }

  /**
   * The stores whose file is not where it was opened any more. A file that cannot be looked at counts as there; and where the whole data
   * directory is gone nothing is missing, for who deleted that does not want it made again.
   */
  missing(): readonly StoreName[] {
    if (identityOf(dirname(dirname(this.#places.delta))) === 'absent') return [];
    return storeNames.filter((store) => {
      const found = identityOf(this.#fileOf(store));
      return found === 'absent' || this.#isForeign(store, found);
    });
  }

  /**
   * Gives a second name to what somebody has put in the place of these stores, before it loses the first: it is not ours to delete.
   * @returns the directories in which it is kept.
   */
  async setAsideForeign(stores: readonly StoreName[]): Promise<readonly string[]> {
    const aside: string[] = [];
    for (const store of stores) {
      const file = this.#fileOf(store);
      const found = identityOf(file);
      if (found === 'absent' || !this.#isForeign(store, found)) continue;
      const name = asideName(this.#clock.wallMs(), `${store}-foreign`);
      const directory = join(asideDirectory(this.#places[store]), name);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await keepFile(file, join(directory, dataFileName));
      aside.push(directory);
    }
    return aside;
  }

  #isForeign(store: StoreName, found: FileIdentity | 'unknown'): boolean {
    const opened = this.#opened.get(store);
    if (found === 'unknown' || opened === undefined) return false;
    return found.ino !== opened.ino || found.dev !== opened.dev;
  }

  #fileOf(store: StoreName): string {
    return join(this.#places[store], dataFileName);
  }
}

/** Some microseconds: nothing that the main thread would notice. */
function identityOf(file: string): FileIdentity | 'absent' | 'unknown' {
  try {
    const { ino, dev } = statSync(file, { bigint: true });
    return { ino, dev };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'unknown';
  }
}
