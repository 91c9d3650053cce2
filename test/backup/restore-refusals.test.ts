import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { readManifest } from '../../src/backup/manifest.ts';
import { finishInterruptedRestore, restoreBackup, takeOwnerLock } from '../../src/backup/restore.ts';
import { treeChecksum } from '../../src/backup/tree.ts';
import { CollabError, type ErrorCode } from '../../src/base/errors.ts';
import {
  awkwardHome,
  cannotMount,
  code,
  giveTo,
  isRoot,
  mountTmpfs,
  nobody,
  runTask,
} from './backup-fixture.ts';
import { assertRestored, assertUntouched, makeStates, type TwoStates, twoStates } from './restore-fixture.ts';

async function refused(states: TwoStates, name: string, expected: ErrorCode): Promise<CollabError> {
  const error = await restoreBackup({ home: states.home, name, reason: 'restore' }).then(
    () => assert.fail(`${JSON.stringify(name)} was restored`),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof CollabError, String(error));
  assert.equal(error.code, expected, `${JSON.stringify(name)}: ${error.message}`);
  assert.notEqual(error.next, undefined);
  await assertUntouched(states);
  return error;
}

const filesOf = ({ home }: TwoStates) => join(home, 'backups', 'first', 'files');

describe('restoreBackup refuses, and changes nothing', () => {
  it('whatever is no name in the list', async (t) => {
    const states = await twoStates(t);
    const { home } = states;
    const paths = [
      '',
      '.',
      '..',
      './first',
      'first/',
      'first/files',
      '../backups/first',
      '/',
      'a\\b',
      'nul\0',
    ];
    for (const name of [...paths, join(home, 'backups', 'first'), home])
      await refused(states, name, 'INVALID_ARGUMENT');
    symlinkSync('first', join(home, 'backups', 'link'));
    writeFileSync(join(home, 'backups', 'file'), '');
    for (const name of ['firs', 'First', 'first ', '*', 'link', 'file', 'logs']) {
      const { details } = await refused(states, name, 'NOT_FOUND');
      assert.deepEqual(details?.backups, ['first'], name);
    }
  });

  it('an incomplete backup', async (t) => {
    const states = await twoStates(t);
    mkdirSync(join(states.home, 'backups', 'half', 'files'), { recursive: true });
    const { message } = await refused(states, 'half', 'VERIFY_FAILED');
    assert.match(message, /half is no complete backup: it has no manifest/);
    rmSync(join(states.home, 'backups', 'half'), { recursive: true });
  });

  const damage: Readonly<Record<string, (files: string) => void>> = {
    'one bit of a file is another': (files) => {
      const path = join(files, 'sealed', 'inside');
      chmodSync(path, 0o600);
      const bytes = readFileSync(path);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    'a file is missing': (files) => unlinkSync(join(files, 'empty.txt')),
    'a file is cut': (files) => truncateSync(join(files, 'config.json'), 4),
    'a file is a link': (files) => {
      copyFileSync(join(files, 'config.json'), join(files, '..', 'config.json'));
      unlinkSync(join(files, 'config.json'));
      symlinkSync('../config.json', join(files, 'config.json'));
    },
    'a file is a directory': (files) => {
      unlinkSync(join(files, 'empty.txt'));
      mkdirSync(join(files, 'empty.txt'));
    },
    'its files are gone': (files) => rmSync(files, { recursive: true }),
  };
  for (const [what, harm] of Object.entries(damage)) {
    it(`a backup of which ${what}`, async (t) => {
      const states = await twoStates(t);
      harm(filesOf(states));
      await refused(states, 'first', 'VERIFY_FAILED');
    });
  }

  it('a manifest that somebody forged to write elsewhere', async (t) => {
    const states = await twoStates(t);
    const directory = join(states.home, 'backups', 'first');
    const manifest = await readManifest(directory);
    const outside = join(dirname(states.home), 'evil');
    writeFileSync(outside, 'mine');
    writeFileSync(join(directory, 'evil'), 'evil');
    for (const path of ['../evil', '../../evil', '../../../evil', outside]) {
      const sha256 = createHash('sha256').update('evil').digest('hex');
      const entry = { kind: 'file', path, mode: 0o600, mtimeUs: 0, size: 4, sha256 } as const;
      const entries = [entry, ...manifest.tree.entries].toSorted((a, b) => (a.path < b.path ? -1 : 1));
      const forged = {
        ...manifest,
        checksum: treeChecksum({ entries }),
        tree: { ...manifest.tree, entries },
      };
      const seal = createHash('sha256').update(JSON.stringify(forged)).digest('hex');
      const original = readFileSync(join(directory, 'manifest.json'));
      writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ ...forged, seal }));
      await assert.rejects(
        restoreBackup({ home: states.home, name: 'first', reason: 'restore' }),
        code('VERIFY_FAILED'),
      );
      writeFileSync(join(directory, 'manifest.json'), original);
      await assertUntouched(states);
      assert.equal(readFileSync(outside, 'utf8'), 'mine');
    }
  });

  it('a directory that a daemon serves, and names its pid', async (t) => {
    const states = await twoStates(t);
    const owner = await takeOwnerLock(states.home);
    const { details, next } = await refused(states, 'first', 'DAEMON_RUNNING');
    assert.equal(details?.pid, process.pid);
    assert.match(next ?? '', /daemon stop/);
    await owner.close();
    await restoreBackup({ home: states.home, name: 'first', reason: 'restore' });
    await assertRestored(states);
  });

  it('a data directory that is not there, and makes none', async (t) => {
    const missing = join(awkwardHome(t), 'missing');
    await assert.rejects(
      restoreBackup({ home: missing, name: 'first', reason: 'restore' }),
      code('HOME_UNUSABLE'),
    );
    assert.equal(existsSync(missing), false);
  });

  it('a journal that cannot be read, and says where everything is', async (t) => {
    const { home } = await twoStates(t);
    const good = {
      format: 1,
      source: 'first',
      reason: 'restore',
      safety: 'x',
      keep: [],
      startedAt: '',
      phase: 'out',
    };
    const bad: readonly unknown[] = [
      '',
      '{',
      'null',
      '[]',
      { ...good, format: 2 },
      { ...good, source: '../first' },
      { ...good, safety: 'a/b' },
      { ...good, keep: ['..'] },
      { ...good, keep: 'logs' },
      { ...good, phase: 'sideways' },
      { ...good, reason: 'because' },
    ];
    for (const journal of bad) {
      const text = typeof journal === 'string' ? journal : JSON.stringify(journal);
      writeFileSync(join(home, 'restore.json'), text);
      const look = finishInterruptedRestore(home);
      await assert.rejects(look, code('STORE_DAMAGED'), text);
      assert.equal(readFileSync(join(home, 'restore.json'), 'utf8'), text);
    }
  });
});

