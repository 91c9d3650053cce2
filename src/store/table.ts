/** One named table of an environment: bytes to bytes, in the order of the keys' bytes. */
import assert from 'node:assert/strict';
import type { Database, GetOptions } from 'lmdb';
import type { Environment } from './environment.ts';

export interface TableRange {
  /** Inclusive. @default the first key */
  readonly from?: Uint8Array;
  /** Exclusive. @default past the last key */
  readonly to?: Uint8Array;
  /** From the last key below `to` down to `from`. @default false */
  readonly reverse?: boolean;
}

export interface TableEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The least and a key above every key of ours: none starts with eight bytes of ones. */
const lowest = Buffer.from([0]);
const highest = Buffer.alloc(16, 0xff);

export class Table {
  readonly name: string;
  readonly #environment: Environment;
  readonly #database: Database<Uint8Array, Uint8Array>;

  constructor(name: string, environment: Environment, database: Database<Uint8Array, Uint8Array>) {
    this.name = name;
    this.#environment = environment;
    this.#database = database;
  }

  /** The value in memory of its own. */
  get(key: Uint8Array): Buffer | undefined {
    const view = this.view(key);
    if (view === undefined) return undefined;
    const own = Buffer.allocUnsafe(view.length);
    own.set(view);
    return own;
  }

  /** The value in memory that the next read of this thread, of any table, overwrites: for who decodes it at once. */
  view(key: Uint8Array): Uint8Array | undefined {
    return this.#environment.guard(() => {
      const shared = this.#read(key);
      if (shared === undefined) return undefined;
      // lmdb-js overrides `length` on the buffer itself, which the methods of a buffer do not expect: so a view of our own.
      const size = (this.#database as unknown as { readonly lastSize: number }).lastSize;
      return new Uint8Array(shared.buffer, shared.byteOffset, size);
    });
  }

  has(key: Uint8Array): boolean {
    return this.#environment.guard(() => this.#read(key) !== undefined);
  }

  /** Inside `Environment.write` only. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#assertOrdinary(value);
    this.#environment.guard(() => this.#database.putSync(key, value));
  }

  /** As `put`, for a key above every key of the table: pages are filled to the brim and no search is done. */
  append(key: Uint8Array, value: Uint8Array): void {
    this.#assertOrdinary(value);
    // lmdb-js swallows MDB_KEYEXIST, which is how LMDB refuses a key out of order, and only answers false.
    const appended: unknown = this.#environment.guard(() =>
      this.#database.putSync(key, value, { append: true }),
    );
    assert(appended === true, `table ${this.name}: an appended key is not above the last one`);
  }

  /** Inside `Environment.write` only. Returns whether the key was there. */
  remove(key: Uint8Array): boolean {
    return this.#environment.guard(() => this.#database.removeSync(key));
  }

  /** Inside `Environment.write` only: removes every entry. */
  clear(): void {
    this.#environment.guard(() => this.#database.clearSync());
  }

  /** Keys only: half the cost of entries. Finish or `break` the loop within the same turn: it holds a cursor. */
  keys(range: TableRange = {}): Iterable<Buffer> {
    return this.#environment.guard(() => this.#database.getKeys(this.#within(range)) as Iterable<Buffer>);
  }

  entries(range: TableRange = {}): Iterable<TableEntry> {
    return this.#environment.guard(
      () => this.#database.getRange(this.#within(range)) as Iterable<TableEntry>,
    );
  }

  isEmpty(): boolean {
    for (const _ of this.keys()) return false;
    return true;
  }

  #read(key: Uint8Array): Buffer | undefined {
    // Its types have one argument.
    const database = this.#database as unknown as {
      getBinaryFast(key: Uint8Array, options?: GetOptions): Buffer | undefined;
    };
    return database.getBinaryFast(key, this.#environment.held);
  }

  #within(range: TableRange) {
    const { held } = this.#environment;
    return held === undefined ? bounds(range) : { ...bounds(range), ...held };
  }

  /** Exact, from the table's own header: O(1). Of what is committed now, also while a snapshot is held. */
  count(): number {
    return this.#environment.guard(
      () => (this.#database.getStats() as { readonly entryCount: number }).entryCount,
    );
  }

  /** lmdb-js hands LMDB the address of the bytes; over a SharedArrayBuffer that address is wrong and the process dies. */
  #assertOrdinary(value: Uint8Array): void {
    assert(!(value.buffer instanceof SharedArrayBuffer), 'a stored value must not lie in shared memory');
  }
}

/** lmdb-js takes `start` as the first key in the direction of travel, inclusive, and `end` as exclusive. */
function bounds(range: TableRange): {
  start: Uint8Array;
  end: Uint8Array;
  reverse: boolean;
  exclusiveStart: boolean;
  inclusiveEnd: boolean;
  snapshot: boolean;
} {
  const from = range.from ?? lowest;
  const to = range.to ?? highest;
  const reverse = range.reverse ?? false;
  return {
    start: reverse ? to : from,
    end: reverse ? from : to,
    reverse,
    exclusiveStart: reverse,
    inclusiveEnd: reverse,
    // One snapshot for the whole loop, also when a commit of ours comes between two steps.
    snapshot: true,
  };
}
