/**
 * The end of a migration: the staged log takes its place by renames. From the first on there is only the way forward, which a later
 * `migrate start`, or the next daemon, goes to its end.
 */
import { existsSync } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory, withFileErrors } from '../backup/file-error.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { tryCreateFileAtomic } from '../home/atomic-file.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { migrationPaths } from './migration-paths.ts';
import { type MigrationState, readMigrationState, writeMigrationState } from './migration-state.ts';

export type Placing = MigrationState & { readonly state: 'placing' };
export type Completed = Extract<MigrationState, { readonly state: 'completed' }>;

/** Each step looks at what the one before has left, so that it may be begun again anywhere. */
export async function placeImport(
  home: HomePaths,
  state: Placing,
  clock: Clock = systemClock,
): Promise<Completed> {
  const { stagedLog, replacedLog, staging, state: file } = migrationPaths(home);
  if (!(await isThere(staging))) throw stagingIsGone(staging);
  if (await isThere(stagedLog)) {
    await mkdir(dirname(home.deltaStore), { recursive: true, mode: 0o700 });
    if (await isThere(home.deltaStore)) {
      if (await isThere(replacedLog)) throw twoLogs(home.deltaStore, replacedLog);
      await rename(home.deltaStore, replacedLog);
      failpoint('migrate.moved-away');
    }
    await rename(stagedLog, home.deltaStore);
    failpoint('migrate.moved-in');
    await syncDirectory(dirname(home.deltaStore));
  }
  if (state.newConfig !== null) {
    await tryCreateFileAtomic(home.config, state.newConfig, { mode: 0o600 });
    failpoint('migrate.config');
  }
  await syncDirectory(home.root);
  failpoint('migrate.placed');
  const { newConfig: _, ...rest } = state;
  const completed: Completed = {
    ...rest,
    state: 'completed',
    completedAt: new Date(clock.wallMs()).toISOString(),
  };
  await writeMigrationState(file, completed);
  failpoint('migrate.completed');
  // Last: as long as it is there, somebody looks whether there is something to finish.
  await clearStaging(staging);
  failpoint('migrate.cleared');
  return completed;
}

/**
 * For a daemon, with the owner lock held and before it makes or opens its stores: a migration that was killed between its last renames
 * has taken the log away and not yet put the new one in. Returns one sentence for the log; undefined: there was nothing of the kind.
 * @throws SCHEMA_NEWER, STORE_DAMAGED for a migration.json that cannot be read beside an unfinished log; STORE_UNAVAILABLE.
 */
export async function finishInterruptedMigration(home: HomePaths): Promise<string | undefined> {
  const { state: file, staging } = migrationPaths(home);
  if (!existsSync(staging) || !existsSync(file)) return undefined;
  return withFileErrors(home.root, async () => {
    const state = await readMigrationState(file);
    if (state?.state === 'completed') await clearStaging(staging);
    if (state?.state !== 'placing') return undefined;
    const { report } = await placeImport(home, state);
    return `a migration from the older program had been interrupted and was finished: ${report.contexts} contexts were imported`;
  });
}

/** What an earlier run left unfinished, or did not come to clear away. */
export async function clearStaging(staging: string): Promise<void> {
  await rm(staging, { recursive: true, force: true });
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** It stays until the mark `completed` is written, so somebody else has removed it, and with it maybe the log. */
function stagingIsGone(staging: string): CollabError {
  return new CollabError('STORE_UNAVAILABLE', `${staging} was removed in the middle of a migration`, {
    next: 'Put the old state back with agent-collab migrate rollback, then begin again.',
    details: { staging },
  });
}

/** A daemon of a version before this one has run in between and begun a log of its own. */
function twoLogs(present: string, replaced: string): CollabError {
  return new CollabError(
    'STORE_UNAVAILABLE',
    `there is a new log in ${present} and the old one in ${replaced}`,
    {
      next: 'Put the old state back with agent-collab migrate rollback, then begin again.',
      details: { present, replaced },
    },
  );
}