describe('restoreBackup refuses what it could not finish, and changes nothing', () => {
  it('when there is no room for the copy (needs the right to mount)', { skip: cannotMount }, async (t) => {
    const home = awkwardHome(t, mountTmpfs(t, 'size=32m'));
    const states = await makeStates(home);
    writeFileSync(join(home, '..', 'other'), Buffer.alloc(14 * 2 ** 20));
    const { details } = await refused(states, 'first', 'STORE_UNAVAILABLE');
    assert((details?.needed as number) > (details?.free as number));
    rmSync(join(home, '..', 'other'));
    await restoreBackup({ home, name: 'first', reason: 'restore' });
    await assertRestored(states);
  });

  it('when the disk fills up while it copies (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    const home = awkwardHome(t, mountTmpfs(t, 'size=32m'));
    const states = await makeStates(home);
    const other = join(home, '..', 'other');
    const fill = () => {
      if (!existsSync(other)) assert.throws(() => writeFileSync(other, Buffer.alloc(2 ** 25)), /ENOSPC/);
    };
    const restored = restoreBackup({ home, name: 'first', reason: 'restore', onProgress: fill });
    await assert.rejects(restored, code('STORE_UNAVAILABLE'));
    await assertUntouched(states);
  });

  it('when there is no room in backups/ for what is there now (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    const disk = mountTmpfs(t, 'size=32m');
    const home = awkwardHome(t);
    symlinkSync(disk, join(home, 'backups'));
    const states = await makeStates(home);
    writeFileSync(join(disk, 'other'), Buffer.alloc(14 * 2 ** 20));
    const { details } = await refused(states, 'first', 'STORE_UNAVAILABLE');
    assert.equal(details?.directory, join(home, 'backups'));
  });

  it('when a file system is mounted in the directory, however deep (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    for (const inside of ['vectors', join('new', 'deep')]) {
      const states = await twoStates(t);
      const path = join(states.home, inside);
      mountTmpfs(t, 'size=1m', path);
      await assert.rejects(
        restoreBackup({ home: states.home, name: 'first', reason: 'restore' }),
        (error) => {
          assert(error instanceof CollabError);
          assert.deepEqual([error.code, error.details?.path], ['HOME_UNUSABLE', path]);
          return true;
        },
      );
      assert.deepEqual(readdirSync(path), []);
      assert.equal(existsSync(join(states.home, 'restore.json')), false);
      assert.equal(existsSync(join(states.home, 'empty')), true);
    }
  });

  it('when something that is there now cannot be read (needs root to become another user)', {
    skip: !isRoot && 'only root can become another user',
    timeout: 60_000,
  }, async (t) => {
    const states = await twoStates(t);
    giveTo(nobody, dirname(states.home));
    const task = { what: 'restore', home: states.home, name: 'first' };
    lchownSync(join(states.home, 'config.json'), 0, 0);
    const { answer } = await runTask(task, '', nobody);
    const { error } = answer as { readonly error: { readonly code: string; readonly message: string } };
    assert.equal(error.code, 'HOME_UNUSABLE');
    assert.match(error.message, /config\.json/);
    await assertUntouched(states);
  });
});
