import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { migrationStatus } from '../../src/migrate/migration-status.ts';
import { RunningDaemon } from '../daemon/daemon-fixture.ts';
import { sampleKey, writeLegacyHome } from './legacy-home.ts';
import {
  code,
  emptyHome,
  legacyOf,
  logOf,
  migrate,
  migrated,
  runTask,
  scratch,
  sha256,
} from './migrate-fixture.ts';

/** A repository that is called like the project of the older program. */
function demoRepository(t: TestContext): string {
  const repository = join(scratch(t), 'demo');
  mkdirSync(join(repository, 'src'), { recursive: true });
  execFileSync('git', ['-C', repository, 'init', '--quiet']);
  return repository;
}

async function serve<T>(
  home: string,
  repository: string,
  use: (running: RunningDaemon) => Promise<T>,
): Promise<T> {
  const running = new RunningDaemon(await Daemon.open({ home, logger: silentLogger }), repository);
  try {
    return await use(running);
  } finally {
    await running.close();
  }
}

test('a daemon serves what was imported, in the repository that has its name, under the old identity', async (t) => {
  const [home, repository] = [emptyHome(t), demoRepository(t)];
  writeLegacyHome(home);
  const { project } = await migrated(home, { cwd: join(repository, 'src') });
  assert.deepEqual([project.via, project.root], ['current-directory', repository]);
  await serve(home, repository, async ({ daemon, client }) => {
    assert.equal(daemon.record.node, sampleKey.nodeId);
    const all = (await client.call('context.list', {})).data.contexts;
    const here = (await client.call('context.list', { cwd: repository })).data.contexts;
    assert.deepEqual(all, here);
    assert.deepEqual(
      all.map(({ path, content, tags, agent }) => ({ path, content, tags, agent })),
      [
        { path: 'src/f2.go', content: '커넥션 풀 수정 & 정리', tags: [], agent: 'legacy' },
        { path: 'src/f1.go', content: 'connection pool leak fixed', tags: [], agent: 'legacy' },
        { path: 'src/f0.go', content: 'JWT validation added to <auth>', tags: ['a', 'b'], agent: 'alice' },
      ],
    );
    const [newest] = all;
    const shown = (await client.call('context.show', { id: newest?.id ?? '' })).data.context;
    assert.equal(legacyOf(shown).id, 'doc-454e4ce6ea43b410');
    const ofPath = (await client.call('context.list', { cwd: repository, path: 'src/f1.go' })).data.contexts;
    assert.deepEqual(
      ofPath.map(({ content }) => content),
      ['connection pool leak fixed'],
    );
    const log = (await client.call('log', { source: sampleKey.nodeId })).data.deltas;
    assert.deepEqual(
      log.map(({ seq, type }) => [seq, type]),
      [
        [3, 'context'],
        [2, 'context'],
        [1, 'context'],
      ],
    );
    const { sound, checked, problems } = (await client.call('verify', {})).data;
    assert.deepEqual({ sound, problems }, { sound: true, problems: [] });
    assert.deepEqual([checked.deltas, checked.indexEntries], [3, 9]);
  });
});

test('a log and an audit trail that were there before stay, the log with the contexts behind its end', async (t) => {
  const [home, repository] = [emptyHome(t), demoRepository(t)];
  const held = await serve(home, repository, async (running) => {
    await running.share('bob', 'src/own.ts', 'shared before');
    return running.acquire('bob', 'src/own.ts');
  });
  writeLegacyHome(home, { key: false });
  const audit = sha256(join(home, 'lmdb/audit/data.mdb'));
  const { report } = await migrated(home);
  assert.equal(report.newIdentity, false);
  assert.equal(sha256(join(home, 'lmdb/audit/data.mdb')), audit);
  await serve(home, repository, async (running) => {
    const { client } = running;
    const contexts = (await client.call('context.list', {})).data.contexts;
    assert.deepEqual(contexts.map(({ content }) => content).at(-1), 'shared before');
    assert.equal(contexts.length, 4);
    await running.share('bob', 'src/own.ts', 'shared after');
    const again = await running.acquire('bob', 'src/other.ts');
    assert(again.fence > held.fence);
    assert.equal((await client.call('verify', {})).data.sound, true);
  });
  const log = await logOf(home);
  assert.deepEqual(
    log.filter(({ type }) => type === 'context').map(({ payload }) => payload.content),
    [
      'shared before',
      'JWT validation added to <auth>',
      'connection pool leak fixed',
      '커넥션 풀 수정 & 정리',
      'shared after',
    ],
  );
});

