import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { migrationStatus } from '../../src/migrate/migration-status.ts';
import { rollbackMigration } from '../../src/migrate/rollback-migration.ts';
import { program } from '../support/built-program.ts';
import { writeLegacyHome } from './legacy-home.ts';
import { code, contentsOf, emptyHome, logOf, migrate, migrated, scratch } from './migrate-fixture.ts';

interface Answer {
  readonly exit: number | null;
  readonly data?: { readonly outcome?: string; readonly backups?: readonly unknown[] };
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly next?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/** The command line with --json, started by `prefix`. */
function commandLine(home: string, words: readonly string[], prefix: readonly string[] = []): Answer {
  const { nodeArguments, root, extension } = program();
  const [command = '', ...rest] = [
    ...prefix,
    process.execPath,
    ...nodeArguments,
    join(root, `src/cli/main.${extension}`),
    ...words,
    '--json',
  ];
  const { status, stdout, stderr } = spawnSync(command, rest, {
    encoding: 'utf8',
    cwd: join(home, '..'),
    env: {
      PATH: process.env.PATH ?? '',
      HOME: join(home, '..'),
      AGENT_COLLAB_HOME: home,
      AGENT_COLLAB_NO_AUTOSTART: '1',
    },
  });
  assert.match(stdout, /^\{.*\}\n$/, stderr);
  return { exit: status, ...(JSON.parse(stdout) as Omit<Answer, 'exit'>) };
}

/** Lives until the test ends, and is called like this. */
async function processCalled(t: TestContext, argv0: string, words: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, words, { argv0, stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

const idle = 'console.log("up"); setInterval(() => {}, 1000)';

test('a daemon of the older program is found by its pid and refuses start, rollback and restore', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const { backup } = await migrated(home);
  const daemon = await processCalled(t, '/usr/local/bin/agent-collab', ['-e', idle]);
  writeFileSync(join(home, 'daemon.pid'), `${daemon.pid}\n`);
  const before = await contentsOf(home, ['daemon.lock']);
  await assert.rejects(() => rollbackMigration({ home }), code('DAEMON_RUNNING', /older program/));
  const restored = commandLine(home, ['migrate', 'restore', backup]);
  assert.deepEqual([restored.exit, restored.error?.code], [5, 'DAEMON_RUNNING']);
  assert.deepEqual(await contentsOf(home, ['daemon.lock']), before);

  const other = emptyHome(t);
  writeLegacyHome(other);
  writeFileSync(join(other, 'daemon.pid'), String(daemon.pid));
  const untouched = await contentsOf(other);
  const { exit, error } = commandLine(other, ['migrate', 'start']);
  assert.deepEqual([exit, error?.code, error?.details?.pid], [5, 'DAEMON_RUNNING', daemon.pid]);
  assert.match(error?.next ?? '', new RegExp(`kill ${daemon.pid}`));
  assert.deepEqual(await contentsOf(other), untouched);
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  assert.equal((await migrate(other)).outcome, 'migrated');
});

test('a script that an interpreter runs is a daemon too, an editor that has a file of the name open is none', async (t) => {
  const scripts = scratch(t);
  writeFileSync(join(scripts, 'agent-collab'), idle);
  const home = emptyHome(t);
  writeLegacyHome(home);
  const daemon = await processCalled(t, 'node', [join(scripts, 'agent-collab')]);
  writeFileSync(join(home, 'daemon.pid'), String(daemon.pid));
  await assert.rejects(() => migrate(home), code('DAEMON_RUNNING'));
  const editor = await processCalled(t, 'vim', ['-e', idle, 'agent-collab.md']);
  writeFileSync(join(home, 'daemon.pid'), String(editor.pid));
  assert.equal((await migrate(home)).outcome, 'migrated');
});

test('somebody who answers on the socket is a daemon, whatever the pid file says', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const server = createServer().listen(join(home, 'daemon.sock'));
  await once(server, 'listening');
  await assert.rejects(() => migrate(home), code('DAEMON_RUNNING', /daemon\.sock/));
  server.close();
  await once(server, 'close');
  assert.equal((await migrate(home)).outcome, 'migrated');
});

test('a path, a name that is not listed and an empty one are no backup, and delete nothing', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  await migrated(home);
  mkdirSync(join(home, 'backups', 'mine'));
  writeFileSync(join(home, 'backups', 'mine', 'notes.txt'), 'mine');
  const before = await contentsOf(home, ['daemon.lock']);
  const backups = readdirSync(join(home, 'backups'));
  const wanted: readonly (readonly [string, string])[] = [
    ['.', 'INVALID_ARGUMENT'],
    ['..', 'INVALID_ARGUMENT'],
    ['../home', 'INVALID_ARGUMENT'],
    [join(home, 'backups', 'mine'), 'INVALID_ARGUMENT'],
    ['nothing', 'NOT_FOUND'],
    ['mine', 'VERIFY_FAILED'],
    ['', 'USAGE'],
  ];
  for (const [name, expected] of wanted) {
    const { exit, error } = commandLine(home, ['migrate', 'restore', name]);
    assert.equal(error?.code, expected, name);
    assert.equal(exit, expected === 'VERIFY_FAILED' ? 5 : 2, name);
  }
  assert.deepEqual(await contentsOf(home, ['daemon.lock']), before);
  assert.deepEqual(readdirSync(join(home, 'backups')), backups);
  assert.equal(readFileSync(join(home, 'backups', 'mine', 'notes.txt'), 'utf8'), 'mine');
});

