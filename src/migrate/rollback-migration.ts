/**
 * `migrate rollback`: the directory as it was before the migration, byte for byte; what was made since becomes a backup. And
 * `migrate restore`. Neither works beside a daemon, be it ours or the older program's.
 */
import { existsSync } from 'node:fs';
import {
  finishInterruptedRestore,
  type RestoreOptions,
  type RestoreOutcome,
  type RestoreProgress,
  restoreBackup,
} from '../backup/restore.ts';
import { CollabError } from '../base/errors.ts';
import { homePaths } from '../home/home-paths.ts';
import type { OwnerLock } from '../home/owner-lock.ts';
import { holdDirectory } from './hold-directory.ts';
import { assertNoLegacyDaemon } from './migration-checks.ts';
import { migrationPaths } from './migration-paths.ts';
import { readMigrationState } from './migration-state.ts';

export interface RollbackOptions {
  readonly home: string;
  readonly onProgress?: (progress: RestoreProgress) => void;
}

export interface RollbackOutcome {
  /** The backup that was put back. */
  readonly backup: string;
  /** The backup that holds what was there until now. */
  readonly safety: string;
  /** True: an earlier call had been interrupted, and this one went on to its end. */
  readonly resumed: boolean;
}

/** @throws NOT_FOUND when there was no migration, DAEMON_RUNNING, VERIFY_FAILED for a damaged backup, STORE_UNAVAILABLE without room. */
export async function rollbackMigration({ home, onProgress }: RollbackOptions): Promise<RollbackOutcome> {
  const paths = homePaths(home);
  if (!existsSync(paths.root)) throw noMigration(paths.root);
  const held = await holdDirectory(paths);
  try {
    await assertNoLegacyDaemon(paths);
    const outcome = await rollBack(home, held.owner, onProgress);
    await held.release('remove');
    return outcome;
  } finally {
    await held.release('as-before');
  }
}

/** @throws as `restoreBackup`; DAEMON_RUNNING. */
export async function restoreStopped({
  home,
  name,
  carryFence,
  onProgress,
}: RollbackOptions & Pick<RestoreOptions, 'name' | 'carryFence'>): Promise<RestoreOutcome> {
  const paths = homePaths(home);
  const { owner, release } = await holdDirectory(paths);
  try {
    await assertNoLegacyDaemon(paths);
    return await restoreBackup({
      home,
      name,
      reason: 'restore',
      owner,
      ...(carryFence && { carryFence }),
      ...(onProgress && { onProgress }),
    });
  } finally {
    await release('as-before');
  }
}

async function rollBack(
  home: string,
  owner: OwnerLock,
  onProgress: RollbackOptions['onProgress'],
): Promise<RollbackOutcome> {
  // Killed in the middle, the mark of the migration may have been moved away already; the journal knows the way.
  const found = await finishInterruptedRestore(home, onProgress);
  if (found?.reason === 'rollback') return { backup: found.source, safety: found.safety, resumed: true };
  const paths = homePaths(home);
  const state = await readMigrationState(migrationPaths(paths).state);
  if (state === undefined) throw noMigration(paths.root);
  const { safety, resumed } = await restoreBackup({
    home,
    name: state.backup,
    reason: 'rollback',
    owner,
    ...(onProgress && { onProgress }),
  });
  return { backup: state.backup, safety, resumed };
}

function noMigration(root: string): CollabError {
  return new CollabError('NOT_FOUND', `there is no migration in ${root} that could be rolled back`, {
    next: 'List what can be put back with: agent-collab migrate backups.',
    details: { home: root },
  });
}
