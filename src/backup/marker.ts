/**
 * incomplete.json in a directory that is becoming a backup. Its maker holds the kernel's lock on it, so that a leftover is told from work
 * under way for certain: by a pid alone, another machine's backup on a shared disk would look dead, and a dead one alive once its pid
 * belongs to somebody else.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from '../home/file-lock.ts';

/** Without it an incomplete directory is not ours to remove. */
export const markerName = 'incomplete.json';
/** Until it is locked: nobody ever sees a marker whose maker lives and has no lock. */
export const newMarkerName = 'incomplete.json.new';

const program = 'agent-collab';
/** It is some fifty bytes. */
const maxMarkerBytes = 1000;

/** @returns the open marker: closing it lets go of the lock. */
export async function placeMarker(directory: string): Promise<FileHandle> {
  const path = join(directory, newMarkerName);
  const file = await open(path, 'wx', 0o600);
  try {
    holdLock(file);
    await file.writeFile(`${JSON.stringify({ program, pid: process.pid })}\n`);
    await file.sync();
    await rename(path, join(directory, markerName));
    return file;
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
}

/** A file system without locks takes backups all the same; what is left of one there stays. */
function holdLock(file: FileHandle): void {
  try {
    tryLock(file.fd);
  } catch (error) {
    if (!['ENOTSUP', 'EOPNOTSUPP', 'ENOLCK', 'ENOSYS', 'EINVAL'].includes(errnoOf(error))) throw error;
  }
}

/** The marker of one that died, locked by us now; undefined when there is none, or somebody holds it. */
export async function tryTakeMarker(directory: string): Promise<FileHandle | undefined> {
  const marker = await openMarker(directory);
  if (marker === undefined) return undefined;
  const { file } = marker;
  try {
    if (tryLock(file.fd)) return file;
  } catch {
    // No locks here: nothing tells a leftover from work under way.
  }
  await file.close();
  return undefined;
}

/** The pid that is making a backup there at this moment. */
export async function makerOf(directory: string): Promise<number | undefined> {
  const marker = await openMarker(directory);
  if (marker === undefined) return undefined;
  try {
    return tryLock(marker.file.fd) ? undefined : marker.pid;
  } catch {
    return marker.pid;
  } finally {
    await marker.file.close();
  }
}

/** Undefined for whatever is not exactly what we write. */
async function openMarker(
  directory: string,
): Promise<{ readonly file: FileHandle; readonly pid: number } | undefined> {
  let file: FileHandle | undefined;
  try {
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    file = await open(join(directory, markerName), flags);
    const pid = (await file.stat()).size <= maxMarkerBytes ? pidOf(await file.readFile('utf8')) : undefined;
    if (pid !== undefined) return { file, pid };
  } catch {
    // There is none, or it may not be opened: no marker of ours either way.
  }
  await file?.close();
  return undefined;
}

function pidOf(text: string): number | undefined {
  const marker = JSON.parse(text) as { readonly program?: unknown; readonly pid?: unknown } | null;
  return marker?.program === program && Number.isSafeInteger(marker.pid) ? (marker.pid as number) : undefined;
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
