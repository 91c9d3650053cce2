/** One backup or restore in a process of its own, for tests that kill it. */
import { createBackup } from '../../src/backup/backup.ts';
import { finishInterruptedRestore, restoreBackup, takeOwnerLock } from '../../src/backup/restore.ts';
import { encodeError } from '../../src/base/errors.ts';

interface Task {
  readonly what: 'backup' | 'restore' | 'rollback' | 'finish';
  readonly home: string;
  readonly name?: string;
  readonly to?: string;
}

async function run({ what, home, name = '', to }: Task): Promise<unknown> {
  if (what === 'backup') {
    const where = to === undefined ? {} : { to };
    return (await createBackup({ home, reason: 'before-migration', lmdb: 'copy-files', ...where })).name;
  }
  if (what !== 'finish') return restoreBackup({ home, name, reason: what });
  const owner = await takeOwnerLock(home);
  try {
    return (await finishInterruptedRestore(home)) ?? null;
  } finally {
    await owner.close();
  }
}

run(JSON.parse(process.argv[2] ?? '') as Task)
  .then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: encodeError(error) }),
  )
  .finally(() => process.disconnect());
