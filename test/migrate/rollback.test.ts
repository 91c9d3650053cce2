import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listBackups } from '../../src/backup/list-backups.ts';
import { restoreBackup } from '../../src/backup/restore.ts';
import { silentLogger } from '../../src/base/log.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { migrationStatus } from '../../src/migrate/migration-status.ts';
import { rollbackMigration } from '../../src/migrate/rollback-migration.ts';
import { writeAwkwardHome } from './awkward-home.ts';
import { code, contentsOf, emptyHome, logOf, migrate, migrated, runTask, sha256 } from './migrate-fixture.ts';

const namesOf = async (home: string, reason: string) =>
  (await listBackups(home))
    .filter((one) => one.state === 'complete' && one.reason === reason)
    .map((one) => one.name);

test('puts back every byte, mode, time and link, and keeps what was made since in a backup', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const [before, mode] = [await contentsOf(home), statSync(home).mode];
  const { backup } = await migrated(home);
  const daemon = await Daemon.open({ home, logger: silentLogger });
  await daemon.close();
  writeFileSync(join(home, 'vectors', 'default.json'), 'spoilt');
  const since = sha256(join(homePaths(home).deltaStore, 'data.mdb'));

  const outcome = await rollbackMigration({ home });
  assert.deepEqual({ ...outcome, safety: '' }, { backup, safety: '', resumed: false });
  assert.deepEqual(await contentsOf(home), before);
  assert.equal(statSync(home).mode, mode);

  const kept = join(home, 'backups', outcome.safety, 'files');
  assert.equal(sha256(join(kept, 'lmdb/delta/data.mdb')), since);
  assert.equal(readFileSync(join(kept, 'vectors/default.json'), 'utf8'), 'spoilt');
  assert.equal((await migrationStatus(home)).state, 'possible');
});

test('what was kept can be put back, and then rolled back again', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const before = await contentsOf(home);
  await migrated(home);
  const { safety } = await rollbackMigration({ home });
  await restoreBackup({ home, name: safety, reason: 'restore' });
  assert.equal((await logOf(home)).length, 3);
  assert.equal((await migrate(home)).outcome, 'already');
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
});

test('a migration begins anew after a rollback, from the same backup and to the same contexts', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const before = await contentsOf(home);
  const first = await migrated(home);
  const log = await logOf(home);
  await rollbackMigration({ home });
  const second = await migrated(home);
  assert.equal(second.backup, first.backup);
  assert.deepEqual(await logOf(home), log);
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
  assert.equal((await namesOf(home, 'before-migration')).length, 1);
  assert.equal((await namesOf(home, 'before-rollback')).length, 2);
});

test('a time or a mode that changed since the backup makes a new backup, so that a rollback gives what is here now', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const { backup } = await migrated(home);
  await rollbackMigration({ home });
  utimesSync(join(home, 'config.json'), 1_700_000_000, 1_610_000_000);
  const before = await contentsOf(home);
  const again = await migrated(home);
  assert.notEqual(again.backup, backup);
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
});

test('without a migration there is nothing to roll back, and nothing changes', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const before = await contentsOf(home);
  await assert.rejects(() => rollbackMigration({ home }), code('NOT_FOUND', /no migration/));
  await assert.rejects(() => rollbackMigration({ home: join(home, 'missing') }), code('NOT_FOUND'));
  assert.equal(existsSync(join(home, 'missing')), false);
  await migrated(home);
  await rollbackMigration({ home });
  await assert.rejects(() => rollbackMigration({ home }), code('NOT_FOUND'));
  assert.deepEqual(await contentsOf(home), before);
});

test('a migration that was not finished is rolled back too, from wherever it was killed', async (t) => {
  for (const place of [
    'migrate.marked',
    'migrate.imported',
    'migrate.placing',
    'migrate.moved-in',
    'migrate.completed',
  ]) {
    const home = emptyHome(t);
    writeAwkwardHome(home);
    const before = await contentsOf(home);
    assert.equal((await runTask({ what: 'start', home }, { failpoints: `${place}=kill` })).signal, 'SIGKILL');
    await rollbackMigration({ home });
    assert.deepEqual(await contentsOf(home), before, place);
  }
});

test('a damaged backup is refused before anything is moved', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const { backup } = await migrated(home);
  const before = await contentsOf(home, ['daemon.lock']);
  writeFileSync(join(home, 'backups', backup, 'files', 'config.json'), '{}');
  await assert.rejects(() => rollbackMigration({ home }), code('VERIFY_FAILED', /config\.json/));
  assert.deepEqual(await contentsOf(home, ['daemon.lock']), before);
});

test('a directory that was moved to another machine is rolled back there', async (t) => {
  const home = emptyHome(t);
  writeAwkwardHome(home);
  const before = await contentsOf(home);
  await migrated(home);
  const moved = join(home, '..', 'moved here');
  execFileSync('mv', [home, moved]);
  await rollbackMigration({ home: moved });
  assert.deepEqual(await contentsOf(moved), before);
});

const realDirectory = process.env.LEGACY_DIRECTORY;

test('a real directory of the older program is moved whole and comes back as it was (needs LEGACY_DIRECTORY)', {
  skip: realDirectory === undefined && 'no LEGACY_DIRECTORY',
}, async (t) => {
  const home = emptyHome(t);
  execFileSync('cp', ['-a', `${realDirectory}/.`, home]);
  execFileSync('chmod', ['-R', 'u+w', home]);
  const before = await contentsOf(home);
  const { report } = await migrated(home);
  assert(report.contexts > 0);
  assert.deepEqual([report.skippedCount, report.contexts], [0, (await logOf(home)).length]);
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
});
