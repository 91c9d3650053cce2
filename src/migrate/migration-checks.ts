/** What must hold before a migration changes anything. */
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CollabError } from '../base/errors.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { findLegacyDaemon } from './legacy-daemon.ts';

/** @throws DAEMON_RUNNING with the pid. */
export async function assertNoLegacyDaemon(paths: HomePaths): Promise<void> {
  const found = await findLegacyDaemon(paths);
  if (found === undefined) return;
  throw new CollabError(
    'DAEMON_RUNNING',
    `a daemon of the older program runs on ${paths.root}: ${found.evidence}`,
    {
      next:
        found.pid === undefined
          ? 'Stop it, then run this again.'
          : `Stop it (kill ${found.pid}), then run this again. If it is something else, remove daemon.pid.`,
      details: { pid: found.pid ?? null, home: paths.root },
    },
  );
}

/** The log takes its place by a rename. @throws HOME_UNUSABLE when the stores lie on a file system of their own. */
export async function assertOneFileSystem({ root, deltaStore }: HomePaths): Promise<void> {
  const stores = dirname(deltaStore);
  const there = await stat(stores).catch(() => undefined);
  if (there === undefined || there.dev === (await stat(root)).dev) return;
  throw new CollabError('HOME_UNUSABLE', `${stores} lies on another file system than ${root}`, {
    next: 'Move it there for the migration: the imported log is made beside it and put in its place by a rename.',
    details: { path: stores, home: root },
  });
}

/** A file system that is almost full is slow and breaks other programs. */
const spareBytes = 64 * 1024 * 1024;
const bytesPerContext = 2 * 1024;

export interface RoomNeeds {
  /** Of everything that goes into the backup; 0 when it has been made. */
  readonly backupBytes: number;
  /** Of the log that is there. */
  readonly logBytes: number;
  readonly contexts: number;
  readonly contentBytes: number;
}

/** LMDB keeps a content over half a page in whole pages of its own, and so takes up to twice its bytes. */
function neededBytes({ backupBytes, logBytes, contexts, contentBytes }: RoomNeeds): number {
  return backupBytes + logBytes + contexts * bytesPerContext + contentBytes * 2 + spareBytes;
}

/** @throws STORE_UNAVAILABLE with what is needed and what is free. */
export async function assertRoom(paths: HomePaths, needs: RoomNeeds): Promise<void> {
  const { bavail, bsize } = await statfs(paths.root);
  const free = bavail * bsize;
  const needed = neededBytes(needs);
  if (free >= needed) return;
  const inMb = (bytes: number) => Math.ceil(bytes / 1e6);
  throw new CollabError(
    'STORE_UNAVAILABLE',
    `a migration of ${paths.root} needs ${inMb(needed)} MB of free disk, there are ${inMb(free)} MB`,
    {
      next: 'Make room, or move the data directory to a larger disk and let AGENT_COLLAB_HOME name it.',
      details: { needed, free, home: paths.root },
    },
  );
}
