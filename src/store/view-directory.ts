/**
 * Stores that another process has open, read beside it. Who opens an environment writes the number of the newest transaction that it found into
 * the lock file that all processes share, without the write lock (lmdb's mdb_env_open2): a commit of that moment would be overwritten by the
 * next. So a reader in another process opens a directory of its own, with a link to the data file and a lock file that nobody shares.
 * The writer does not see it there: a process that writes pins what is to be read (`Environment.pin`).
 */
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { dataFileName } from './data-file.ts';

/**
 * Runs `read` on views of the stores, by the same names; what is undefined stays so.
 * @param scratch where they are made: nothing may be there but what an earlier reader left, and nothing is afterwards. LMDB may end the process
 *   that reads, so whoever started that one removes it too.
 */
export async function withViews<Stores extends Readonly<Record<string, string | undefined>>, T>(
  scratch: string,
  stores: Stores,
  read: (views: Stores) => Promise<T>,
): Promise<T> {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { mode: 0o700 });
  try {
    const views: Record<string, string | undefined> = {};
    for (const [name, store] of Object.entries(stores))
      views[name] = store && (await makeView(join(scratch, name), store));
    return await read(views as Stores);
  } catch (error) {
    throw error instanceof CollabError ? withPlaces(error, scratch, stores) : error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** As if the stores themselves had been opened: nobody knows the views. */
function withPlaces(
  error: CollabError,
  scratch: string,
  stores: Readonly<Record<string, string | undefined>>,
): CollabError {
  const told = (text: string) =>
    Object.entries(stores).reduce(
      (all, [name, store]) => (store === undefined ? all : all.replaceAll(join(scratch, name), store)),
      text,
    );
  const { next, details = {} } = error;
  const known = Object.entries(details).map(([key, value]) => [
    key,
    typeof value === 'string' ? told(value) : value,
  ]);
  return new CollabError(error.code, told(error.message), {
    ...(next === undefined ? {} : { next: told(next) }),
    details: Object.fromEntries(known),
    cause: error,
  });
}

/** @returns the directory, in which the data file is a link: also to one that is not there. */
async function makeView(directory: string, store: string): Promise<string> {
  await mkdir(directory, { mode: 0o700 });
  await symlink(resolve(store, dataFileName), join(directory, dataFileName));
  return directory;
}
