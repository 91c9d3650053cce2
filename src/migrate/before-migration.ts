/** The backup before a migration: one, however often the migration is killed and begun again. */
import { isDeepStrictEqual } from 'node:util';
import { createBackup, verifyBackup } from '../backup/backup.ts';
import { contentOf } from '../backup/backup-content.ts';
import { listBackups } from '../backup/list-backups.ts';
import { readManifest } from '../backup/manifest.ts';
import { type ByteProgress, listTree, scanTree, type Tree, type TreeEntry } from '../backup/tree.ts';
import { migrationFileName, stagingName } from './migration-paths.ts';

const reason = 'before-migration';

/** @returns its name. The files in it are verified, byte by byte. */
export async function backUpOnce(
  home: string,
  onProgress: (progress: ByteProgress) => void,
): Promise<string> {
  const backup = await createBackup({ home, reason, lmdb: 'copy-files', onProgress });
  return backup.name;
}

export async function bytesToBackUp(home: string): Promise<number> {
  const { bytes } = await scanTree(home, contentOf(reason, 'copy-files').skip);
  return bytes;
}

/** The newest backup before a migration, when it is whole and the directory is still what it was then, times and modes too. */
export async function findOwnBackup(
  home: string,
  onProgress: (progress: ByteProgress) => void,
): Promise<string | undefined> {
  const newest = (await listBackups(home)).find((one) => one.state === 'complete' && one.reason === reason);
  if (newest === undefined) return undefined;
  const then = (await readManifest(newest.directory)).tree;
  const now = await listTree(home, { skip: contentOf(reason, 'copy-files').skip, onProgress });
  if (then.mode !== now.mode || !isDeepStrictEqual(copied(then), copied(now))) return undefined;
  const { sound } = await verifyBackup(newest.directory, onProgress);
  return sound ? newest.name : undefined;
}

/** What comes of a migration, or of a daemon that was started since, beside the files of the older program. */
const madeSince: ReadonlySet<string> = new Set([
  migrationFileName,
  stagingName,
  'key.json',
  'cluster.json',
  'agreement.json',
  'lmdb',
  'logs',
]);

/**
 * Whether a rollback to this backup would bring back what the older program has here. People tidy up, and between a run that was
 * killed and the next one they may have gone on working with the older program for weeks.
 */
export async function holdsWhatIsHere(
  home: string,
  name: string,
  onProgress: (progress: ByteProgress) => void,
): Promise<boolean> {
  const backup = (await listBackups(home)).find((one) => one.name === name && one.state === 'complete');
  if (backup === undefined) return false;
  const { skip } = contentOf(reason, 'copy-files');
  const then = (await readManifest(backup.directory)).tree;
  const now = await listTree(home, { skip: (path) => madeSince.has(path) || skip(path), onProgress });
  return isDeepStrictEqual(contentsIn(then), contentsIn(now));
}

/** Without sockets and the like, which no backup has. */
function copied({ entries }: Tree): readonly TreeEntry[] {
  return entries.filter((entry) => entry.kind !== 'other');
}

/** Without times and modes: a daemon closes files to others. */
function contentsIn(tree: Tree): readonly unknown[] {
  return copied(tree)
    .filter(({ path }) => !madeSince.has(path.split('/')[0] ?? ''))
    .map(
      ({
        mtimeUs: _,
        mode: __,
        ...entry
      }: TreeEntry & { readonly mtimeUs?: number; readonly mode?: number }) => entry,
    );
}
