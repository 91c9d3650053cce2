import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { homePaths, socketPathFits } from '../../src/home/home-paths.ts';
import { createStoreDirectories, prepareHome } from '../../src/home/prepare-home.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { scratchDirectory, startChild } from './home-fixture.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;
const isRoot = process.getuid?.() === 0;

async function unusable(path: string): Promise<CollabError> {
  const error = await prepareHome(path).then(
    () => assert.fail(`${path} was taken`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CollabError, String(error));
  assert.equal(error.code, 'HOME_UNUSABLE');
  assert.ok(error.next);
  return error;
}

test('every path lies where the specification draws it', () => {
  const { root, ...paths } = homePaths('/srv/home/');
  assert.equal(root, '/srv/home');
  assert.deepEqual(
    Object.values(paths).map((it) => it.slice('/srv/home/'.length)),
    [
      'config.json',
      'key.json',
      'cluster.json',
      'agreement.json',
      'daemon.json',
      'daemon.sock',
      'daemon.lock',
      'lmdb/delta',
      'lmdb/index',
      'lmdb/audit',
      'lmdb/damaged',
      'metrics',
      'vectors',
      'backups',
      'logs',
      'logs/daemon.log',
      'logs/daemon-stderr.log',
    ],
  );
});

test('a socket path is taken up to the length that every system has', () => {
  const longest = 103 - '/daemon.sock'.length;
  assert.equal(socketPathFits(homePaths(`/${'x'.repeat(longest - 1)}`)), true);
  assert.equal(socketPathFits(homePaths(`/${'x'.repeat(longest)}`)), false);
});

test('makes the directory with its parents, 0700, with nothing in it, and again', async () => {
  const root = join(scratchDirectory(), 'a/b/home');
  const prepared = await prepareHome(root);
  assert.equal(modeOf(root), 0o700);
  assert.deepEqual(readdirSync(root), []);
  assert.deepEqual([prepared.tightened, prepared.removed, prepared.warnings], [[], [], []]);
  await prepareHome(root);
  await createStoreDirectories(prepared.paths);
  assert.equal(modeOf(join(root, 'lmdb/delta')), 0o700);
  assert.deepEqual(readdirSync(root).sort(), ['backups', 'lmdb', 'logs', 'metrics', 'vectors']);
});

test('tightens what others may read, and nothing that a link leads to', async () => {
  const base = scratchDirectory();
  const root = join(base, 'home');
  mkdirSync(join(root, 'metrics'), { recursive: true });
  writeFileSync(join(root, 'key.json'), '{}');
  writeFileSync(join(root, 'tight.json'), '{}');
  writeFileSync(join(base, 'elsewhere'), '');
  symlinkSync('../elsewhere', join(root, 'config.json'));
  chmodSync(root, 0o755);
  chmodSync(join(root, 'metrics'), 0o775);
  chmodSync(join(root, 'key.json'), 0o644);
  chmodSync(join(root, 'tight.json'), 0o400);
  chmodSync(join(base, 'elsewhere'), 0o644);
  const { tightened } = await prepareHome(root);
  assert.deepEqual([...tightened].sort(), ['.', 'key.json', 'metrics']);
  assert.deepEqual(
    [
      root,
      join(root, 'metrics'),
      join(root, 'key.json'),
      join(root, 'tight.json'),
      join(base, 'elsewhere'),
    ].map(modeOf),
    [0o700, 0o700, 0o600, 0o400, 0o644],
  );
});

test('a data directory reached through a link is one', async () => {
  const base = scratchDirectory();
  mkdirSync(join(base, 'real'));
  symlinkSync('real', join(base, 'link'));
  await prepareHome(join(base, 'link'));
  assert.equal(modeOf(join(base, 'real')), 0o700);
});

test('a file, a path below a file and a link to nowhere are refused, each with what it is', async () => {
  const base = scratchDirectory();
  writeFileSync(join(base, 'file'), '');
  symlinkSync('nowhere', join(base, 'dangling'));
  assert.match((await unusable(join(base, 'file'))).message, /is not a directory/);
  assert.match((await unusable(join(base, 'file/below'))).message, /below a file/);
  assert.match((await unusable(join(base, 'dangling'))).message, /dangling/);
});

test('a directory of another user is refused, also by root (needs root to make one)', {
  skip: !isRoot && 'only root can',
}, async () => {
  const root = join(scratchDirectory(), 'home');
  mkdirSync(root);
  chownSync(root, 12345, 12345);
  const error = await unusable(root);
  assert.deepEqual([error.details?.owner, error.details?.user], [12345, 0]);
  assert.match(error.next ?? '', /AGENT_COLLAB_HOME/);
});

test('a directory without rights is refused (unless run as root, whom modes do not bind)', {
  skip: isRoot && 'runs as root',
}, async () => {
  const base = scratchDirectory();
  chmodSync(base, 0o500);
  assert.match((await unusable(join(base, 'home'))).message, /EACCES/);
  chmodSync(base, 0o700);
});

/** A mount namespace of its own, in which a test may mount what it likes. */
const [unshare, ...newMounts] = ['unshare', '-m'] as const;
const mountsPossible = spawnSync(unshare, [...newMounts, 'true']).status === 0;
const prepareInChild = `
  const { prepareHome } = await import(home + 'prepare-home.ts');
  print(await prepareHome(argv[0]).then(() => 'taken', (e) => [e.code, e.details.errno, e.next]));
  process.exit(0);`;

test('a read-only file system is refused (needs the right to mount)', {
  skip: !mountsPossible && 'no mount namespace',
}, async () => {
  const root = join(scratchDirectory(), 'home');
  mkdirSync(root);
  const mount = `mount -t tmpfs -o mode=700,ro tmpfs '${root}' && exec "$@"`;
  const child = startChild(prepareInChild, [root], [unshare, ...newMounts, 'sh', '-c', mount, 'sh']);
  assert.match((await child.line()) ?? '', /^\["HOME_UNUSABLE","EROFS",".*writable/);
});

test('a full disk is refused, and no half of the trial is left on it (needs the right to mount)', {
  skip: !mountsPossible && 'no mount namespace',
}, async () => {
  const root = join(scratchDirectory(), 'home');
  mkdirSync(root);
  const mount = `mount -t tmpfs -o mode=700,size=64k tmpfs '${root}' && { cat /dev/zero > '${root}/fill' 2>/dev/null; exec "$@"; }`;
  const body = `
    const { readdirSync } = await import('node:fs');
    ${prepareInChild.replace('process.exit(0)', 'print(readdirSync(argv[0]));process.exit(0)')}`;
  const child = startChild(body, [root], [unshare, ...newMounts, 'sh', '-c', mount, 'sh']);
  assert.match((await child.line()) ?? '', /^\["HOME_UNUSABLE","ENOSPC",".*space/);
  assert.equal(await child.line(), '["fill"]');
});

test('leftovers of dead or long gone writers are removed, a living writer’s are not', async () => {
  const root = scratchDirectory();
  const clock = new ManualClock();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const now = clock.wallMs() / 1000;
  const leave = (name: string, ageS: number) => {
    writeFileSync(join(root, name), 'x');
    utimesSync(join(root, name), now - ageS, now - ageS);
    return name;
  };
  const gone = [
    leave(`.key.json.${dead}.0123456789ab.tmp`, 1),
    leave(`.config.json.${process.pid}.0123456789ab.tmp`, 601),
  ];
  const kept = [
    leave(`.config.json.${process.pid}.ba9876543210.tmp`, 599),
    leave(`config.json.${dead}.0123456789ab.tmp`, 9999),
    leave('.notes.tmp', 9999),
    leave('.x.1.zz.tmp', 9999),
  ];
  const { removed } = await prepareHome(root, clock);
  assert.deepEqual([...removed].sort(), gone.sort());
  for (const name of kept) assert.ok(existsSync(join(root, name)), name);
});
