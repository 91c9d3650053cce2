import { existsSync } from 'node:fs';
import { removeOwnerLock } from '../backup/restore.ts';
import { CollabError } from '../base/errors.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { OwnerLock } from '../home/owner-lock.ts';

export interface HeldDirectory {
  readonly owner: OwnerLock;
  /**
   * Only the first call counts. What becomes of daemon.lock: `keep`, `remove`, or `as-before`, which removes it unless a daemon left it.
   */
  release(lockFile: 'keep' | 'remove' | 'as-before'): Promise<void>;
}

/**
 * Keeps daemons and other migrations out. A stale socket stays: until a daemon starts, the directory keeps what it had.
 * @throws DAEMON_RUNNING with the pid.
 */
export async function holdDirectory(paths: HomePaths): Promise<HeldDirectory> {
  // Without stores no daemon has ever served here: then the file was left by a migration or rollback that was killed.
  const wasThere = existsSync(paths.daemonLock) && existsSync(paths.deltaStore);
  const owner = await OwnerLock.tryAcquire(paths, 'keep', 'migrate');
  if (!(owner instanceof OwnerLock)) {
    const pid = owner.pid ?? owner.owner?.pid ?? null;
    throw new CollabError('DAEMON_RUNNING', `process ${pid ?? 'unknown'} works on ${paths.root}`, {
      next: 'Stop the daemon first: agent-collab daemon stop. Another migration has to end by itself.',
      details: { pid, home: paths.root },
    });
  }
  let released: Promise<void> | undefined;
  return {
    owner,
    release: (lockFile) => {
      const removes = lockFile === 'remove' || (lockFile === 'as-before' && !wasThere);
      released ??= removes ? removeOwnerLock(paths.root, owner) : owner.close();
      return released;
    },
  };
}
