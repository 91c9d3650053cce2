/** Where a backup goes: its name, its directory while it is made, and what earlier attempts left. */
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { homePaths } from '../home/home-paths.ts';
import { followed, isWithin } from './backup-content.ts';
import { removeTree } from './copy-tree.ts';
import { removeFile, syncDirectory } from './file-error.ts';
import { type BackupReason, filesName, manifestName } from './manifest.ts';
import { markerName, newMarkerName, placeMarker, tryTakeMarker } from './marker.ts';

const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** More than one a second for over a minute is no accident of timing. */
const maxSuffix = 99;
/** Where the stores of a copy are opened; made and removed. */
export const checkingName = 'checking';

/** `20260131-120000`, in UTC, with what it precedes: `20260131-120000-before-restore`. */
export function backupName(reason: BackupReason, wallMs: number = systemClock.wallMs()): string {
  const [day, time] = new Date(wallMs).toISOString().slice(0, 19).replace(/[-:]/g, '').split('T');
  return reason === 'manual' ? `${day}-${time}` : `${day}-${time}-${reason}`;
}

/** Makes the directory that holds backups. @throws INVALID_ARGUMENT for one inside of the data directory. */
export async function openBackupsDirectory(home: string, to: string | undefined): Promise<string> {
  const base = to === undefined ? homePaths(home).backups : resolve(to);
  if (to !== undefined) {
    const target = await physical(base);
    // What links lead to is copied as well: in there a backup would copy the backups before it.
    for (const name of ['', ...followed]) {
      const root = await realpath(join(home, name)).catch(() => undefined);
      if (root !== undefined && isWithin(root, target)) throw insideHome(base, root);
    }
  }
  await makeDirectories(base);
  return base;
}

function insideHome(to: string, root: string): CollabError {
  return new CollabError('INVALID_ARGUMENT', `${to} lies in the data directory`, {
    next: 'Name a directory outside of it, or leave --to out: the backup then goes to backups/.',
    details: { to, home: root },
  });
}

/** `mkdir -p` for the owner alone; the new names are on disk when this returns. */
async function makeDirectories(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === first || dirname(made) === made) return;
  }
}

/** The real path of what may not exist yet: of the nearest directory above that does, and the rest. */
async function physical(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined || dirname(path) === path) return real ?? path;
  return join(await physical(dirname(path)), path.slice(dirname(path).length));
}

/** A directory that is becoming a backup. */
export interface BackupPlace {
  readonly name: string;
  readonly directory: string;
  /** From here on it is a backup, or a leftover. */
  release(): Promise<void>;
}

/** Makes `<base>/<name>/` for this process alone, with its marker; the name gets `-2`, `-3` … when it is taken. */
export async function reserveBackup(base: string, name: string): Promise<BackupPlace> {
  if (!plainName.test(name)) {
    throw new CollabError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no name for a backup`, {
      next: 'Use letters, digits, dots, dashes and underscores.',
    });
  }
  for (let suffix = 1; suffix <= maxSuffix; suffix++) {
    const tried = suffix === 1 ? name : `${name}-${suffix}`;
    const directory = join(base, tried);
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    try {
      const marker = await placeMarker(directory);
      await syncDirectory(base);
      return { name: tried, directory, release: () => marker.close() };
    } catch (error) {
      await removeTree(directory).catch(() => {}); // the first failure is the one to tell
      throw error;
    }
  }
  throw new CollabError('STORE_UNAVAILABLE', `${base} has ${maxSuffix} backups named ${name}`, {
    next: 'Run it again in a second.',
  });
}

/** From the manifest on it is a backup; the marker goes last. */
export async function finishBackup(base: string, directory: string): Promise<void> {
  await removeFile(join(directory, markerName));
  await syncDirectory(directory);
  await syncDirectory(base);
}

/** The first of `<name>`, `<name>-2` … that is not there. */
export function freeName(names: ReadonlySet<string>, name: string): string {
  for (let suffix = 2, tried = name; ; suffix++) {
    if (!names.has(tried)) return tried;
    tried = `${name}-${suffix}`;
  }
}

/**
 * Removes what a killed backup left: a directory with our marker, which nobody holds, without a manifest, and with nothing in it that
 * we do not put there. Anything else, whatever it looks like, is somebody's.
 */
export async function clearLeftovers(base: string): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const entry of await readdir(base, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const directory = join(base, entry.name);
    const marker = await tryTakeMarker(directory);
    if (marker === undefined) continue;
    try {
      const names = await readdir(directory);
      // Killed after its manifest was written: a backup.
      if (names.includes(manifestName)) await finishBackup(base, directory);
      else if (names.every(isOurs)) {
        await removeUnfinished(directory);
        removed.push(entry.name);
      }
    } finally {
      await marker.close();
    }
  }
  return removed;
}

/** The marker last: killed in the middle, the next one still knows what it is. */
export async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== markerName) await removeTree(join(directory, name));
  }
  await removeTree(directory);
}

const ours: ReadonlySet<string> = new Set([filesName, markerName, newMarkerName, checkingName]);
const ourTemporary = /^\.manifest\.json\.\d+\.[0-9a-f]{12}\.tmp$/;

function isOurs(name: string): boolean {
  return ours.has(name) || ourTemporary.test(name);
}
