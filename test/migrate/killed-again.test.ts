import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listBackups } from '../../src/backup/list-backups.ts';
import { readManifest } from '../../src/backup/manifest.ts';
import { rollbackMigration } from '../../src/migrate/rollback-migration.ts';
import { collectionText, manyDocuments as documents, writeLegacyHome } from './legacy-home.ts';
import {
  code,
  contentsOf,
  emptyHome,
  logOf,
  migrate,
  migrated,
  runTask,
  scratch,
} from './migrate-fixture.ts';

test('a key that had to be made is the same after a kill, and so is every delta', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home, { documents, key: false });
  await runTask({ what: 'start', home }, { failpoints: 'migrate.imported=kill' });
  const key = readFileSync(join(home, 'key.json'), 'utf8');
  const { report } = await migrated(home);
  assert.equal(readFileSync(join(home, 'key.json'), 'utf8'), key);
  assert.equal(report.node, (JSON.parse(key) as { peer_id: string }).peer_id);
  assert.equal(report.newIdentity, true);
  assert.equal((await logOf(home)).length, documents.length);
});

test('killed between the renames beside a log that was there before, both are in the log that comes of it', async (t) => {
  const first = emptyHome(t);
  writeLegacyHome(first);
  await migrated(first);
  const places = [
    'migrate.copied',
    'migrate.imported',
    'migrate.placing',
    'migrate.moved-away',
    'migrate.moved-in',
  ];
  for (const place of places) {
    const home = emptyHome(t);
    writeLegacyHome(home, { documents });
    mkdirSync(join(home, 'lmdb', 'delta'), { recursive: true });
    copyFileSync(join(first, 'lmdb/delta/data.mdb'), join(home, 'lmdb/delta/data.mdb'));
    const { signal } = await runTask({ what: 'start', home }, { failpoints: `${place}=kill` });
    assert.equal(signal, 'SIGKILL', place);
    const { report } = await migrated(home);
    assert.equal(report.head, 3 + documents.length, place);
    const log = await logOf(home);
    assert.deepEqual(log.slice(0, 3), await logOf(first), place);
    assert.equal(log.length, 3 + documents.length, place);
  }
});

test('a config.json that is made of config.yaml is made once, and one that somebody made meanwhile stays', async (t) => {
  for (const [place, made] of [
    ['migrate.placing', '{"project_name":"mine"}'],
    ['migrate.config', undefined],
  ] as const) {
    const home = emptyHome(t);
    writeFileSync(join(home, 'config.yaml'), 'project_name: demo\n');
    const { signal } = await runTask({ what: 'start', home }, { failpoints: `${place}=kill` });
    assert.equal(signal, 'SIGKILL', place);
    if (made !== undefined) writeFileSync(join(home, 'config.json'), made);
    await migrated(home);
    const text = readFileSync(join(home, 'config.json'), 'utf8');
    assert.equal(text, made ?? '{\n  "project_name": "demo"\n}\n', place);
  }
});

test('a backup that vanished after a kill is made again before anything is imported', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home, { key: false });
  await runTask({ what: 'start', home }, { failpoints: 'migrate.imported=kill' });
  rmSync(join(home, 'backups'), { recursive: true });
  const { backup, report } = await migrated(home);
  assert.equal(report.newIdentity, true);
  const [made] = await listBackups(home);
  assert.deepEqual([made?.name, made?.state], [backup, 'complete']);
  const { tree } = await readManifest(join(home, 'backups', backup));
  assert.equal(
    tree.entries.some(({ path }) => path.startsWith('migration.')),
    false,
  );
});

test('another project may be named after a kill, as long as nothing is in its place', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  await runTask({ what: 'start', home }, { failpoints: 'migrate.imported=kill' });
  const repository = scratch(t);
  const { project } = await migrated(home, { projectDirectory: repository });
  assert.deepEqual([project.via, project.root], ['directory', repository]);
  assert.equal((await logOf(home))[0]?.project, project.id);
});

test('a staging directory that somebody removed in the middle is told, and a rollback helps', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const before = await contentsOf(home);
  await runTask({ what: 'start', home }, { failpoints: 'migrate.placing=kill' });
  rmSync(join(home, 'migration.staging'), { recursive: true });
  await assert.rejects(
    () => migrate(home),
    code('STORE_UNAVAILABLE', /was removed in the middle of a migration/),
  );
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
});

test('what the older program wrote after a kill is in a new backup, and a rollback brings it back', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  await runTask({ what: 'start', home }, { failpoints: 'migrate.imported=kill' });
  writeFileSync(
    join(home, 'vectors', 'later.json'),
    collectionText('later', [{ id: 'later', content: 'weeks later' }]),
  );
  const { report, backup } = await migrated(home);
  assert.equal(report.contexts, 4);
  const { tree } = await readManifest(join(home, 'backups', backup));
  assert.deepEqual(
    tree.entries.filter(({ path }) => /^migration|later/.test(path)).map(({ path }) => path),
    ['vectors/later.json'],
  );
  await rollbackMigration({ home });
  assert.equal(existsSync(join(home, 'vectors', 'later.json')), true);
  assert.equal((await listBackups(home)).filter((one) => one.state === 'complete').length, 3);
});

test('halves of files that a kill cut off are cleared away, by the next run and by a rollback', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const before = await contentsOf(home);
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const halves = ['migration.json', 'key.json', 'config.json'].map(
    (name) => `.${name}.${dead}.0123456789ab.tmp`,
  );
  for (const name of halves) writeFileSync(join(home, name), '{');
  await migrated(home);
  assert.deepEqual(
    readdirSync(home).filter((name) => name.endsWith('.tmp')),
    [],
  );
  await runTask({ what: 'rollback', home }, { failpoints: 'restore.out=kill' });
  writeFileSync(join(home, `.restore.json.${dead}.0123456789ab.tmp`), '{');
  await rollbackMigration({ home });
  assert.deepEqual(await contentsOf(home), before);
});
