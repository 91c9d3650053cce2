import { link, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { randomHex } from '../base/random.ts';
import { syncDirectory } from './sync-directory.ts';

export interface AtomicFileOptions {
  /** Permission bits that the file gets, whatever the umask says. */
  readonly mode: number;
}

/** `.<name>.<pid>.<random>.tmp`; the pid tells `prepareHome` whether its writer still lives. */
const temporaryName = /^\..+\.(\d+)\.[0-9a-f]{12}\.tmp$/;

/** The pid in the name of a temporary file of `writeFileAtomic`, undefined for any other file. */
export function temporaryFilePid(name: string): number | undefined {
  const pid = temporaryName.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * Replaces the file at `path`, or makes it: after any crash it is the old or the new one, whole, and once this
 * returns the new one survives power loss. A symbolic link at `path` stays and its target is replaced.
 *
 * @throws NodeJS.ErrnoException; the old file is untouched then.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const temporary = await writeTemporary(target, data, options);
  try {
    await rename(temporary, target);
  } catch (error) {
    await removeTemporary(temporary, error);
  }
  await syncDirectory(dirname(target));
}

/**
 * Makes the file at `path` unless there is one. Of several processes that try at once exactly one gets true, and
 * none ever sees a part of the file.
 *
 * A hard link does both. Where there are none (FAT, some network file systems) the file is opened exclusively
 * instead: still one winner, but a crash in the middle leaves a torn file.
 */
export async function tryCreateFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<boolean> {
  const temporary = await writeTemporary(path, data, options);
  let created: boolean;
  try {
    created = await tryLink(temporary, path, data, options);
  } catch (error) {
    return removeTemporary(temporary, error);
  }
  await rm(temporary, { force: true });
  await syncDirectory(dirname(path));
  return created;
}

async function tryLink(
  temporary: string,
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error;
  }
  try {
    await writeNew(path, data, options);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function writeTemporary(
  path: string,
  data: string | Uint8Array,
  options: AtomicFileOptions,
): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${randomHex(6)}.tmp`);
  try {
    await writeNew(temporary, data, options);
  } catch (error) {
    return removeTemporary(temporary, error);
  }
  return temporary;
}

/** The data reaches the disk before the name does: renamed first, power loss could leave an empty file. */
async function writeNew(path: string, data: string | Uint8Array, options: AtomicFileOptions): Promise<void> {
  const file = await open(path, 'wx', options.mode);
  try {
    await file.chmod(options.mode);
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes what a failed write left and passes its error on; a failure to remove is the lesser news. */
async function removeTemporary(temporary: string, error: unknown): Promise<never> {
  await rm(temporary, { force: true }).catch(() => {});
  throw error;
}
