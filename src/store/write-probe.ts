import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomHex } from '../base/random.ts';
import { dataFileName } from './data-file.ts';

const byte = Buffer.of(1);
/** How far one transaction may take the data file: twice the largest batch of a lane. */
const growthBytes = 8 * 1024 * 1024;
/** The probe lies behind where the data file may go; it moves when that has grown by so much. */
const stepBytes = 1024 * 1024;
/** What a transaction of usual size takes. */
const leastFreeBytes = 2 * 1024 * 1024;

/**
 * Asks the file system just before LMDB writes pages, so that a disk that is full, has turned read-only or fails, and a file that may not
 * grow, are met by this and not by LMDB's write. lmdb-js 3.5 describes each write that fails in 100 bytes of memory
 * (mdb_page_flush); the description takes up to 125, and what lies behind it is overwritten, which now and then ends the process. LMDB
 * also refuses all further work after some of these failures. A quota is met only when the probe moves.
 */
export class WriteProbe {
  readonly #directory: string;
  readonly #dataFd: number;
  readonly #fd: number;
  #at = -1;
  #closed = false;

  private constructor(directory: string, dataFd: number, fd: number) {
    this.#directory = directory;
    this.#dataFd = dataFd;
    this.#fd = fd;
  }

  /** Undefined where there can be none: then LMDB finds out by itself. */
  static open(directory: string): WriteProbe | undefined {
    // Windows removes no file that is open.
    if (process.platform === 'win32') return undefined;
    const path = join(directory, `.probe.${process.pid}.${randomHex(6)}.tmp`);
    let dataFd: number | undefined;
    try {
      dataFd = openSync(join(directory, dataFileName), 'r');
      // A file without a name: nobody meets it, and it goes with the process.
      const fd = openSync(path, 'wx', 0o600);
      rmSync(path);
      return new WriteProbe(directory, dataFd, fd);
    } catch {
      if (dataFd !== undefined) closeSync(dataFd);
      return undefined;
    }
  }

  /** Some microseconds. @throws what the file system says, as Node's errors do. */
  check(): void {
    if (this.#closed) return;
    const wanted = fstatSync(this.#dataFd).size + growthBytes;
    const at = Math.ceil(wanted / stepBytes) * stepBytes;
    if (at !== this.#at) ftruncateSync(this.#fd);
    this.#at = at;
    writeSync(this.#fd, byte, 0, 1, at);
    if (this.#freeBytes() < leastFreeBytes)
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
    closeSync(this.#dataFd);
  }

  #freeBytes(): number {
    try {
      const { bavail, bfree, bsize } = statfsSync(this.#directory);
      // Some blocks are kept for root.
      return (process.getuid?.() === 0 ? bfree : bavail) * bsize;
    } catch {
      // The directory may have been deleted, while its files are still open.
      return Number.POSITIVE_INFINITY;
    }
  }
}
