/**
 * Which paths lie on a disk of this machine, where a look at a file takes microseconds. A look that goes through libuv's threads takes ten
 * times as long and as much of the processor; but on a network, or behind a program that serves files, it may take for ever, and there
 * it must not be the main thread that waits.
 */
import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '../base/clock.ts';

export interface Mount {
  readonly point: string;
  readonly type: string;
}

/** What answers from memory or a disk. Any other (NFS, CIFS, FUSE, 9p, virtiofs, autofs, …) may wait for somebody. */
const localTypes = new Set(
  'bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs iso9660 jfs msdos ntfs3 overlay ramfs reiserfs rootfs squashfs tmpfs udf vfat xfs zfs'.split(
    ' ',
  ),
);
const maxAgeMs = 1000;
const file = '/proc/self/mountinfo';

export interface MountTableOptions {
  readonly clock?: Clock;
  /** Undefined where the system does not tell. @default from /proc/self/mountinfo */
  readonly read?: () => string | undefined;
}

export class MountTable {
  readonly #clock: Clock;
  readonly #read: () => string | undefined;
  /** Undefined: nothing is known, so nothing is local. */
  #remote: readonly string[] | undefined;
  #local: readonly string[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor({ clock = systemClock, read = readMounts }: MountTableOptions = {}) {
    this.#clock = clock;
    this.#read = read;
  }

  /** @param path absolute, and physical up to its last segment: a link on the way may lead anywhere. */
  isLocal(path: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readAtMs >= maxAgeMs) {
      this.#readAtMs = nowMs;
      this.#sort(parseMounts(this.#read()));
    }
    if (this.#remote === undefined) return false;
    const remote = longestAbove(path, this.#remote);
    return remote === -1 || longestAbove(path, this.#local) > remote;
  }

  #sort(mounts: readonly Mount[]): void {
    const points = (isLocal: boolean) =>
      mounts.filter(({ type }) => localTypes.has(type) === isLocal).map(({ point }) => point);
    this.#remote = mounts.length === 0 ? undefined : points(false);
    this.#local = points(true);
  }
}

/** Of the lines that it does not understand it makes nothing. See proc_pid_mountinfo(5). */
export function parseMounts(text: string | undefined): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text?.split('\n') ?? []) {
    const [before = '', after = ''] = line.split(' - ');
    const point = before.split(' ')[4];
    const [type] = after.split(' ');
    if (point !== undefined && type !== undefined && type !== '')
      mounts.push({ point: unescaped(point), type });
  }
  return mounts;
}

function readMounts(): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Spaces and the like are written in octal. */
function unescaped(point: string): string {
  return point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Length of the longest of these at or above `path`, -1 when none is. */
function longestAbove(path: string, points: readonly string[]): number {
  let longest = -1;
  for (const point of points) {
    if (point.length <= longest || !path.startsWith(point)) continue;
    if (path.length === point.length || point === '/' || path[point.length] === '/') longest = point.length;
  }
  return longest;
}

/** Of this process. */
export const mounts = new MountTable();
