import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listBackups } from '../../src/backup/list-backups.ts';
import type { TreeEntry } from '../../src/backup/tree.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { migrationPaths } from '../../src/migrate/migration-paths.ts';
import { type MigrationStatus, migrationStatus } from '../../src/migrate/migration-status.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { manyDocuments as documents, writeLegacyHome } from './legacy-home.ts';
import { contentsOf, emptyHome, migrate, migrated, runTask, sha256 } from './migrate-fixture.ts';

type State = MigrationStatus['state'];

/** Each place where a migration may be killed, in the order in which it passes them, and what `migrate status` is to say then. */
const places: readonly (readonly [failpoint: string, state: State])[] = [
  ['migrate.checked', 'possible'],
  ['backup.reserved', 'possible'],
  ['backup.copying@3', 'possible'],
  ['backup.copied', 'possible'],
  ['backup.stores', 'possible'],
  ['backup.settled', 'possible'],
  ['backup.checked', 'possible'],
  ['backup.written', 'possible'],
  ['migrate.backed-up', 'possible'],
  ['migrate.marked', 'importing'],
  ['migrate.tried', 'importing'],
  ['migrate.keyed', 'importing'],
  ['migrate.batch', 'importing'],
  ['log.append@2', 'importing'],
  ['migrate.imported', 'importing'],
  ['migrate.verified', 'importing'],
  ['migrate.placing', 'placing'],
  ['migrate.moved-in', 'placing'],
  ['migrate.placed', 'placing'],
  ['migrate.completed', 'completed'],
  ['migrate.cleared', 'completed'],
];

/** What a migration makes in the directory beside backups/; the rest is to be as it was. */
const ours = ['lmdb', 'migration.json', 'daemon.lock', 'key.json'];

/** What an uninterrupted run leaves: the log, the state, one backup and nothing half done. */
async function endOf(home: string) {
  const { state, staging } = migrationPaths(homePaths(home));
  assert.equal(existsSync(staging), false);
  const { backup, ...migration } = JSON.parse(readFileSync(state, 'utf8')) as Record<string, unknown>;
  assert.equal(typeof backup, 'string');
  assert.equal((await listBackups(home)).filter((one) => one.state === 'complete').length, 1);
  return {
    log: sha256(join(homePaths(home).deltaStore, 'data.mdb')),
    migration,
    top: readdirSync(home).toSorted(),
  };
}

function armed(place: string): string {
  const [name = '', turn] = place.split('@');
  return `${name}=kill${turn === undefined ? '' : `@${turn}`}`;
}

function withoutOurs(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  return entries.filter(({ path }) => !ours.includes(path));
}

let wanted: Promise<Awaited<ReturnType<typeof endOf>>> | undefined;

/** The end of a run that nobody interrupts. */
function reference(t: TestContext) {
  const home = emptyHome(t);
  writeLegacyHome(home, { documents });
  wanted ??= migrated(home).then(() => endOf(home));
  return wanted;
}

for (const [place, state] of places) {
  test(`killed at ${place} and run again, a migration ends as one that nobody interrupted`, async (t) => {
    const end = await reference(t);
    const home = emptyHome(t);
    writeLegacyHome(home, { documents });
    const before = await contentsOf(home);
    const { signal } = await runTask({ what: 'start', home }, { failpoints: armed(place) });
    assert.equal(signal, 'SIGKILL');
    assert.equal((await migrationStatus(home)).state, state);
    assert.equal((await migrate(home)).outcome, state === 'completed' ? 'already' : 'migrated');
    assert.deepEqual(await endOf(home), end);
    assert.deepEqual(await contentsOf(home, ours), withoutOurs(before));
  });
}

test('no place of a migration is left out', () => {
  const folder = fileURLToPath(new URL('../../src/migrate/', import.meta.url));
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  const there = [...text.matchAll(/failpoint\('(migrate\.[a-z-]+)'\)/g)].map(([, name]) => name);
  // These need another directory: killed-again.test.ts.
  const elsewhere = ['migrate.copied', 'migrate.moved-away', 'migrate.config'];
  const killedAt = places.map(([place]) => place).filter((place) => place.startsWith('migrate.'));
  assert.deepEqual(there.toSorted(), [...killedAt, ...elsewhere].toSorted());
});

for (let round = 1; round <= Number(process.env.MIGRATION_KILLS ?? 3); round++) {
  const seed = testSeed() + round - 1;
  test(`killed at instants that TEST_SEED=${seed} draws, a migration ends as one that nobody interrupted`, async (t) => {
    const end = await reference(t);
    const random = seededRandom(seed);
    const home = emptyHome(t);
    writeLegacyHome(home, { documents });
    const before = await contentsOf(home);
    const kills: string[] = [];
    for (let kill = random.int(1, 2); kill > 0; kill--) {
      const killAfterMs = random.int(0, 250);
      const { signal, answer } = await runTask({ what: 'start', home }, { killAfterMs });
      const { state } = await migrationStatus(home);
      kills.push(`${killAfterMs} ms: ${signal ?? JSON.stringify(answer)}, ${state}`);
    }
    const what = kills.join('; ');
    assert.notEqual((await migrate(home)).outcome, 'nothing', what);
    assert.deepEqual(await endOf(home), end, what);
    assert.deepEqual(await contentsOf(home, ours), withoutOurs(before), what);
  });
}
