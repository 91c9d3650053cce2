import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { CliFixture } from '../cli/cli-fixture.ts';
import { writeLegacyHome } from './legacy-home.ts';
import { contentsOf } from './migrate-fixture.ts';

function legacyCli(t: TestContext): CliFixture {
  const cli = new CliFixture();
  t.after(() => cli.close());
  mkdirSync(cli.home, { mode: 0o700 });
  writeLegacyHome(cli.home);
  return cli;
}

test('a user moves, looks, is told to stop the daemon before going back, and goes back', async (t) => {
  const cli = legacyCli(t);
  const before = await contentsOf(cli.home);
  const possible = await cli.json(['migrate', 'status']);
  assert.deepEqual([possible.exit, possible.data.state, possible.data.migration], [0, 'possible', null]);

  const start = await cli.json(['migrate', 'start']);
  assert.deepEqual([start.exit, start.data.outcome, start.data.resumed], [0, 'migrated', false]);
  const { state, report, backup, project } = start.data.migration;
  assert.deepEqual([state, report.contexts, project.id], ['completed', 3, 'name:demo']);

  const contexts = await cli.json(['context', 'list', '--all']);
  assert.deepEqual(
    contexts.data.contexts.map(({ path }: { path: string }) => path),
    ['src/f2.go', 'src/f1.go', 'src/f0.go'],
  );
  const [{ id }] = contexts.data.contexts;
  assert.equal((await cli.json(['context', 'show', id])).data.context.content, '커넥션 풀 수정 & 정리');
  assert.equal((await cli.json(['verify'])).data.checked.deltas, 3);

  for (const words of [['start'], ['rollback'], ['restore', backup]]) {
    const refused = await cli.json(['migrate', ...words]);
    assert.deepEqual([refused.exit, refused.error?.code], [5, 'DAEMON_RUNNING'], words.join(' '));
    assert.match(refused.error?.next ?? '', /agent-collab daemon stop/);
  }
  await cli.run(['daemon', 'stop']);
  const back = await cli.json(['migrate', 'rollback']);
  assert.deepEqual([back.exit, back.data.backup, back.data.resumed], [0, backup, false]);
  assert.deepEqual(await contentsOf(cli.home), before);
  const backups = (await cli.json(['migrate', 'backups'])).data.backups;
  assert.deepEqual(
    backups.map(({ name, reason }: { name: string; reason: string }) => [name, reason]),
    [
      [back.data.safety, 'before-rollback'],
      [backup, 'before-migration'],
    ],
  );
});

test('the texts name what was done, what was left and how to go back', async (t) => {
  const cli = legacyCli(t);
  assert.equal(
    (await cli.run(['migrate', 'status'])).stdout,
    `${cli.home} holds data of the older program; move it with: agent-collab migrate start\nno backups\n`,
  );
  const { code, stdout, stderr } = await cli.run(['migrate', 'start']);
  assert.deepEqual([code, stderr], [0, '']);
  for (const line of [
    /^migrated$/m,
    / {2}identity {2}12D3KooW\w+ \(unchanged\)$/m,
    / {2}project {3}name:demo, of no repository \(name one with --project DIR before you migrate\)$/m,
    / {2}contexts {2}3 imported from 1 file$/m,
    / {2}metrics {3}5 records in 1 file, read in place$/m,
    / {2}backup {4}backups\/\d{8}-\d{6}-before-migration$/m,
    /^kept: \.migration_completed: a marker of the older program$/m,
    /^warning: data_dir in the settings is ignored: it names \/somewhere\/else\/\.agent-collab\.$/m,
    /^next: agent-collab context list --all$/m,
    /^To take it all back, as long as you like: agent-collab migrate rollback$/m,
  ])
    assert.match(stdout, line);
  assert.match((await cli.run(['migrate', 'start'])).stdout, /^migrated already, .* nothing was done\n/);
  const status = (await cli.run(['migrate', 'status'])).stdout;
  assert.match(status, /^migrated \d+m?s ago/);
  assert.match(status, /-before-migration +before-migration +5 /);
  const back = (await cli.run(['migrate', 'rollback'])).stdout;
  assert.match(back, /is as it was before the migration \(backup \d{8}-\d{6}-before-migration\)\n/);
  assert.match(back, /what was there until now is backup \d{8}-\d{6}-before-rollback\n$/);
  const again = await cli.run(['migrate', 'rollback']);
  assert.deepEqual([again.code, again.stdout], [2, '']);
  assert.match(again.stderr, /^error: there is no migration in .* that could be rolled back\nnext: List/);
});

test('contexts go to the repository that is named, or to the one that has the name of the project', async (t) => {
  const cli = legacyCli(t);
  const named = await cli.json(['migrate', 'start', '--project', 'src']);
  const { via, root, id } = named.data.migration.project;
  assert.deepEqual([via, root, id], ['directory', cli.repository, 'example.org/acme/app']);
  const here = await cli.json(['context', 'list', '--path', 'src/f1.go']);
  assert.deepEqual(
    here.data.contexts.map(({ content }: { content: string }) => content),
    ['connection pool leak fixed'],
  );
});
