import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { createBackup } from '../../src/backup/backup.ts';
import { finishInterruptedRestore, restoreBackup, takeOwnerLock } from '../../src/backup/restore.ts';
import {
  awkwardHome,
  cannotMount,
  contentsOf,
  giveTo,
  isRoot,
  mountTmpfs,
  nobody,
  runTask,
  scratch,
} from './backup-fixture.ts';
import { assertRestored, makeStates, stateOf, twoStates } from './restore-fixture.ts';

describe('restoreBackup', () => {
  it('puts back every file, mode, time and link, and keeps what was there as a backup', async (t) => {
    const states = await twoStates(t);
    const steps: string[] = [];
    const { safety, files, bytes, resumed } = await restoreBackup({
      home: states.home,
      name: 'first',
      reason: 'restore',
      onProgress: ({ step, done, total }) => {
        assert(done <= total, `${done} of ${total}`);
        if (steps.at(-1) !== step) steps.push(step);
      },
    });
    await assertRestored(states);
    assert.deepEqual(steps, ['copy', 'keep']);
    const kept = states.wanted.filter((entry) => entry.kind === 'file');
    const sum = kept.reduce((total, entry) => total + entry.size, 0);
    assert.deepEqual([files, bytes, resumed], [kept.length, sum, false]);
    assert.equal(existsSync(join(states.home, 'backups', safety, 'manifest.json')), true);
  });

  it('can be taken back with the backup that it made, and that again', async (t) => {
    const { home, wanted, old } = await twoStates(t);
    const first = await restoreBackup({ home, name: 'first', reason: 'restore' });
    const second = await restoreBackup({ home, name: first.safety, reason: 'restore' });
    assert.deepEqual(await stateOf(home), old);
    await restoreBackup({ home, name: second.safety, reason: 'restore' });
    assert.deepEqual(await stateOf(home), wanted);
  });

  it('leaves the logs of this machine where they are, unless the backup has some', async (t) => {
    const { home } = await twoStates(t);
    await createBackup({ home, reason: 'manual', lmdb: 'copy-files', name: 'without-logs' });
    writeFileSync(join(home, 'logs', 'daemon.log'), 'of today\n');
    await restoreBackup({ home, name: 'without-logs', reason: 'restore' });
    assert.deepEqual(readdirSync(join(home, 'logs')), ['daemon.log']);
    const { safety } = await restoreBackup({ home, name: 'first', reason: 'restore' });
    assert.equal(existsSync(join(home, 'backups', safety, 'files', 'logs', 'daemon.log')), true);
  });

  it('takes only what the manifest names', async (t) => {
    const states = await twoStates(t);
    const files = join(states.home, 'backups', 'first', 'files');
    writeFileSync(join(files, 'added'), 'x');
    mkdirSync(join(files, 'vectors', 'more'));
    await restoreBackup({ home: states.home, name: 'first', reason: 'restore' });
    assert.deepEqual(await stateOf(states.home), states.wanted);
  });

  it('works on a backup whose directory was renamed, and in a data directory that was moved', async (t) => {
    const states = await twoStates(t);
    const elsewhere = join(scratch(t), 'moved here');
    mkdirSync(join(elsewhere, 'backups'), { recursive: true });
    const { directory } = await createBackup({
      home: states.home,
      reason: 'before-migration',
      lmdb: 'copy-files',
      to: join(elsewhere, 'backups'),
      name: 'mine',
    });
    assert.equal(directory, join(elsewhere, 'backups', 'mine'));
    await restoreBackup({ home: elsewhere, name: 'mine', reason: 'restore' });
    assert.deepEqual(await stateOf(elsewhere), states.old);
  });

  it('rolls back to exactly what the manifest says, and leaves no daemon.lock', async (t) => {
    const states = await twoStates(t);
    const { home } = states;
    const outcome = await restoreBackup({ home, name: 'first', reason: 'rollback' });
    assert.match(outcome.safety, /before-rollback$/);
    assert.deepEqual(await contentsOf(home), states.wanted);
    await assertRestored(states);
  });

  it('finishes a restore of another backup first, and says so', { timeout: 60_000 }, async (t) => {
    const { home, wanted, old } = await twoStates(t);
    await createBackup({ home, reason: 'before-migration', lmdb: 'copy-files', name: 'second' });
    const task = { what: 'restore', home, name: 'first' };
    assert.equal((await runTask(task, 'restore.moving-in=kill@2')).signal, 'SIGKILL');
    const { finished, resumed, safety } = await restoreBackup({ home, name: 'second', reason: 'restore' });
    assert.match(finished ?? '', /a restore of backup first had been interrupted and was finished/);
    assert.equal(resumed, false);
    assert.deepEqual(await stateOf(home), old);
    await restoreBackup({ home, name: safety, reason: 'restore' });
    assert.deepEqual(await stateOf(home), wanted);
  });

  it('finishes nothing where nothing was begun, and clears away a copy that never came to its turn', async (t) => {
    const states = await twoStates(t);
    mkdirSync(join(states.home, '.restoring', 'new', 'vectors'), { recursive: true });
    const owner = await takeOwnerLock(states.home);
    assert.equal(await finishInterruptedRestore(states.home), undefined);
    await owner.close();
    assert.equal(existsSync(join(states.home, '.restoring')), false);
    assert.deepEqual(await stateOf(states.home), states.old);
  });
});

describe('restoreBackup: other disks and users', () => {
  it('copies what was there into a backups/ on another file system (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    const disk = mountTmpfs(t, 'size=64m');
    const home = awkwardHome(t);
    symlinkSync(disk, join(home, 'backups'));
    const states = await makeStates(home);
    await restoreBackup({ home, name: 'first', reason: 'restore' });
    await assertRestored(states);
    assert.deepEqual(readdirSync(disk).length, 2);
  });

  it('restores for a user whom read-only directories keep out (needs root to become one)', {
    skip: !isRoot && 'only root can become another user',
    timeout: 60_000,
  }, async (t) => {
    const states = await twoStates(t);
    const { home } = states;
    giveTo(nobody, dirname(home));
    const { answer } = await runTask({ what: 'restore', home, name: 'first' }, '', nobody);
    assert.match(JSON.stringify(answer), /"resumed":false/);
    await assertRestored(states);
  });
});
