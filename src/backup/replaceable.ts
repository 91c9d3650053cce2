/** Everything that would make a restore stop in the middle is looked for before it begins: from its journal on there is no way back. */
import { constants, type Stats } from 'node:fs';
import { access, lstat, readdir } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import { bytesOf, decodeName } from './path-text.ts';
import { ifThere } from './tree.ts';

/** What will be moved, and read again for its own manifest. */
export interface Movable {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * @param keep names at the top that stay where they are.
 * @throws HOME_UNUSABLE for another file system below, which a rename cannot move, or would take along, and for what cannot be read.
 */
export async function assertReplaceable(home: string, keep: ReadonlySet<string>): Promise<Movable> {
  const { dev } = await lstat(home);
  let entries = 0;
  let bytes = 0;
  const look = async (path: string): Promise<void> => {
    const at = bytesOf(home, path);
    const stats = await ifThere(() => lstat(at));
    if (stats === undefined) return;
    if (stats.dev !== dev) throw mounted(`${home}/${path}`);
    entries += 1;
    if (stats.isFile()) {
      bytes += stats.size;
      await assertReadable(at, stats, constants.R_OK);
    }
    if (!stats.isDirectory()) return;
    // A directory that gets another parent is written to; what lies deeper keeps its own.
    const isTop = !path.includes('/');
    await assertReadable(at, stats, constants.R_OK | constants.X_OK | (isTop ? constants.W_OK : 0));
    for (const name of await readdir(at, { encoding: 'buffer' })) await look(`${path}/${decodeName(name)}`);
  };
  for (const name of await readdir(bytesOf(home, ''), { encoding: 'buffer' })) {
    const path = decodeName(name);
    if (!keep.has(path)) await look(path);
  }
  return { entries, bytes };
}

/** Most are our own, and their mode tells. A directory of ours that is closed for writing is opened for its move. */
async function assertReadable(at: Buffer, { uid, mode }: Stats, wanted: number): Promise<void> {
  const isOwn = uid === process.getuid?.();
  const needed = isOwn ? wanted & ~constants.W_OK : wanted;
  if (isOwn && ((mode >> 6) & needed) === needed) return;
  await access(at, needed);
}

function mounted(path: string): CollabError {
  return new CollabError('HOME_UNUSABLE', `${path} is a file system of its own and cannot be replaced`, {
    next: 'Unmount it, or copy the files of the backup into it by hand.',
    details: { path },
  });
}
