/**
 * Reads a log that others write, rotate, cut off and remove meanwhile (log-file.ts), and holds up none of them: no lock, nothing written.
 *
 * What tells files apart is the inode: whatever the names are by now, a file that was read already is known again. Files are opened from the
 * newest on, since a rotation in between moves them towards the older names: one may be met twice, which shows, but none is passed by.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';

/** Of one file. One of ours has 4 MiB; the log of an older version may have more, of which the end counts. */
const maxFileBytes = 16 * 1024 * 1024;
/** A line of ours has some 100 KiB at most; what is longer, such as a file of zeros after a crash, is cut here. */
const maxLineBytes = 256 * 1024;
const lineFeed = 0x0a;
/** A writer that has looked before a rotation and writes after it reaches the file that was moved: so long it may be held up in between. */
const lateMs = 5000;
const maxMoved = 8;

interface OpenFile {
  readonly fd: number;
  readonly stats: Stats;
  /** Up to where it was read. */
  position: number;
  /** The beginning of a line that has no end yet. */
  pending: Buffer;
  /** The line was cut; the rest of it is passed over. */
  isSkipping: boolean;
}

export class LogTail {
  readonly #paths: readonly string[];
  #current: OpenFile | undefined;
  /** Those before, the oldest first, for writers that had not seen the rotation yet. */
  #moved: readonly { readonly file: OpenFile; readonly untilMs: number }[] = [];

  /** @param paths of the log, the newest first: the first is the one that is written. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /**
   * The lines that are there now, the newest first; `poll` goes on behind them. To be called once, before `poll`.
   * @param withTorn also the last line when it has no end: for who does not wait for the rest of it.
   * @throws what the file system says of a file that is there and cannot be read.
   */
  *backlog(withTorn: boolean): Generator<string> {
    const files = this.#openNewer(undefined);
    this.#current = files[0];
    try {
      for (const file of files) {
        const lines = readLines(file);
        if (file !== this.#current || withTorn) lines.push(...takePending(file));
        yield* lines.reverse();
      }
    } finally {
      for (const file of files) if (file !== this.#current) closeSync(file.fd);
    }
  }

  /** The whole lines that came since the last look, the oldest first. @throws as `backlog`. */
  poll(): readonly string[] {
    const lines: string[] = [];
    for (const { file } of this.#moved) lines.push(...readLines(file), ...takePending(file));
    this.#forgetMoved(systemClock.monotonicMs());
    const current = this.#current;
    if (current !== undefined) lines.push(...readLines(current));
    const named = statSync(this.#paths[0] ?? '', { throwIfNoEntry: false });
    if (named === undefined) return lines;
    if (current !== undefined && isSame(current.stats, named)) {
      // Somebody cut it off.
      if (named.size < current.position) lines.push(...readAgain(current));
      return lines;
    }
    // Nothing is left out: what is newer than the file at hand has moved up by as many names as there were rotations.
    const newer = this.#openNewer(current);
    if (newer[0] === undefined) return lines;
    if (current !== undefined) lines.push(...readLines(current));
    const untilMs = systemClock.monotonicMs() + lateMs;
    const passed = [...(current === undefined ? [] : [current]), ...newer.slice(1).reverse()];
    for (const file of newer.toReversed()) {
      lines.push(...readLines(file));
      if (file !== newer[0]) lines.push(...takePending(file));
    }
    this.#moved = [...this.#moved, ...passed.map((file) => ({ file, untilMs }))];
    this.#current = newer[0];
    return lines;
  }

  close(): void {
    this.#forgetMoved(Number.POSITIVE_INFINITY);
    if (this.#current !== undefined) closeSync(this.#current.fd);
    this.#current = undefined;
  }

  #forgetMoved(nowMs: number): void {
    const kept = this.#moved.filter(({ untilMs }) => nowMs < untilMs).slice(-maxMoved);
    for (const one of this.#moved) if (!kept.includes(one)) closeSync(one.file.fd);
    this.#moved = kept;
  }

  /** Of the files of the log those that are newer than `known`, the newest first, each once. */
  #openNewer(known: OpenFile | undefined): readonly OpenFile[] {
    const files: OpenFile[] = [];
    for (const path of this.#paths) {
      const file = openIfThere(path);
      if (file === undefined) continue;
      const isKnown = known !== undefined && isSame(known.stats, file.stats);
      const isMet = [...files, ...this.#moved.map((one) => one.file)].some((one) =>
        isSame(one.stats, file.stats),
      );
      if (isKnown || isMet) closeSync(file.fd);
      else files.push(file);
      if (isKnown) return files;
    }
    return known === undefined ? files : writtenSince(known, files);
  }
}

/** Of files among which `known` is no more, moved away by somebody or dropped by rotations: those that are not older than it. */
function writtenSince(known: OpenFile, files: readonly OpenFile[]): readonly OpenFile[] {
  const { mtimeMs } = fstatSync(known.fd);
  return files.filter((file) => {
    const isNewer = file.stats.mtimeMs >= mtimeMs;
    if (!isNewer) closeSync(file.fd);
    return isNewer;
  });
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function openIfThere(path: string): OpenFile | undefined {
  try {
    const fd = openSync(path, 'r');
    const stats = fstatSync(fd);
    const position = Math.max(0, stats.size - maxFileBytes);
    // Begun in the middle, the first line is half a line.
    return { fd, stats, position, pending: Buffer.alloc(0), isSkipping: position > 0 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function readAgain(file: OpenFile): readonly string[] {
  file.position = 0;
  file.pending = Buffer.alloc(0);
  file.isSkipping = false;
  return readLines(file);
}

const chunk = Buffer.alloc(256 * 1024);

/** The whole lines up to the end of the file as it is now. */
function readLines(file: OpenFile): string[] {
  const lines: string[] = [];
  for (;;) {
    const count = readSync(file.fd, chunk, 0, chunk.length, file.position);
    if (count === 0) return lines;
    file.position += count;
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at !== -1 && at < count; at = chunk.indexOf(lineFeed, from)) {
      const line = Buffer.concat([file.pending, chunk.subarray(from, at)]);
      if (!file.isSkipping) lines.push(line.toString('utf8'));
      file.pending = Buffer.alloc(0);
      file.isSkipping = false;
      from = at + 1;
    }
    if (file.isSkipping) continue;
    file.pending = Buffer.concat([file.pending, chunk.subarray(from, count)]);
    if (file.pending.length <= maxLineBytes) continue;
    file.isSkipping = true;
    lines.push(...takePending(file).map((line) => `${line}…`));
  }
}

function takePending(file: OpenFile): readonly string[] {
  const { pending } = file;
  file.pending = Buffer.alloc(0);
  return pending.length === 0 ? [] : [pending.toString('utf8', 0, maxLineBytes)];
}
