/**
 * What reaches the standard error of a background daemon past its log: a fatal error of Node, an assertion of LMDB, an abort. It is a file of
 * its own, `logs/daemon-stderr.log`, which the starting command opens: Node cannot point its standard error at another file, so after a
 * rotation it would be the one of a generation that moves away. The daemon takes what is in it over into its log: at its start what the one
 * before left, and while it runs once a second.
 */
import { fstatSync, ftruncateSync, readSync, type Stats } from 'node:fs';

export interface RawOutput {
  readonly lines: readonly string[];
  /** At its beginning, which are not among the lines. */
  readonly skippedBytes: number;
  /** When the last of it was written, epoch ms. */
  readonly writtenMs: number;
}

/** Of one crash some kilobytes come; a second full of output is a loop, whose end tells as much as the whole. */
const maxTakenBytes = 256 * 1024;
/** A cell of a core dump in text form is no line. */
const maxLineChars = 8 * 1024;

/**
 * Takes what is in the file, and empties it once `take` has it; else it stays for the next time. What native code writes in the microseconds
 * between the last look and the emptying is lost; killed between the two, a line is taken twice.
 *
 * @param fd open for reading and appending. Anything but a file is let be: that is somebody's terminal.
 * @param take false: it could not be kept.
 */
export function takeRawOutput(fd: number, take: (output: RawOutput) => boolean): void {
  let from = 0;
  for (;;) {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size <= from) break;
    if (!take(readOutput(fd, from, stats))) return;
    from = stats.size;
  }
  if (from > 0) ftruncateSync(fd, 0);
}

function readOutput(fd: number, from: number, { size, mtimeMs }: Stats): RawOutput {
  const start = Math.max(from, size - maxTakenBytes);
  const bytes = Buffer.alloc(size - start);
  const count = readSync(fd, bytes, 0, bytes.length, start);
  return { lines: rawLines(bytes.subarray(0, count)), skippedBytes: start - from, writtenMs: mtimeMs };
}

/** Without the empty ones, each of a length that can be shown. */
function rawLines(bytes: Buffer): readonly string[] {
  return bytes
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => (line.length > maxLineChars ? `${line.slice(0, maxLineChars)}…` : line));
}
