/** The data directory itself: whose it is, who else may read it, what its disk has room for and how fast it syncs. */
import { lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { toCollabError } from '../base/errors.ts';
import { randomHex } from '../base/random.ts';
import { diskRoom, storageLevel } from '../daemon/storage-guard.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { assertOwnDirectory } from '../home/prepare-home.ts';
import { bad, type Finding, mendable, ok, warn } from './finding.ts';

const forOthers = 0o077;
const probeBytes = 4096;
/** A share waits for one sync (SPEC §15: 5 ms at p99); ten times as long is a disk that everybody feels. */
const slowSyncMs = 50;
const gib = 2 ** 30;

export async function checkDirectory(paths: HomePaths): Promise<Finding> {
  try {
    await assertOwnDirectory(paths.root);
    const open = await openToOthers(paths.root);
    if (open.length > 0)
      return mendable(
        'directory',
        'bad',
        `other users may read or write ${open.join(', ')} in ${paths.root}`,
      );
    return ok('directory', `${paths.root} is yours and closed to others`);
  } catch (error) {
    const { message, next } = toCollabError(error);
    return bad('directory', message, next ?? 'Look at the directory.');
  }
}

/** The root and what lies directly in it: what is deeper is closed with it. Links are somebody's own business. */
async function openToOthers(root: string): Promise<readonly string[]> {
  if (process.platform === 'win32') return [];
  const open: string[] = [];
  for (const name of ['.', ...(await readdir(root))]) {
    const entry = await lstat(join(root, name)).catch(() => undefined);
    const counts = entry !== undefined && (entry.isFile() || entry.isDirectory());
    if (counts && (entry.mode & forOthers) !== 0) open.push(name);
  }
  return open;
}

/** Writes a file and syncs it: only that shows that the disk takes something now. */
export async function checkDisk(
  { root }: HomePaths,
  storeBytes: number,
  maxBytes: number | null,
): Promise<Finding> {
  const path = join(root, `.probe.${process.pid}.${randomHex(6)}.tmp`);
  try {
    const room = await diskRoom(root);
    const syncMs = await timeWrite(path);
    const says = `${(room.freeBytes / gib).toFixed(1)} GiB free; a write and its sync took ${syncMs.toFixed(1)} ms`;
    const level = storageLevel({ ...room, storeBytes }, maxBytes);
    if (level.level === 'refuse')
      return bad('disk', `${level.message}; ${says}`, 'Make room, or raise storage.maxBytes.');
    if (level.level === 'warn')
      return warn('disk', `${level.message}; ${says}`, 'Make room: at 95 % new deltas are refused.');
    return syncMs < slowSyncMs
      ? ok('disk', says)
      : warn(
          'disk',
          says,
          'Each share waits for such a sync: consider a faster disk, or run this again when it is idle.',
        );
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return bad(
      'disk',
      `nothing can be written in ${root}: ${code ?? message}`,
      'Check the disk: is it full, or mounted read-only?',
    );
  } finally {
    await rm(path, { force: true }).catch(() => {}); // the next start clears it away
  }
}

async function timeWrite(path: string): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  try {
    const startMs = systemClock.monotonicMs();
    await file.writeFile(Buffer.alloc(probeBytes, 1));
    await file.datasync();
    return systemClock.monotonicMs() - startMs;
  } finally {
    await file.close();
  }
}
