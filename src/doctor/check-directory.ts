/** The data directory itself: whose it is, who else may read it, what its disk has room for and how fast it syncs. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toCollabError } from '../base/errors.ts';
import { diskRoom, storageLevel } from '../daemon/storage-guard.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { assertOwnDirectory, modesForOthers } from '../home/prepare-home.ts';
import { probeWrite } from '../home/probe-write.ts';
import { bad, type Finding, mendable, ok, warn } from './finding.ts';

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

/** The root and what lies directly in it, each with its mode: what is deeper is closed with it. */
export async function openToOthers(root: string): Promise<readonly string[]> {
  const open: string[] = [];
  for (const name of ['.', ...(await readdir(root))]) {
    const mode = await modesForOthers(join(root, name));
    if (mode !== undefined) open.push(`${name} (mode ${(mode & 0o777).toString(8)})`);
  }
  return open;
}

/** Writes a file and syncs it: only that shows that the disk takes something now. */
export async function checkDisk(
  { root }: HomePaths,
  storeBytes: number,
  maxBytes: number | null,
): Promise<Finding> {
  try {
    const room = await diskRoom(root);
    const syncMs = await probeWrite(root);
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
  }
}
