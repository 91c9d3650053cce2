/** What was moved aside becomes a backup: by one rename, or by a copy where backups/ is on another file system. */
import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { failpoint } from '../base/failpoint.ts';
import { version } from '../base/version.ts';
import { homePaths } from '../home/home-paths.ts';
import { nodeOf } from './backup.ts';
import { clearLeftovers, finishBackup, freeName, removeUnfinished, reserveBackup } from './backup-place.ts';
import { copyTree, settleTree } from './copy-tree.ts';
import { syncDirectory } from './file-error.ts';
import { type BackupManifest, filesName, readManifest, writeManifest } from './manifest.ts';
import { type RestoreJournal, workPlaces, writeJournal } from './restore-journal.ts';
import { type ByteProgress, ifThere, listTree, treeChecksum } from './tree.ts';

type OnProgress = (progress: ByteProgress) => void;

/** Called again after a kill it goes on. @returns the journal with the name that the backup got. */
export async function archive(
  home: string,
  journal: RestoreJournal,
  onProgress: OnProgress,
): Promise<RestoreJournal> {
  const { safety, aside } = workPlaces(home);
  const { backups } = homePaths(home);
  // Renamed already.
  if ((await ifThere(() => lstat(aside))) === undefined) return journal;
  const manifest = await manifestOf(aside, journal, onProgress);
  failpoint('restore.archiving');
  // Whoever removed it meanwhile: what is moved aside needs a place.
  await mkdir(backups, { recursive: true, mode: 0o700 });
  // Of this restore, killed before: it has the name, and may have taken the room, that is needed now.
  await clearLeftovers(backups);
  if (await isArchived(journal, backups, manifest)) return journal;
  const named = { ...journal, safety: freeName(new Set(await readdir(backups)), journal.safety) };
  if (named.safety !== journal.safety) await writeJournal(home, named);
  const whole = { ...manifest, name: named.safety };
  try {
    await writeManifest(safety, whole);
    await rename(safety, join(backups, named.safety));
    await syncDirectory(backups);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyArchive(aside, backups, whole, onProgress);
  }
  return named;
}

/** A copy that was complete when its maker was killed. */
async function isArchived(
  { safety }: RestoreJournal,
  backups: string,
  manifest: BackupManifest,
): Promise<boolean> {
  const earlier = await readManifest(join(backups, safety)).catch(() => undefined);
  return earlier?.checksum === manifest.checksum && earlier.createdAt === manifest.createdAt;
}

/** What was moved aside stays until the journal says that its copy is complete. */
async function copyArchive(
  aside: string,
  backups: string,
  manifest: BackupManifest,
  onProgress: OnProgress,
): Promise<void> {
  const place = await reserveBackup(backups, manifest.name);
  try {
    const files = join(place.directory, filesName);
    await mkdir(files, { mode: 0o700 });
    const { tree } = manifest;
    await copyTree(aside, tree, files, {
      source: 'sealed',
      failpoint: 'restore.archive-copying',
      onProgress,
    });
    await settleTree(files, tree);
    await writeManifest(place.directory, manifest);
    await finishBackup(backups, place.directory);
    failpoint('restore.archive-copied');
  } catch (error) {
    await removeUnfinished(place.directory).catch(() => {}); // the first failure is the one to tell
    throw error;
  } finally {
    await place.release();
  }
}

async function manifestOf(
  aside: string,
  { safety, reason, startedAt, keep }: RestoreJournal,
  onProgress: OnProgress,
): Promise<BackupManifest> {
  const tree = await listTree(aside, { onProgress });
  return {
    format: 1,
    name: safety,
    reason: reason === 'restore' ? 'before-restore' : 'before-rollback',
    createdAt: startedAt,
    version,
    // Of what was moved aside: the key in the data directory is the restored one by now.
    node: await nodeOf(aside),
    stores: null,
    leftOut: keep.includes('logs') ? [{ path: 'logs', why: 'stays where it is' }] : [],
    checksum: treeChecksum(tree),
    tree,
  };
}
