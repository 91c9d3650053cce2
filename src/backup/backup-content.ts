/** What of a data directory belongs into a backup. */
import { dirname, resolve, sep } from 'node:path';
import { temporaryFilePid } from '../home/atomic-file.ts';
import type { BackupReason, LeftOut } from './manifest.ts';
import type { Tree } from './tree.ts';

/** A restore's journal and the place where it works, both in the data directory. */
export const journalName = 'restore.json';
export const restoringName = '.restoring';

/** Of the running process or of a restore, at the top of the data directory. No backup has them, no restore removes backups/. */
export const neverCopied: ReadonlySet<string> = new Set([
  'backups',
  'daemon.json',
  'daemon.sock',
  'daemon.lock',
  journalName,
  restoringName,
]);

/** Worth nothing, or less, when it is put back. */
const worthless: Readonly<Record<string, string>> = {
  logs: 'logs of this machine',
  'agreement.json':
    'an old one would break promises on locks: the members of the cluster take this node in again',
  'lmdb/index': 'derived: a start rebuilds it',
  'vectors/context.vec': 'derived: the search makes it again',
};

/** Directories that may be links to a larger disk; a backup without what is in them would be none. */
export const followed: ReadonlySet<string> = new Set([
  'lmdb',
  'lmdb/delta',
  'lmdb/audit',
  'lmdb/damaged',
  'metrics',
  'vectors',
]);

/** Of a store, wherever a version keeps one: not what lies deeper. */
const liveFile = /^lmdb\/[^/]+\/data\.mdb$/;

/** A compact copy of a store on its way to take its place: whatever is in it is in the store. */
const unfinished = /^lmdb\/(delta|index|audit)\.new$/;

export interface Content {
  readonly skip: (path: string) => boolean;
  /** For links that are taken for the directories that they lead to. */
  readonly follow: (path: string) => boolean;
  /** What was skipped and is worth telling. */
  readonly leftOut: LeftOut[];
}

/** The environments that are copied by LMDB itself beside a running daemon. */
export const copiedStores = ['lmdb/audit', 'lmdb/delta'] as const;

export function contentOf(reason: BackupReason, lmdb: 'copy-files' | 'online'): Content {
  const leftOut: LeftOut[] = [];
  const skip = (path: string): boolean => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (neverCopied.has(path) || temporaryFilePid(name) !== undefined) return true;
    if (reason === 'manual' && worthless[path] !== undefined) {
      leftOut.push({ path, why: worthless[path] });
      return true;
    }
    if (path.startsWith('lmdb/')) {
      if ((reason === 'manual' || lmdb === 'online') && (name === 'lock.mdb' || unfinished.test(path)))
        return true;
      // What a repair has set aside is at rest, and copied like any file.
      if (lmdb === 'online' && liveFile.test(path)) {
        const store = copiedStores.find((one) => path === `${one}/data.mdb`);
        if (store === undefined) leftOut.push({ path, why: 'an LMDB file that is no store of this version' });
        return true;
      }
    }
    return false;
  };
  // The rest of a directory as it was before a migration is not ours to interpret.
  const follow = (path: string): boolean => reason === 'manual' && followed.has(path);
  return { skip, follow, leftOut };
}

/** What is worth a word of what was scanned: entries that are in the copy only in part, or not at all. */
export function leftOutOf(home: string, tree: Tree): readonly LeftOut[] {
  return tree.entries.flatMap((entry): readonly LeftOut[] => {
    if (entry.kind === 'other') return [{ path: entry.path, why: `a ${entry.what}` }];
    if (entry.kind !== 'link') return [];
    const { path, target } = entry;
    const to = resolve(home, dirname(path), target);
    if (isWithin(home, to)) return [];
    return [{ path, why: `a link: what it leads to, ${target}, is not in the backup` }];
  });
}

/** Of two absolute paths: whether the second is the first, or lies below it. */
export function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
}