test('a mark that a newer version made, and one that cannot be read, stop everything but a restore', async (t) => {
  const cases = [
    ['{"format":2}', 'SCHEMA_NEWER'],
    ['{"format":1,"state":"completed"}', 'STORE_DAMAGED'],
    ['null', 'STORE_DAMAGED'],
    ['{"form', 'STORE_DAMAGED'],
  ] as const;
  for (const [text, expected] of cases) {
    const home = emptyHome(t);
    writeLegacyHome(home);
    const { backup } = await migrated(home);
    writeFileSync(join(home, 'migration.json'), text);
    await assert.rejects(() => migrate(home), code(expected));
    await assert.rejects(() => rollbackMigration({ home }), code(expected));
    await assert.rejects(() => migrationStatus(home), code(expected));
    assert.equal(commandLine(home, ['migrate', 'backups']).data?.backups?.length, 1);
    assert.equal(commandLine(home, ['migrate', 'restore', backup]).exit, 0);
    assert.equal((await migrationStatus(home)).state, 'possible');
  }
});

test('a log of this version that is damaged is told before anything is added to it', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  await migrated(home);
  rmSync(join(home, 'migration.json'));
  const log = join(home, 'lmdb/delta/data.mdb');
  const bytes = readFileSync(log);
  const at = bytes.indexOf('connection pool leak');
  bytes.write('Connection', at);
  writeFileSync(log, bytes);
  await assert.rejects(
    () => migrate(home),
    code('VERIFY_FAILED', /the log that is there already is damaged/),
  );
  assert.deepEqual(readFileSync(log), bytes);
});

test('a project directory that is not there is refused before anything is written', async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const before = await contentsOf(home);
  const { exit, error } = commandLine(home, ['migrate', 'start', '--project', 'missing']);
  assert.deepEqual([exit, error?.code], [2, 'PROJECT_NOT_FOUND']);
  assert.deepEqual(await contentsOf(home), before);
});

/** A mount namespace of its own, whose mounts vanish with the command. */
const newMounts = ['unshare', '-m'] as const;
const mountsPossible = spawnSync(newMounts[0], [...newMounts.slice(1), 'true']).status === 0;
const skipMounts = { skip: !mountsPossible && 'no mount namespace' };
const shell = (script: string) => [...newMounts, 'sh', '-ec', `${script}; exec "$@"`, 'sh'];

