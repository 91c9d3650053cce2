import { join } from 'node:path';
import type { HomePaths } from '../home/home-paths.ts';

export const migrationFileName = 'migration.json';
export const stagingName = 'migration.staging';

/** What a migration makes in the data directory beside a backup and the log itself. */
export interface MigrationPaths {
  /** How far it is, later what it did. */
  readonly state: string;
  /** Everything unfinished; gone when it is done. */
  readonly staging: string;
  /** The log with what was imported, before it is put in its place. */
  readonly stagedLog: string;
  /** The log that was there before, for the moment between two renames. */
  readonly replacedLog: string;
  /** A scratch environment that shows whether LMDB works on this file system. */
  readonly trial: string;
}

export function migrationPaths(home: HomePaths): MigrationPaths {
  const staging = join(home.root, stagingName);
  return Object.freeze({
    state: join(home.root, migrationFileName),
    staging,
    stagedLog: join(staging, 'delta'),
    replacedLog: join(staging, 'replaced'),
    trial: join(staging, 'trial'),
  });
}
