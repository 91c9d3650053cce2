/** What the file system says while trees are copied, in our codes, and the look at the room before. */
import { type FileHandle, open, realpath, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';

/** Names, manifest and what other programs write meanwhile. */
const spareBytes = 16 * 1024 * 1024;
/** The last block of a file and its entry in the directory. */
const bytesPerEntry = 4096 + 256;

/** A daemon refuses new deltas when less than a gibibyte, and less than a twentieth, of its disk is left (daemon/storage-guard.ts). */
const daemonBytes = 2 ** 30;
const daemonShare = 0.05;

/**
 * @param besideDaemon true: what it needs of the disk is left to it, unless that is gone already.
 * @throws STORE_UNAVAILABLE with what is needed and what is free.
 */
export async function needRoom(
  directory: string,
  bytes: number,
  entries: number,
  what: string,
  besideDaemon = false,
): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const left = Math.ceil(Math.min(daemonBytes, blocks * bsize * daemonShare));
  const spare = besideDaemon && free >= left ? Math.max(spareBytes, left) : spareBytes;
  const needed = bytes + entries * bytesPerEntry + spare;
  if (free >= needed) return;
  throw new CollabError(
    'STORE_UNAVAILABLE',
    `there is no room for ${what} in ${directory}: it needs ${mebibytes(needed)} MiB, ${mebibytes(spare)} of them to stay free; ` +
      `${mebibytes(free)} MiB are free`,
    {
      next: 'Free some space there, or name another place; nothing was changed.',
      details: { directory, needed, free },
    },
  );
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

const fullDisk: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const rights =
  'Give yourself the rights to it (chmod u+rwX), or move it out of the data directory, and run it again.';
const nextSteps: Readonly<Record<string, string>> = {
  EACCES: rights,
  EPERM: rights,
  EROFS: 'Mount it writable, or name another place, and run it again.',
  ENOTDIR: 'A file stands where a directory should be: move it away, or name another place.',
  EEXIST: 'Move it away, or name another place, and run it again.',
  EIO: 'Check the disk (dmesg), and run it again.',
  EMFILE: 'Raise the limit of open files (ulimit -n), and run it again.',
};

/** What the file system says, with the path that it is about; anything else as it is: a defect must not look like a bad disk. */
function fileError(error: unknown, path: string): unknown {
  if (error instanceof CollabError || !(error instanceof Error)) return error;
  const { code, errno, path: from, dest } = error as NodeJS.ErrnoException & { readonly dest?: unknown };
  if (code === undefined || errno === undefined) return error;
  const isFull = fullDisk.has(code);
  // A copy speaks of both its ends; room is missing at the far one.
  const place = String((isFull ? dest : undefined) ?? from ?? path);
  const details = { path: place, errno: code };
  if (isFull) {
    return new CollabError('STORE_UNAVAILABLE', `${place} cannot be written: the disk is full (${code})`, {
      next: 'Free some space and run it again; nothing that was there before is lost.',
      details,
      cause: error,
    });
  }
  return new CollabError('HOME_UNUSABLE', `${place} cannot be read or written: ${error.message}`, {
    next: nextSteps[code] ?? 'Look at it, and run it again.',
    details,
    cause: error,
  });
}

/** Runs `work` and gives what the file system says our codes. */
export async function withFileErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}

/** The data directory without links. @throws HOME_UNUSABLE when there is none: neither a backup nor a restore makes one. */
export async function realHome(home: string): Promise<string> {
  try {
    return await realpath(home);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CollabError('HOME_UNUSABLE', `there is no data directory at ${home}`, {
      next: `Check AGENT_COLLAB_HOME. To restore a backup from elsewhere, put it into ${join(home, 'backups')} first.`,
      details: { path: home, errno: 'ENOENT' },
      cause: error,
    });
  }
}

/** Makes the names in a directory survive power loss. */
export async function syncDirectory(path: string | Buffer): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await syncHandle(directory);
  } finally {
    await directory.close();
  }
}

export async function syncHandle(directory: FileHandle): Promise<void> {
  try {
    await directory.sync();
  } catch (error) {
    // Some network file systems cannot; there is nothing else to be done there.
    if (!['EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}
