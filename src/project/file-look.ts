/** Looks at files without reading them: at once where the file lies on this machine, else in another thread, so that nothing waits for it. */
import { type BigIntStats, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { lstat, readlink, stat } from 'node:fs/promises';
import { mounts } from './mount-table.ts';

type MaybePromise<T> = T | Promise<T>;

/** Undefined when there is nothing. @throws NodeJS.ErrnoException, as `lstat`, but for ENOENT. */
export function lstatIfPresent(path: string): MaybePromise<Stats | undefined> {
  if (mounts.isLocal(path)) return lstatSync(path, { throwIfNoEntry: false });
  return lstat(path).catch(undefinedIfAbsent);
}

/** Where the link leads, as it is written there. @throws NodeJS.ErrnoException, as `readlink`. */
export function readLink(path: string): MaybePromise<string> {
  return mounts.isLocal(path) ? readlinkSync(path) : readlink(path);
}

/** As `stat`; undefined when nothing can be found out. */
export function statIfKnown(path: string): MaybePromise<BigIntStats | undefined> {
  if (!mounts.isLocal(path)) return statElsewhere(path);
  try {
    const entry = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    // What a link leads to may lie anywhere.
    return entry?.isSymbolicLink() === true ? statElsewhere(path) : entry;
  } catch {
    return undefined;
  }
}

function statElsewhere(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined);
}

function undefinedIfAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
