import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type DaemonRecord, readDaemonRecord, writeDaemonRecord } from './daemon-record.ts';
import { tryLock } from './file-lock.ts';
import type { HomePaths } from './home-paths.ts';
import { processLives, unusable } from './prepare-home.ts';

/** Who keeps a second daemon out. */
export interface OwnerDenial {
  /** undefined while the owner has not published one yet. */
  readonly owner: DaemonRecord | undefined;
  /** undefined when it could not be learned in time. */
  readonly pid: number | undefined;
  /** What a process does that is no daemon, such as `backup`: it must not be stopped like one. */
  readonly purpose?: string;
}

/** An owner writes its pid right after it got the lock; only a reader in that instant has to look again. */
const pidReadings = 50;
const pidReadingDelayMs = 10;

/**
 * The right to serve a data directory: an exclusive kernel lock on `daemon.lock`.
 *
 * Not a pid file: after a crash a pid file stays behind, the pid in it may by then belong to any other process, and
 * between finding it stale and replacing it a third process may have done the same. The kernel gives its lock to
 * one, and takes it back the moment the process is gone, however it went. So a claim is never stale.
 *
 * The lock belongs to the open file, which is why `daemon.lock` is never removed: a removed and remade file is
 * another file with another lock. The file holds the owner's pid as text, and what it does when
 * it is no daemon, for messages alone.
 */
export class OwnerLock implements AsyncDisposable {
  /** What an owner that did not end in order has left: it removes its record when it does. */
  readonly leftBehind: DaemonRecord | undefined;
  readonly #paths: HomePaths;
  readonly #file: FileHandle;
  #published: DaemonRecord | undefined;
  #closing: Promise<void> | undefined;

  private constructor(paths: HomePaths, file: FileHandle, leftBehind: DaemonRecord | undefined) {
    this.#paths = paths;
    this.#file = file;
    this.leftBehind = leftBehind;
  }

  /**
   * Takes over what a dead owner left: its `daemon.json` and `daemon.sock` are removed, so that no client follows them.
   *
   * @param remains `keep`: they stay, for who only looks or must leave the directory as it was. @default 'remove'
   * @param purpose one word for who is kept out meanwhile. @default it serves, as a daemon
   * @throws HOME_UNUSABLE when the lock file cannot be opened or its file system has no locks.
   */
  static async tryAcquire(
    paths: HomePaths,
    remains: 'remove' | 'keep' = 'remove',
    purpose?: string,
  ): Promise<OwnerLock | OwnerDenial> {
    for (let reading = 1; ; reading++) {
      const file = await tryLockFile(paths);
      if (file) return OwnerLock.#start(paths, file, remains, purpose);
      const holder = await readHolder(paths);
      // Refused, and yet the pid is missing or dead: the owner is just starting or just ending.
      if ((holder !== undefined && processLives(holder.pid)) || reading >= pidReadings)
        return denial(paths, holder);
      await delay(pidReadingDelayMs);
    }
  }

  static async #start(
    paths: HomePaths,
    file: FileHandle,
    remains: 'remove' | 'keep',
    purpose: string | undefined,
  ): Promise<OwnerLock> {
    let leftBehind: DaemonRecord | undefined;
    try {
      await file.truncate(0);
      await file.write(`${process.pid}${purpose === undefined ? '' : ` ${purpose}`}\n`, 0);
      leftBehind = (await readDaemonRecord(paths)).record;
      if (remains === 'remove') {
        await rm(paths.daemonRecord, { force: true });
        await rm(paths.daemonSocket, { force: true });
      }
    } catch (error) {
      await file.close();
      throw unusable(paths.root, error);
    }
    return new OwnerLock(paths, file, leftBehind);
  }

  /** Writes `daemon.json`. To be called once the daemon answers: a client that reads it connects at once. */
  async publish(record: DaemonRecord): Promise<void> {
    assert(!this.#closing, 'published before close');
    assert.equal(record.pid, process.pid);
    await writeDaemonRecord(this.#paths, record);
    this.#published = record;
  }

  /**
   * False once `daemon.lock` was removed or replaced by hand, or the directory moved: then a second daemon could
   * start beside this one, and this one should stop writing.
   */
  async isHeld(): Promise<boolean> {
    return !this.#closing && (await isFileAt(this.#file, this.#paths.daemonLock));
  }

  /** Removes `daemon.json` if it is still this owner's, then lets go. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      const ours = this.#published;
      // Without the file a lock of another daemon may be in force at this path, and its record stays.
      if (await isFileAt(this.#file, this.#paths.daemonLock)) {
        const { record } = await readDaemonRecord(this.#paths);
        if (ours && record?.token === ours.token) await rm(this.#paths.daemonRecord, { force: true });
        await this.#file.truncate(0);
      }
    } finally {
      await this.#file.close(); // last: closing it is what releases the lock
    }
  }
}

/** The opened and locked file, or undefined when another holds the lock. */
async function tryLockFile(paths: HomePaths): Promise<FileHandle | undefined> {
  for (;;) {
    let file: FileHandle | undefined;
    try {
      // Not truncated on opening: until the lock is had, the pid in it is the owner's.
      file = await open(paths.daemonLock, constants.O_RDWR | constants.O_CREAT, 0o600);
      if (!tryLock(file.fd)) {
        await file.close();
        return undefined;
      }
      // Replaced between open and lock: this lock would be on a file that nobody else will ever open.
      if (await isFileAt(file, paths.daemonLock)) return file;
      await file.close();
    } catch (error) {
      await file?.close().catch(() => {}); // the first failure is the one to tell
      throw unusable(paths.root, error);
    }
  }
}

async function isFileAt(file: FileHandle, path: string): Promise<boolean> {
  const [held, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  return named !== undefined && named.ino === held.ino && named.dev === held.dev;
}

interface Holder {
  readonly pid: number;
  readonly purpose: string | undefined;
}

async function readHolder(paths: HomePaths): Promise<Holder | undefined> {
  const text = await readFile(paths.daemonLock, 'utf8').catch(() => '');
  const [, pid, purpose] = /^(\d{1,10})(?: ([a-z]{1,20}))?\n$/.exec(text) ?? [];
  return pid === undefined || Number(pid) === 0 ? undefined : { pid: Number(pid), purpose };
}

/** A record of another pid was left by an earlier owner, which the present one has not yet cleared away. */
async function denial(paths: HomePaths, holder: Holder | undefined): Promise<OwnerDenial> {
  const { record } = await readDaemonRecord(paths);
  const owner = holder === undefined || record?.pid === holder.pid ? record : undefined;
  const purpose = holder?.purpose === undefined ? {} : { purpose: holder.purpose };
  return { owner, pid: holder?.pid ?? owner?.pid, ...purpose };
}
