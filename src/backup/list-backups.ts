/** Which backups a data directory has. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CollabError } from '../base/errors.ts';
import { homePaths } from '../home/home-paths.ts';
import { withFileErrors } from './file-error.ts';
import { type BackupManifest, type BackupReason, readManifest } from './manifest.ts';
import { makerOf } from './marker.ts';

export type BackupListing =
  | {
      readonly state: 'complete';
      readonly name: string;
      readonly directory: string;
      readonly reason: BackupReason;
      readonly createdAt: string;
      readonly version: string;
      readonly node: string | null;
      readonly files: number;
      readonly bytes: number;
      /** Null: its stores were not opened. */
      readonly storesSound: boolean | null;
    }
  | {
      readonly state: 'incomplete';
      readonly name: string;
      readonly directory: string;
      readonly why: string;
    };

/** Newest first, what is incomplete at the end. Never throws: a backups/ that is not there, or cannot be read, has none. */
export function listBackups(home: string): Promise<readonly BackupListing[]> {
  return listBackupsIn(homePaths(home).backups).catch(() => []);
}

/** The same for any directory. @throws HOME_UNUSABLE when it is there and cannot be read; never for what is in it. */
export async function listBackupsIn(backups: string): Promise<readonly BackupListing[]> {
  const names = await withFileErrors(backups, () => namesIn(backups));
  const listed: BackupListing[] = [];
  for (const name of names) {
    const directory = join(backups, name);
    const entry = await lstat(directory).catch(() => undefined);
    // A link may lead anywhere, and its target may change between a look and its use.
    if (entry?.isDirectory() === true) listed.push(await look(name, directory));
  }
  return listed.toSorted(newestFirst);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function look(name: string, directory: string): Promise<BackupListing> {
  try {
    return listingOf(name, directory, await readManifest(directory));
  } catch (error) {
    const maker = await makerOf(directory);
    const found = error instanceof CollabError ? error.message : String(error);
    const why = maker === undefined ? found : `process ${maker} is making it`;
    return { state: 'incomplete', name, directory, why };
  }
}

function listingOf(name: string, directory: string, manifest: BackupManifest): BackupListing {
  const { reason, createdAt, version, node, tree, stores } = manifest;
  const files = tree.entries.filter((entry) => entry.kind === 'file').length;
  const about = { reason, createdAt, version, node, files, bytes: tree.bytes };
  return { state: 'complete', name, directory, ...about, storesSound: stores?.sound ?? null };
}

function newestFirst(a: BackupListing, b: BackupListing): number {
  if (a.state !== b.state) return a.state === 'complete' ? -1 : 1;
  const [left, right] = [a, b].map((it) => `${it.state === 'complete' ? it.createdAt : ''}${it.name}`);
  return (left ?? '') < (right ?? '') ? 1 : -1;
}
