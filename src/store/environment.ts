/**
 * One LMDB environment: the only file that imports lmdb. It opens, maps errors, and gives `Table`s.
 *
 * What every user of it must know about lmdb-js (3.5.6):
 * - Threads of one process that open one directory share one native environment. The *first* one decides the map size,
 *   the sync flags and whether it is read-only; later options are ignored in silence. So each directory has exactly one
 *   set of options (`delta`, `index` and `audit` below), and inside a process with a writer nobody opens read-only.
 * - Each thread keeps one cached read transaction which lmdb-js resets by a timer. A thread that loops without event-loop
 *   turns never gets that timer: it reads an old snapshot for ever and pins the old pages. Call `refresh()` first.
 * - Each `refresh()` followed by a read arms one such timer (140 bytes until the next event-loop turn). A lane therefore
 *   lets the event loop turn (`setImmediate`) now and then, say after every thousand batches.
 * - Close the handle of a thread in that thread. The last handle closes the environment; never close a `Table` by itself:
 *   its number is shared by all threads.
 */
import assert from 'node:assert/strict';
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase, type Transaction } from 'lmdb';
import { CollabError } from '../base/errors.ts';
import { syncDirectorySync } from '../home/sync-directory.ts';
import { commitAgain } from './commit-again.ts';
import { checkDataFile, dataFileName, lockFileName } from './data-file.ts';
import { storeError } from './store-error.ts';
import { Table } from './table.ts';
import { WriteProbe } from './write-probe.ts';

/**
 * `flush`: a commit returns after fdatasync of data and meta page; committed is flushed.
 * `no-meta-sync`: the data is synced, the meta page is not; after a power loss the last transactions may be missing, the
 * file is whole. For what is derived.
 */
export type EnvironmentDurability = 'flush' | 'no-meta-sync';

export interface EnvironmentOptions {
  readonly durability: EnvironmentDurability;
  /** @default defaultMapBytes */
  readonly mapSizeBytes?: number;
  /** Set by the one that writes: a file that was cut is made safe to open (data-file.ts). @default false */
  readonly writer?: boolean;
  /** Refuses writes, creates nothing. Only for a process without a writer. @default false */
  readonly readOnly?: boolean;
  /**
   * Whether a store that is not there is begun. Only the first look at a start may: later, a store that is missing was taken away under
   * the daemon, and an empty one in its place would hide that. @default true
   */
  readonly create?: boolean;
}

/**
 * Address space, not disk: a large map up front means that no thread ever remaps while another reads. 64 GiB is a
 * hundred times what 30 days of a busy team take, and fits any 64-bit address space many times.
 */
const defaultMapBytes = 64 * 2 ** 30;
/** Named databases of one environment; we have at most six, and each costs a few bytes per transaction. */
const maxTables = 16;
/** Reader slots: a thread takes one or two, and a `verify` or a copy beside the daemon a few more. */
const maxReaders = 128;

export class Environment {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #probe: WriteProbe | undefined;
  #held: { readonly transaction: Transaction } | undefined;
  #closing: Promise<void> | undefined;

  /** Use `openEnvironment`. */
  constructor(
    directory: string,
    readOnly: boolean,
    root: RootDatabase<Uint8Array, Uint8Array>,
    probe: WriteProbe | undefined,
  ) {
    this.directory = directory;
    this.readOnly = readOnly;
    this.#root = root;
    this.#probe = probe;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Opens, and unless read-only creates, a named table. Undefined when it is not there and may not be created. */
  tryTable(name: string): Table | undefined {
    this.#assertOpen();
    const database = this.#guard<Database<Uint8Array, Uint8Array> | undefined>(() =>
      this.#root.openDB({
        name,
        // Keys are our own big-endian bytes: LMDB's memcmp order is then our order.
        keyEncoding: 'binary',
        // Values are our own checksummed bytes; a library's envelope would be bytes that we do not check.
        encoding: 'binary',
        // A cache of decoded objects would have to be invalidated across threads.
        cache: false,
        // LMDB-level compression would change what is read back when a dictionary changes.
        compression: false,
      }),
    );
    return database === undefined ? undefined : new Table(name, this, database);
  }

  /** @throws STORE_DAMAGED when a read-only environment lacks the table. */
  table(name: string): Table {
    const table = this.tryTable(name);
    if (table === undefined) {
      throw new CollabError('STORE_DAMAGED', `${this.directory} has no table "${name}"`, {
        next: 'Stop the daemon and put a copy of the data directory in its place.',
        details: { directory: this.directory, table: name },
      });
    }
    return table;
  }

  /** Runs `action` in one write transaction. When it throws, nothing of it is written. */
  write<T>(action: () => T): T {
    this.#assertOpen();
    if (this.readOnly)
      throw new CollabError('STORE_READ_ONLY', `${this.directory} is opened for reading only`);
    // 1: abortable, so that a throw in the action leaves no trace. 2: committed, and by the environment's flags synced, on return.
    return this.#guard(() => {
      this.#probe?.check();
      return this.#root.transactionSync(action, 1 | 2);
    });
  }

  /** As `write`, for an action that may be run again from its beginning: see `commitAgain`. */
  writeRepeatable<T>(action: () => T): T {
    return commitAgain(() => this.write(action));
  }

  /** The next read of this thread sees the newest commit of every thread. */
  refresh(): void {
    this.#assertOpen();
    this.#root.resetReadTxn();
  }

  /**
   * Every read through this object sees what is committed now, until the returned function is called: also behind turns of the event loop.
   * So long LMDB uses no page of it, nor of what comes later, for anything else, and the file grows. No page but the meta pages is read here.
   */
  hold(): () => void {
    const transaction = this.#begin();
    this.#held = { transaction };
    return () => {
      this.#held = undefined;
      transaction.done();
    };
  }

  /**
   * As `hold`, for who reads the file beside this process: reads through this object go on with what is newest. To be ended before `close`.
   */
  pin(): () => void {
    const transaction = this.#begin();
    return () => transaction.done();
  }

  #begin(): Transaction {
    this.refresh();
    return this.#guard(() => this.#root.useReadTransaction());
  }

  /** For `Table`: what a read is to be given, while a snapshot is held. */
  get held(): { readonly transaction: Transaction } | undefined {
    return this.#held;
  }

  /** Bytes that the data file takes on disk. LMDB gives no page back, so it never shrinks but by a compact copy. */
  diskBytes(): number {
    const stats = statSync(join(this.directory, dataFileName), { throwIfNoEntry: false });
    return stats === undefined ? 0 : Math.min(stats.size, stats.blocks * 512);
  }

  /** A consistent copy, without free pages when `compact`. `directory` must not exist yet. */
  async copyTo(directory: string, compact: boolean): Promise<void> {
    this.#assertOpen();
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    try {
      await this.#root.backup(directory, compact);
    } catch (error) {
      throw storeError(error, directory);
    }
  }

  /** Idempotent; joins a close under way. */
  close(): Promise<void> {
    this.#closing ??= this.#root.close().finally(() => this.#probe?.close());
    return this.#closing;
  }

  /** For `Table`: runs a native call and gives its errors our codes. */
  guard<T>(call: () => T): T {
    return this.#guard(call);
  }

  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (this.closed) this.#assertOpen();
      throw storeError(error, this.directory);
    }
  }

  #assertOpen(): void {
    if (this.closed) {
      throw new CollabError('STORE_CLOSED', `the store in ${this.directory} is closed`, {
        next: 'Start the daemon again.',
      });
    }
  }
}

