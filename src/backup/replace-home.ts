/**
 * The replacement itself: phases, each of which can be cut off anywhere and carried on from what is there. Renames alone, so no
 * file is written to while it changes hands, nothing needs room, and the time does not depend on the size.
 */
import { chmod, lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { failpoint } from '../base/failpoint.ts';
import { temporaryFilePid } from '../home/atomic-file.ts';
import { homePaths } from '../home/home-paths.ts';
import { archive } from './archive.ts';
import { journalName } from './backup-content.ts';
import { freeName } from './backup-place.ts';
import { removeTree, settleTree } from './copy-tree.ts';
import { removeFile, syncDirectory } from './file-error.ts';
import { readManifest } from './manifest.ts';
import { bytesOf, decodeName } from './path-text.ts';
import { type RestoreJournal, workPlaces, writeJournal } from './restore-journal.ts';
import { type ByteProgress, ifThere } from './tree.ts';

/** Carries a journal to its end. @returns the name under which what was there is kept. */
export async function rollForward(
  home: string,
  journal: RestoreJournal,
  onProgress: (progress: ByteProgress) => void = () => {},
): Promise<string> {
  let now = journal;
  const enter = async (phase: RestoreJournal['phase']): Promise<void> => {
    now = { ...now, phase };
    await writeJournal(home, now);
  };
  if (now.phase === 'out') {
    await moveOut(home, new Set(now.keep));
    failpoint('restore.out');
    await enter('in');
  }
  if (now.phase === 'in') {
    await moveIn(home);
    failpoint('restore.in');
    await settle(home, now);
    failpoint('restore.settled');
    await enter('archive');
  }
  if (now.phase === 'archive') {
    now = await archive(home, now, onProgress);
    failpoint('restore.archived');
    await enter('clean');
  }
  await cleanUp(home);
  failpoint('restore.done');
  return now.safety;
}

async function moveOut(home: string, keep: ReadonlySet<string>): Promise<void> {
  const { aside } = workPlaces(home);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  for (const name of await namesIn(home)) {
    if (keep.has(name)) continue;
    await moveAside(home, name);
    failpoint('restore.moving-out');
  }
  await syncDirectory(aside);
  await syncDirectory(home);
}

async function moveIn(home: string): Promise<void> {
  const { incoming } = workPlaces(home);
  for (const name of (await ifThere(() => namesIn(incoming))) ?? []) {
    // Made after the move out, say by a command that looked for the daemon's log: it is kept as well.
    if ((await ifThere(() => lstat(bytesOf(home, name)))) !== undefined) await moveAside(home, name);
    await rename(bytesOf(incoming, name), bytesOf(home, name));
    failpoint('restore.moving-in');
  }
  await syncDirectory(home);
}

/** A name that is taken there, by what an interrupted move left behind, gets a number: nothing replaces anything. */
async function moveAside(home: string, name: string): Promise<void> {
  const { aside } = workPlaces(home);
  const from = bytesOf(home, name);
  const to = bytesOf(aside, freeName(new Set(await namesIn(aside)), name));
  const stats = await lstat(from);
  const isClosed = stats.isDirectory() && (stats.mode & 0o200) === 0;
  // A directory that gets another parent is written to.
  if (isClosed) await chmod(from, stats.mode | 0o700);
  await rename(from, to);
  if (isClosed) await chmod(to, stats.mode & 0o7777);
}

async function settle(home: string, { source, reason }: RestoreJournal): Promise<void> {
  // Somebody may have removed the backup meanwhile: its files are in place, and keep the modes they were made with.
  const manifest = await readManifest(join(homePaths(home).backups, source)).catch(() => undefined);
  if (manifest === undefined) return;
  // Its owner must go on working in it.
  if (reason === 'rollback') await chmod(home, manifest.tree.mode | 0o700);
  await settleTree(home, manifest.tree);
}

/** The journal goes last: without it nobody would look for what is left. */
async function cleanUp(home: string): Promise<void> {
  await removeTree(workPlaces(home).root);
  failpoint('restore.cleaned');
  // Halves of the journal, from kills while it was written: nobody else writes it while we hold the owner lock.
  for (const name of await namesIn(home)) {
    const isHalf = name.startsWith(`.${journalName}.`) && temporaryFilePid(name) !== undefined;
    if (isHalf) await removeFile(join(home, name));
  }
  await removeFile(join(home, journalName));
  await syncDirectory(home);
}

/** What a restore left that never came to its journal: a copy of a backup, and nothing else is removed. */
export async function clearStaging(home: string): Promise<void> {
  const { root, incoming } = workPlaces(home);
  await removeTree(incoming);
  await rmdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
  });
}

async function namesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(bytesOf(directory, ''), { encoding: 'buffer' });
  return names.map(decodeName).sort();
}

/** When a restore began, for its journal and the backup that it makes. */
export function startTime(): { readonly wallMs: number; readonly iso: string } {
  const wallMs = systemClock.wallMs();
  return { wallMs, iso: new Date(wallMs).toISOString() };
}
