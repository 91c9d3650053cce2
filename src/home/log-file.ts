/**
 * The log of a background daemon: `logs/daemon.log`, and before it `daemon.log.1` to `.3`, the newest first.
 *
 * A line that would make the file longer than 4 MiB goes into a new one: the generations move up by a rename each, the oldest is dropped. So
 * the log has 16 MiB at most, and nothing of it is lost but the oldest generation. Before each line the file at the path is looked at (one
 * `stat`): its size tells when to rotate, its inode whether it is still the one that is open. Another process may have rotated it, and
 * somebody may have removed the directory; both are answered by opening the path again. There is no state that could be wrong.
 *
 * Several processes may write (a second daemon that is about to be refused): appends do not mix, and of two that want to rotate, the one
 * with the kernel's lock on the very file that is to be moved does it. The lock goes with the open file, so there is no file of its own for
 * it, and it cannot be left behind. Who does not get it writes on, up to twice the size, and follows at its next line.
 *
 * A line that cannot be written is counted, and the first that can be tells of it: a full disk or a missing directory costs lines, never
 * the daemon. Nothing is synced: a log need not survive power loss, and what was written survives the end of the process.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { tryLock } from './file-lock.ts';

export interface LogFileOptions {
  /** @default 4 MiB: half a million lines in all; a daemon logs some hundred bytes an hour, and a defect may log a thousand lines a second. */
  readonly maxBytes?: number;
  /** What the first line says that can be written again. */
  readonly missedLine: (missed: number) => string;
}

const defaultMaxBytes = 4 * 1024 * 1024;
/** Files beside the one that is written. */
export const logGenerations = 3;

/** The files of a log, the newest first; the first is the one that is written. */
export function logFiles(path: string): readonly string[] {
  return [path, ...Array.from({ length: logGenerations }, (_, at) => `${path}.${at + 1}`)];
}

export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #missedLine: (missed: number) => string;
  #open: { readonly fd: number; readonly stats: Stats } | undefined;
  /** The file ends within a line. */
  #isTorn = false;
  #missed = 0;

  constructor(path: string, { maxBytes = defaultMaxBytes, missedLine }: LogFileOptions) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#missedLine = missedLine;
  }

  /** @returns false when the line could not be written. Never throws. */
  write(line: string): boolean {
    const missed = this.#missed === 0 ? '' : this.#missedLine(this.#missed);
    const bytes = Buffer.from(missed + line);
    try {
      const fd = this.#placeFor(bytes.length + 1);
      this.#append(fd, this.#isTorn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes);
      this.#missed = 0;
      return true;
    } catch {
      this.#missed += 1;
      return false;
    }
  }

  /** Makes the file, so that an empty log is one. Never throws. */
  open(): void {
    try {
      this.#current();
    } catch {
      // The first line will count as missed, and say so.
    }
  }

  /** The next line opens it again. */
  close(): void {
    if (this.#open === undefined) return;
    const { fd } = this.#open;
    this.#open = undefined;
    try {
      closeSync(fd);
    } catch {
      // What a close could fail to write is not there any more; the file is closed all the same.
    }
  }

  /** The open file, once it may take so many bytes. @throws what the file system says, or that there is no room in the bound. */
  #placeFor(length: number): number {
    let at = this.#current();
    if (at.stats.size + length > this.#maxBytes && at.stats.size > 0 && at.stats.isFile()) {
      if (this.#tryRotate(at.fd)) at = this.#current();
      else if (at.stats.size + length > 2 * this.#maxBytes) throw new Error('the log cannot be rotated');
    }
    return at.fd;
  }

  /** What is at the path now, opened. */
  #current(): { readonly fd: number; readonly stats: Stats } {
    const named = statSync(this.#path, { throwIfNoEntry: false });
    if (this.#open !== undefined && named !== undefined && isSame(this.#open.stats, named))
      return { fd: this.#open.fd, stats: named };
    this.close();
    const fd = openOrMake(this.#path);
    const stats = fstatSync(fd);
    this.#open = { fd, stats };
    this.#isTorn = stats.isFile() && endsWithinLine(fd, stats.size);
    return this.#open;
  }

  /** False when another process is at it, or the file system refuses. */
  #tryRotate(fd: number): boolean {
    try {
      if (!tryLock(fd)) return false;
      // Between the look and the lock another may have moved the file, and be done.
      const named = statSync(this.#path, { throwIfNoEntry: false });
      if (named !== undefined && isSame(fstatSync(fd), named)) {
        const files = logFiles(this.#path);
        for (let at = files.length - 1; at > 0; at -= 1) moveIfThere(files[at - 1] ?? '', files[at] ?? '');
      }
      // Closing lets go of the lock.
      this.close();
      return true;
    } catch {
      return false;
    }
  }

  /** A disk that fills up may take a part of a line. */
  #append(fd: number, bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0; ) {
      rest = rest.subarray(writeSync(fd, rest));
      this.#isTorn = rest.length > 0;
    }
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** Makes the directory again when it was removed, but nothing above it: a data directory that is gone must not come back as a shell. */
function openOrMake(path: string): number {
  try {
    return openSync(path, 'a+', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { mode: 0o700 });
    return openSync(path, 'a+', 0o600);
  }
}

/** A writer was killed, or the disk was full, in the middle of one. */
function endsWithinLine(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last.toString('latin1') !== '\n';
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
