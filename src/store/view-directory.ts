/**
 * Stores that another process has open, read beside it. Who opens an environment writes the number of the newest transaction that it found into
 * the lock file that all processes share, without the write lock (lmdb's mdb_env_open2): a commit of that moment would be overwritten by the
 * next. So a reader in another process opens a directory of its own, with a link to the data file and a lock file that nobody shares.
 * The writer does not see it there: a process that writes pins what is to be read (`Environment.pin`).
 */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { dataFileName } from './data-file.ts';

/** @returns the directory, in which the data file is a link: also to one that is not there. */
export async function makeView(scratch: string, name: string, store: string): Promise<string> {
  const directory = join(scratch, name);
  await mkdir(directory, { mode: 0o700 });
  await symlink(resolve(store, dataFileName), join(directory, dataFileName));
  return directory;
}

/** Runs `read` on views of the stores, by the same names. */
export async function withViews<Name extends string, T>(
  stores: Readonly<Record<Name, string>>,
  read: (views: Readonly<Record<Name, string>>) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'agent-collab-view-'));
  try {
    const views: Partial<Record<Name, string>> = {};
    for (const name of Object.keys(stores) as Name[])
      views[name] = await makeView(scratch, name, stores[name]);
    return await read(views as Record<Name, string>);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