/** Whether the next daemon finishes what was killed there, or serves and leaves it to the next `migrate start`. */
const places: readonly (readonly [failpoint: string, after: 'possible' | 'importing' | 'completed'])[] = [
  ['migrate.backed-up', 'possible'],
  ['migrate.imported', 'importing'],
  ['migrate.placing', 'completed'],
  ['migrate.moved-away', 'completed'],
  ['migrate.moved-in', 'completed'],
  ['migrate.completed', 'completed'],
];

for (const [place, after] of places) {
  test(`a daemon that starts beside a migration killed at ${place} loses nothing, and ends its last step`, async (t) => {
    const [home, repository] = [emptyHome(t), demoRepository(t)];
    const hadLog = place === 'migrate.moved-away';
    if (hadLog) await serve(home, repository, (running) => running.share('bob', 'src/a.ts', 'before'));
    writeLegacyHome(home, { key: !hadLog });
    const { signal } = await runTask({ what: 'start', home }, { failpoints: `${place}=kill` });
    assert.equal(signal, 'SIGKILL');
    const summary = await serve(home, repository, async (running) => {
      await running.share('bob', 'src/b.ts', 'between');
      assert.equal((await running.client.call('verify', {})).data.sound, true);
      return running.daemon.summary.join();
    });
    const finished = /a migration from the older program had been interrupted and was finished: 3 contexts/;
    const hadToFinish = after === 'completed' && place !== 'migrate.completed';
    assert.equal(finished.test(summary), hadToFinish, summary);
    assert.equal((await migrationStatus(home)).state, after);
    assert.equal(existsSync(join(home, 'migration.staging')), after === 'importing');
    assert.equal((await migrate(home)).outcome, after === 'completed' ? 'already' : 'migrated');
    const contents = (await logOf(home)).flatMap(({ type, payload }) =>
      type === 'context' ? [payload.content] : [],
    );
    const imported = [
      'JWT validation added to <auth>',
      'connection pool leak fixed',
      '커넥션 풀 수정 & 정리',
    ];
    const before = hadLog ? ['before'] : [];
    assert.deepEqual(
      contents,
      after === 'completed' ? [...before, ...imported, 'between'] : ['between', ...imported],
    );
  });
}

test('a log that was lost beside its audit trail is not hidden by a new one', async (t) => {
  const [home, repository] = [emptyHome(t), demoRepository(t)];
  await serve(home, repository, (running) => running.acquire('bob', 'src/own.ts'));
  execFileSync('rm', [join(home, 'lmdb/delta/data.mdb')]);
  writeLegacyHome(home, { key: false });
  await assert.rejects(() => migrate(home), code('STORE_DAMAGED', /the log was lost/));
  assert.equal(existsSync(join(home, 'lmdb/delta/data.mdb')), false);
});

test('a migration is refused beside a running daemon, and a daemon beside nothing of it', async (t) => {
  const [home, repository] = [emptyHome(t), demoRepository(t)];
  writeLegacyHome(home);
  await serve(home, repository, async () => {
    await assert.rejects(
      () => migrate(home),
      code('DAEMON_RUNNING', new RegExp(`process ${process.pid} works on`)),
    );
  });
  assert.equal((await migrationStatus(home)).state, 'possible');
});
