import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { listBackups } from '../../src/backup/list-backups.ts';
import { migrationStatus } from '../../src/migrate/migration-status.ts';
import { rollbackMigration } from '../../src/migrate/rollback-migration.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { writeAwkwardHome } from './awkward-home.ts';
import { code, contentsOf, emptyHome, migrated, runTask, sha256 } from './migrate-fixture.ts';

const namesOf = async (home: string, reason: string) =>
  (await listBackups(home))
    .filter((one) => one.state === 'complete' && one.reason === reason)
    .map((one) => one.name);

/** With the number of times that each is passed before the kill; the last is passed when everything is done. */
const places: readonly string[] = [
  'restore.staging@2',
  'restore.staged',
  'restore.journaled',
  'restore.moving-out@1',
  'restore.moving-out@6',
  'restore.out',
  'restore.moving-in@1',
  'restore.moving-in@6',
  'restore.in',
  'restore.settled',
  'restore.archiving',
  'restore.archived',
  'restore.cleaned',
  'restore.done',
];

for (const place of places) {
  test(`killed at ${place} and run again, a rollback ends as one that nobody interrupted`, async (t) => {
    const home = emptyHome(t);
    writeAwkwardHome(home);
    const before = await contentsOf(home);
    await migrated(home);
    const since = sha256(join(home, 'lmdb/delta/data.mdb'));
    const [name = '', turn = '1'] = place.split('@');
    const { signal } = await runTask({ what: 'rollback', home }, { failpoints: `${name}=kill@${turn}` });
    assert.equal(signal, 'SIGKILL');
    const { interrupted, backups } = await migrationStatus(home);
    assert.equal(interrupted, /staging|staged|done/.test(place) ? null : 'rollback');
    assert(backups.some((one) => one.state === 'complete' && one.reason === 'before-migration'));
    if (place === 'restore.done') await assert.rejects(() => rollbackMigration({ home }), code('NOT_FOUND'));
    else await rollbackMigration({ home });
    assert.deepEqual(await contentsOf(home), before);
    const [safety = '', ...more] = await namesOf(home, 'before-rollback');
    assert.deepEqual(more, []);
    assert.equal(sha256(join(home, 'backups', safety, 'files/lmdb/delta/data.mdb')), since);
  });
}

for (let round = 1; round <= Number(process.env.ROLLBACK_KILLS ?? 3); round++) {
  const seed = testSeed() + round - 1;
  test(`killed at instants that TEST_SEED=${seed} draws, a rollback ends as one that nobody interrupted`, async (t) => {
    const random = seededRandom(seed);
    const home = emptyHome(t);
    writeAwkwardHome(home);
    const before = await contentsOf(home);
    await migrated(home);
    const kills: string[] = [];
    for (let kill = random.int(1, 3); kill > 0; kill--) {
      const killAfterMs = random.int(0, 120);
      const { signal } = await runTask({ what: 'rollback', home }, { killAfterMs });
      kills.push(`${killAfterMs} ms: ${signal}`);
    }
    await rollbackMigration({ home }).catch(code('NOT_FOUND'));
    assert.deepEqual(await contentsOf(home), before, kills.join('; '));
    assert.equal((await namesOf(home, 'before-rollback')).length, 1, kills.join('; '));
  });
}