/** @throws STORE_UNAVAILABLE or STORE_DAMAGED; nothing stays open. */
export function openEnvironment(directory: string, options: EnvironmentOptions): Environment {
  const readOnly = options.readOnly ?? false;
  const mapSizeBytes = options.mapSizeBytes ?? defaultMapBytes;
  // A refusal by LMDB would end the process (data-file.ts), so whatever can be refused is refused here.
  assert(mapSizeBytes > 0 && mapSizeBytes % 4096 === 0, 'a map is a whole number of pages');
  try {
    const file = join(directory, dataFileName);
    const before = statSync(file, { throwIfNoEntry: false });
    const creates = options.create ?? true;
    if (!creates && before === undefined) throw gone(directory);
    if (creates && !readOnly) mkdirSync(directory, { recursive: true, mode: 0o700 });
    checkDataFile(directory, readOnly, options.writer ?? false);
    if (options.writer === true) putOnDisk(directory, creates);
    const root: RootDatabase<Uint8Array, Uint8Array> = open({
      path: directory,
      // A directory holding data.mdb and lock.mdb, whatever its name looks like.
      noSubdir: false,
      readOnly,
      keyEncoding: 'binary',
      encoding: 'binary',
      mapSize: mapSizeBytes,
      maxDbs: maxTables,
      maxReaders,
      // One map for the life of the environment; see defaultMapBytes.
      remapChunks: false,
      // A commit that is visible before it is on disk would make "committed" and "flushed" two events to track.
      overlappingSync: false,
      // Never: integrity after a power loss needs the data synced before the meta page points at it.
      noSync: false,
      noMetaSync: options.durability === 'no-meta-sync',
      // A stray pointer could corrupt a writable map.
      useWritemap: false,
      // Unused parts of pages are zeroed: no stale payload text gets into backups.
      noMemInit: false,
      compression: false,
      // Not in the types: files are for the owner alone (SPEC §2).
      ...({ permissionsMode: 0o600 } as object),
    });
    if (!creates && statSync(file, { throwIfNoEntry: false })?.ino !== before?.ino) {
      discard(root, directory);
      throw gone(directory);
    }
    const probe = options.writer === true ? WriteProbe.open(directory) : undefined;
    return new Environment(directory, readOnly, root, probe);
  } catch (error) {
    throw storeError(error, directory);
  }
}

/**
 * What is seen at an open survives power loss from here on. LMDB syncs the file and never its name, so power loss could take a store whose
 * every commit is on disk. And a process that was killed inside a commit may have left one that is seen and was not synced; an answer, or
 * another store, would speak of it before the next commit syncs it.
 */
function putOnDisk(directory: string, creates: boolean): void {
  // LMDB begins an empty file as a new one.
  syncDataFile(directory, creates ? 'a' : 'r+');
  syncDirectorySync(directory);
}

function syncDataFile(directory: string, flags = 'r+'): void {
  const file = openSync(join(directory, dataFileName), flags, 0o600);
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** LMDB makes what it does not find: a store that was deleted while it was being opened must not come back empty. */
function discard(root: RootDatabase<Uint8Array, Uint8Array>, directory: string): void {
  const isEmpty = (root.getStats() as { entryCount: number }).entryCount === 0;
  void root.close();
  if (!isEmpty) return;
  for (const name of [dataFileName, lockFileName]) rmSync(join(directory, name), { force: true });
}

function gone(directory: string): CollabError {
  return new CollabError('STORE_UNAVAILABLE', `the store in ${directory} is gone`, {
    next: 'Whoever removed it can put it back; the daemon tries to restore it by itself.',
    details: { directory },
  });
}
