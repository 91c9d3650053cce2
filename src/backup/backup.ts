/**
 * Backups. One is a directory `backups/<name>/`:
 *
 * ```
 * <name>/
 * ├── files/            the tree
 * ├── manifest.json     what it is and every entry with its checksum; written last, so without it this is no backup
 * └── incomplete.json   while it is made: the pid that makes it
 * ```
 */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { failpoint } from '../base/failpoint.ts';
import { version } from '../base/version.ts';
import { homePaths } from '../home/home-paths.ts';
import { contentOf, copiedStores, leftOutOf } from './backup-content.ts';
import {
  backupName,
  checkingName,
  clearLeftovers,
  finishBackup,
  openBackupsDirectory,
  removeUnfinished,
  reserveBackup,
} from './backup-place.ts';
import type { CopiedStores } from './check-stores.ts';
import { copyStores } from './copy-stores.ts';
import { copyTree, removeTree, settleTree } from './copy-tree.ts';
import { needRoom, realHome, withFileErrors } from './file-error.ts';
import {
  type BackupManifest,
  type BackupReason,
  filesName,
  type LeftOut,
  readManifest,
  type StoreCheck,
  writeManifest,
} from './manifest.ts';
import {
  type ByteProgress,
  listTree,
  scanTree,
  type Tree,
  type TreeEntry,
  treeChecksum,
  treeOf,
} from './tree.ts';

/** `copy`: copying, with a look at each copy. `check`: walking the records of the copied stores. */
export interface BackupProgress {
  readonly step: 'copy' | 'check';
  /** Bytes while copying, records while checking. */
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes' | 'records';
}

/**
 * Opens the stores of a copy and walks them, in a process of its own, since LMDB ends the one that meets certain damaged pages.
 * The backup process supplies it (workers/backup-process.ts); without it the stores are checked byte by byte only.
 */
export type StoreChecker = (
  stores: CopiedStores,
  onProgress: (progress: { readonly done: number; readonly total: number }) => void,
) => Promise<StoreCheck>;

export interface BackupOptions {
  /** The data directory. */
  readonly home: string;
  /** Puts `<to>/<name>/` there: a directory outside of the data directory, made when missing. @default `<home>/backups` */
  readonly to?: string;
  /** @default `YYYYMMDD-HHMMSS` in UTC, with `-<reason>` unless that is `manual`; then `-2`, `-3` … when taken. */
  readonly name?: string;
  readonly reason: BackupReason;
  /**
   * `online`: beside a running daemon, never in its process; each store is one snapshot, compacted. `copy-files`: the owner lock is held
   * by the caller's side and no store is open; files are copied as they are.
   *
   * What is in it: for `manual` everything but logs/, lmdb/index/ (a start rebuilds it) and LMDB's lock files; for the other
   * reasons every file. Never: backups/, daemon.json, daemon.sock, daemon.lock, a restore's own files, torn atomic writes.
   */
  readonly lmdb: 'copy-files' | 'online';
  readonly checkStores?: StoreChecker;
  readonly onProgress?: (progress: BackupProgress) => void;
}

export interface Backup {
  readonly name: string;
  /** Of the backup, absolute. */
  readonly directory: string;
  readonly manifest: BackupManifest;
}

/**
 * Copies, checks the copy against what was read, and writes the manifest. On failure nothing is left; killed, a directory is left that
 * `listBackups` calls incomplete and the next backup clears away. Stores that turn out damaged do not fail it: a copy of a damaged
 * store is worth having, and the manifest says so.
 *
 * @throws STORE_UNAVAILABLE when there is no room (`details: { needed, free }`) or a file keeps changing, HOME_UNUSABLE naming what cannot be
 * read, INVALID_ARGUMENT for a bad `to` or `name`, STORE_DAMAGED when LMDB cannot copy a store, VERIFY_FAILED when the copy is not
 * what was read.
 */
export async function createBackup(options: BackupOptions): Promise<Backup> {
  return withFileErrors(options.home, async () => {
    const home = await realHome(options.home);
    const base = await openBackupsDirectory(home, options.to);
    await clearLeftovers(base);
    const content = contentOf(options.reason, options.lmdb);
    const source = await scanTree(home, content.skip, content.follow);
    const stores = await storeBytes(home, options);
    const besideDaemon = options.lmdb === 'online';
    await needRoom(base, source.bytes + stores, source.entries.length, 'the backup', besideDaemon);
    const wallMs = systemClock.wallMs();
    const place = await reserveBackup(base, options.name ?? backupName(options.reason, wallMs));
    const { name, directory } = place;
    try {
      failpoint('backup.reserved');
      const { tree, vanished } = await fill(home, source, directory, stores, options);
      const manifest: BackupManifest = {
        format: 1,
        name,
        reason: options.reason,
        createdAt: new Date(wallMs).toISOString(),
        version,
        node: await nodeOf(home),
        stores: await checkCopiedStores(directory, tree, options),
        leftOut: [...content.leftOut, ...vanished, ...leftOutOf(home, tree)],
        checksum: treeChecksum(tree),
        tree,
      };
      failpoint('backup.checked');
      await writeManifest(directory, manifest);
      failpoint('backup.written');
      await finishBackup(base, directory);
      return { name, directory, manifest };
    } catch (error) {
      // The first failure is the one to tell; what cannot be removed now is cleared away by the next backup.
      await removeUnfinished(directory).catch(() => {});
      throw error;
    } finally {
      await place.release();
    }
  });
}