test(
  'too little room is told with what is needed and what is free (needs the right to mount)',
  skipMounts,
  async (t) => {
    const home = emptyHome(t);
    const source = emptyHome(t, 'source');
    writeLegacyHome(source);
    const prefix = shell(
      `mount -t tmpfs -o mode=700,size=16m tmpfs '${home}'; cp -a '${source}/.' '${home}'`,
    );
    const { exit, error } = commandLine(home, ['migrate', 'start'], prefix);
    assert.deepEqual([exit, error?.code], [5, 'STORE_UNAVAILABLE']);
    assert.match(error?.message ?? '', /needs \d+ MB of free disk, there are 1\d MB/);
    assert(Number(error?.details?.needed) > Number(error?.details?.free));
  },
);

test('a read-only file system is refused (needs the right to mount)', skipMounts, async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const before = await contentsOf(home);
  const prefix = shell(`mount --bind '${home}' '${home}'; mount -o remount,ro,bind '${home}'`);
  for (const words of [['start'], ['rollback'], ['restore', 'x']]) {
    const { exit, error } = commandLine(home, ['migrate', ...words], prefix);
    assert.deepEqual([exit, error?.code], [5, 'HOME_UNUSABLE'], words.join(' '));
  }
  assert.equal(commandLine(home, ['migrate', 'status'], prefix).exit, 0);
  assert.deepEqual(await contentsOf(home), before);
});

test(
  'stores on a file system of their own are refused before anything is copied (needs the right to mount)',
  skipMounts,
  async (t) => {
    const home = emptyHome(t);
    writeLegacyHome(home);
    mkdirSync(join(home, 'lmdb'));
    const { exit, error } = commandLine(
      home,
      ['migrate', 'start'],
      shell(`mount -t tmpfs tmpfs '${home}/lmdb'`),
    );
    assert.deepEqual([exit, error?.code], [5, 'HOME_UNUSABLE']);
    assert.equal(readdirSync(home).includes('backups'), false);
  },
);

test(
  'a disk that fills up in the middle is told, and the next run goes on (needs the right to mount)',
  skipMounts,
  async (t) => {
    const home = emptyHome(t);
    const source = emptyHome(t, 'source');
    const documents = Array.from({ length: 2000 }, (_, at) => ({
      id: `d${at}`,
      content: `${at} ${'x'.repeat(3000)}`,
      dimension: 1,
    }));
    writeLegacyHome(source, { documents });
    const result = join(home, '..', 'result');
    const { nodeArguments, root, extension } = program();
    const main = [process.execPath, ...nodeArguments, join(root, `src/cli/main.${extension}`)]
      .map((word) => `'${word}'`)
      .join(' ');
    // As another program would: whatever the migration has written so far, the rest of the disk is taken.
    const script = `mount -t tmpfs -o mode=700,size=110m tmpfs '${home}'; cp -a '${source}/.' '${home}'
    ( until [ -e '${home}/migration.json' ]; do sleep 0.01; done; cat /dev/zero > '${home}/filler' ) 2>/dev/null &
    ${main} migrate start --json > '${result}' || true
    wait; rm '${home}/filler'`;
    const { exit, data } = commandLine(home, ['migrate', 'start'], shell(script));
    const first = JSON.parse(readFileSync(result, 'utf8')) as Answer;
    assert.equal(first.error?.code, 'STORE_UNAVAILABLE', JSON.stringify(first));
    assert.deepEqual([exit, data?.outcome], [0, 'migrated']);
  },
);

const limit = ['prlimit', '--fsize=600000'] as const;
const limitsPossible = spawnSync(limit[0], [...limit.slice(1), 'true']).status === 0;

test('a file system on which LMDB does not work is told before anything is imported (needs prlimit)', {
  skip: !limitsPossible && 'no prlimit',
}, async (t) => {
  const home = emptyHome(t);
  writeLegacyHome(home);
  const { exit, error } = commandLine(home, ['migrate', 'start'], limit);
  assert.deepEqual([exit, error?.code], [5, 'STORE_UNAVAILABLE'], JSON.stringify(error));
  assert.equal((await migrationStatus(home)).state, 'importing');
  assert.equal((await migrate(home)).outcome, 'migrated');
  assert.equal((await logOf(home)).length, 3);
});
