/** The stores of a running daemon, each as one snapshot. Only for a process of its own: LMDB may end the one that reads. */
import { chmod, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFileName } from '../store/data-file.ts';
import { openEnvironment } from '../store/environment.ts';
import { withViews } from '../store/view-directory.ts';
import { copiedStores } from './backup-content.ts';
import { hashFile, ifThere, type Tree, treeOf } from './tree.ts';

/** How often the growing copy is looked at. */
const lookMs = 200;

/**
 * Copies audit first and delta last. Fences and heads in the log are then at least as new as what the trail speaks of; the other way
 * round a trail could name fences that the restored log would give again.
 *
 * @param tree what is in the copy already, with the stores' directories.
 * @param scratch a directory to work in, made and removed.
 * @param onProgress gets bytes, of the size that the stores have now.
 * @returns the tree with the stores in it.
 */
export async function copyStores(
  home: string,
  to: string,
  scratch: string,
  tree: Tree,
  onProgress: (done: number) => void,
): Promise<Tree> {
  const entries = [...tree.entries];
  let before = 0;
  for (const store of copiedStores) {
    const isThere = entries.some((entry) => entry.kind === 'directory' && entry.path === store);
    const source = join(home, store);
    const found = isThere ? await ifThere(() => stat(join(source, dataFileName))) : undefined;
    const bytes = found?.size ?? 0;
    if (bytes === 0) continue;
    const path = `${store}/${dataFileName}`;
    const at = join(to, path);
    // LMDB tells nothing on its way. The copy ends up smaller: it has no free pages.
    const look = setInterval(
      // Not there yet is no news.
      () =>
        void stat(at).then(
          ({ size }) => onProgress(before + Math.min(size, bytes)),
          () => {},
        ),
      lookMs,
    );
    await copyStore(source, join(to, store), scratch).finally(() => clearInterval(look));
    before += bytes;
    onProgress(before);
    const mtimeUs = await finish(at);
    const hashed = await hashFile(Buffer.from(at));
    entries.push({ kind: 'file', path, mode: 0o600, mtimeUs, ...hashed });
  }
  return treeOf(tree.mode, entries);
}

async function copyStore(from: string, to: string, scratch: string): Promise<void> {
  await withViews(scratch, { from }, async (view) => {
    const environment = openEnvironment(view.from, { durability: 'flush', readOnly: true });
    try {
      await environment.copyTo(to, true);
    } finally {
      await environment.close();
    }
  });
}

/** LMDB makes the file by the umask and does not sync it. */
async function finish(path: string): Promise<number> {
  await chmod(path, 0o600);
  const file = await open(path, 'r');
  try {
    await file.sync();
    return Number((await file.stat({ bigint: true })).mtimeNs / 1000n);
  } finally {
    await file.close();
  }
}