async function fill(
  home: string,
  source: Tree,
  directory: string,
  storeBytes: number,
  { lmdb, onProgress = () => {} }: BackupOptions,
): Promise<{ readonly tree: Tree; readonly vanished: readonly LeftOut[] }> {
  const files = join(directory, filesName);
  await mkdir(files, { mode: 0o700 });
  const total = source.bytes + storeBytes;
  const tell = (done: number) =>
    onProgress({ step: 'copy', done, total: Math.max(done, total), unit: 'bytes' });
  const copied = await copyTree(home, source, files, {
    source: 'live',
    failpoint: 'backup.copying',
    onProgress: ({ done }) => tell(done),
  });
  failpoint('backup.copied');
  let tree = treeOf(source.mode, copied.entries);
  if (lmdb === 'online') {
    const { bytes } = tree;
    tree = await copyStores(home, files, join(directory, checkingName), tree, (done) => tell(bytes + done));
  }
  failpoint('backup.stores');
  await settleTree(files, tree);
  failpoint('backup.settled');
  const vanished = copied.vanished.map((path) => ({ path, why: 'was removed while the backup was made' }));
  return { tree, vanished };
}

async function storeBytes(home: string, { lmdb }: BackupOptions): Promise<number> {
  if (lmdb === 'copy-files') return 0;
  const sizes = copiedStores.map((store) =>
    stat(join(home, store, 'data.mdb')).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** What key.json says, checked no further: a backup must not fail for a key that is to be repaired. */
export async function nodeOf(home: string): Promise<string | null> {
  try {
    const { peer_id } = JSON.parse(await readFile(homePaths(home).key, 'utf8')) as {
      readonly peer_id?: unknown;
    };
    return typeof peer_id === 'string' ? peer_id : null;
  } catch {
    return null;
  }
}

async function checkCopiedStores(
  directory: string,
  tree: Tree,
  { checkStores, onProgress }: Pick<BackupOptions, 'checkStores' | 'onProgress'>,
): Promise<StoreCheck | null> {
  const at = (store: string) =>
    tree.entries.some(
      (entry) => entry.kind === 'file' && entry.size > 0 && entry.path === `${store}/data.mdb`,
    )
      ? join(directory, filesName, store)
      : undefined;
  const scratch = join(directory, checkingName);
  const stores = { delta: at('lmdb/delta'), audit: at('lmdb/audit'), scratch };
  if (checkStores === undefined || (stores.delta === undefined && stores.audit === undefined)) return null;
  try {
    return await checkStores(stores, (progress) =>
      onProgress?.({ step: 'check', ...progress, unit: 'records' }),
    );
  } finally {
    // LMDB may have ended the process that worked in it.
    await removeTree(scratch);
  }
}

export interface BackupProblem {
  readonly path: string;
  readonly what: string;
}

export interface BackupVerification {
  /** Every file, byte and link is as in the manifest. */
  readonly sound: boolean;
  readonly problems: readonly BackupProblem[];
  /** In `files/` and not in the manifest: harmless, a restore does not take it. */
  readonly extra: readonly string[];
}

/** @throws VERIFY_FAILED when there is no readable manifest; what is wrong with the files is a result. */
export async function verifyBackup(
  directory: string,
  onProgress?: (progress: ByteProgress) => void,
): Promise<BackupVerification> {
  return withFileErrors(directory, async () => {
    const { tree } = await readManifest(directory);
    const found = await listTree(join(directory, filesName), onProgress === undefined ? {} : { onProgress });
    const { problems, extra } = compare(tree, found);
    return { sound: problems.length === 0, problems, extra };
  });
}

/** Modes and times are the manifest's, wherever the backup was carried since. */
function compare(
  wanted: Tree,
  found: Tree,
): { readonly problems: readonly BackupProblem[]; readonly extra: readonly string[] } {
  const there = new Map(found.entries.map((entry) => [entry.path, entry]));
  const problems: BackupProblem[] = [];
  for (const entry of wanted.entries) {
    if (entry.kind === 'other') continue;
    const what = differenceOf(entry, there.get(entry.path));
    if (what !== undefined) problems.push({ path: entry.path, what });
    there.delete(entry.path);
  }
  return { problems, extra: [...there.keys()] };
}

function differenceOf(wanted: TreeEntry, found: TreeEntry | undefined): string | undefined {
  if (found === undefined) return 'is missing';
  if (found.kind !== wanted.kind) return `is a ${found.kind}, not a ${wanted.kind}`;
  if (wanted.kind === 'file' && found.kind === 'file') {
    if (found.size !== wanted.size) return `has ${found.size} bytes, not ${wanted.size}`;
    if (found.sha256 !== wanted.sha256) return 'differs from its checksum';
  }
  if (wanted.kind === 'link' && found.kind === 'link' && found.target !== wanted.target)
    return `leads to ${found.target}, not to ${wanted.target}`;
  return undefined;
}
