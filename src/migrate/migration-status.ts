/** `migrate status`: looks only, and so works beside a running daemon and on a directory that nobody may write. */
import { existsSync } from 'node:fs';
import { withFileErrors } from '../backup/file-error.ts';
import { type BackupListing, listBackups } from '../backup/list-backups.ts';
import { type RestoreReason, readJournal } from '../backup/restore-journal.ts';
import { homePaths } from '../home/home-paths.ts';
import { lookForLegacy } from './legacy-survey.ts';
import { migrationPaths } from './migration-paths.ts';
import { type MigrationState, readMigrationState } from './migration-state.ts';

export interface MigrationStatus {
  readonly home: string;
  /** `none`: nothing to migrate; `possible`: data of the older program is here; the others as in migration.json. */
  readonly state: 'none' | 'possible' | MigrationState['state'];
  readonly migration: MigrationState | null;
  /** A restore or rollback that was killed and goes on when it is called again. */
  readonly interrupted: RestoreReason | null;
  readonly backups: readonly BackupListing[];
}

/** @throws HOME_UNUSABLE; SCHEMA_NEWER, STORE_DAMAGED for a migration.json that cannot be read. */
export function migrationStatus(home: string): Promise<MigrationStatus> {
  return withFileErrors(home, () => look(home));
}

async function look(home: string): Promise<MigrationStatus> {
  const paths = homePaths(home);
  const about = { home: paths.root, migration: null, interrupted: null };
  if (!existsSync(paths.root)) return { ...about, state: 'none', backups: [] };
  const backups = await listBackups(home);
  const interrupted = (await readJournal(paths.root))?.reason ?? null;
  const migration = await readMigrationState(migrationPaths(paths).state);
  if (migration !== undefined) return { ...about, state: migration.state, migration, interrupted, backups };
  const { isLegacy } = await lookForLegacy(paths);
  return { ...about, state: isLegacy ? 'possible' : 'none', interrupted, backups };
}
