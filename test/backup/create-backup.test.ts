import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Backup, type BackupOptions, createBackup } from '../../src/backup/backup.ts';
import { listBackups } from '../../src/backup/list-backups.ts';
import { readManifest } from '../../src/backup/manifest.ts';
import { listTree, treeChecksum } from '../../src/backup/tree.ts';
import { CollabError } from '../../src/base/errors.ts';
import {
  awkwardHome,
  cannotMount,
  code,
  copyableOf,
  giveTo,
  isRoot,
  makeFifo,
  mountTmpfs,
  nobody,
  runTask,
  scratch,
} from './backup-fixture.ts';

const beforeMigration = { reason: 'before-migration', lmdb: 'copy-files' } as const;
const manual = { reason: 'manual', lmdb: 'copy-files' } as const;

function backUp(home: string, rest: Partial<BackupOptions> = {}): Promise<Backup> {
  return createBackup({ home, ...beforeMigration, ...rest });
}

async function filesOf({ directory }: Pick<Backup, 'directory'>) {
  return (await listTree(join(directory, 'files'))).entries;
}

describe('createBackup: what is in it', () => {
  it('holds every file, mode, time and link of a directory with odd names', async (t) => {
    const home = awkwardHome(t);
    const before = await copyableOf(home);
    const backup = await backUp(home);
    assert.deepEqual(await filesOf(backup), before);
    assert.deepEqual(backup.manifest.tree.entries, before);
    assert.deepEqual(await copyableOf(home), before);
    assert.equal(backup.manifest.checksum, treeChecksum({ entries: before }));
    assert.deepEqual(await readManifest(backup.directory), backup.manifest);
    assert.deepEqual(readdirSync(backup.directory).sort(), ['files', 'manifest.json']);
    assert.equal(statSync(backup.directory).mode & 0o777, 0o700);
  });

  it('names sockets and pipes, and never waits for one', { timeout: 20_000 }, async (t) => {
    const home = awkwardHome(t);
    makeFifo(join(home, 'vectors', 'pipe'));
    const { manifest, directory } = await backUp(home);
    assert.deepEqual(
      manifest.leftOut.filter(({ path }) => path === 'vectors/pipe'),
      [{ path: 'vectors/pipe', why: 'a fifo' }],
    );
    assert.equal(existsSync(join(directory, 'files', 'vectors', 'pipe')), false);
  });

  it('names the links that lead out of the directory', async (t) => {
    const { manifest } = await backUp(awkwardHome(t));
    const why = 'a link: what it leads to, /etc/hostname, is not in the backup';
    assert.deepEqual(manifest.leftOut, [{ path: 'vectors/outside', why }]);
  });

  it('leaves out the files of a process and of a restore, and earlier backups', async (t) => {
    const home = awkwardHome(t);
    const before = await copyableOf(home);
    for (const name of ['daemon.json', 'daemon.lock', 'restore.json', '.key.json.77.0123456789ab.tmp'])
      writeFileSync(join(home, name), 'x');
    mkdirSync(join(home, '.restoring', 'new'), { recursive: true });
    mkdirSync(join(home, 'backups', 'mine'), { recursive: true });
    assert.deepEqual(await filesOf(await backUp(home)), before);
  });

  it('of the user: leaves out logs and the index, keeps what a repair has set aside, and says so', async (t) => {
    const home = awkwardHome(t);
    for (const name of ['delta', 'index', 'delta.new', 'damaged/20260101-delta']) {
      mkdirSync(join(home, 'lmdb', name), { recursive: true });
      writeFileSync(join(home, 'lmdb', name, 'data.mdb'), name);
      writeFileSync(join(home, 'lmdb', name, 'lock.mdb'), 'x');
    }
    writeFileSync(join(home, 'vectors', 'context.vec'), 'x');
    const { manifest } = await createBackup({ home, ...manual });
    const stored = manifest.tree.entries.flatMap(({ path }) => (path.startsWith('lmdb/') ? [path] : []));
    assert.deepEqual(stored, [
      'lmdb/damaged',
      'lmdb/damaged/20260101-delta',
      'lmdb/damaged/20260101-delta/data.mdb',
      'lmdb/delta',
      'lmdb/delta/data.mdb',
    ]);
    const left = manifest.leftOut.map(({ path }) => path);
    assert.deepEqual(left.sort(), ['lmdb/index', 'logs', 'vectors/context.vec', 'vectors/outside']);
    assert.equal(
      manifest.tree.entries.some(({ path }) => path.startsWith('logs')),
      false,
    );
  });

  it('of the user: holds what links to another disk lead to, where the program keeps its data', async (t) => {
    const home = awkwardHome(t);
    const disk = scratch(t);
    mkdirSync(join(disk, 'lmdb', 'delta'), { recursive: true });
    writeFileSync(join(disk, 'lmdb', 'delta', 'data.mdb'), 'the log');
    symlinkSync(join(disk, 'lmdb'), join(home, 'lmdb'));
    const { directory, manifest } = await createBackup({ home, ...manual });
    assert.equal(readFileSync(join(directory, 'files', 'lmdb', 'delta', 'data.mdb'), 'utf8'), 'the log');
    assert.equal(manifest.tree.entries.find(({ path }) => path === 'lmdb')?.kind, 'directory');
    const asItWas = await backUp(home);
    assert.equal(asItWas.manifest.tree.entries.find(({ path }) => path === 'lmdb')?.kind, 'link');
    await assert.rejects(
      createBackup({ home, ...manual, to: join(disk, 'lmdb', 'x') }),
      code('INVALID_ARGUMENT'),
    );
  });
});

/** A directory with one file; `change` runs when the file is copied and not yet compared, as often as that happens. */
async function changing(t: TestContext, change: (file: string, times: number) => void) {
  const home = join(scratch(t), 'home');
  mkdirSync(home);
  const file = join(home, 'usage.jsonl');
  writeFileSync(file, 'first\n');
  let seen = 0;
  let times = 0;
  const onProgress = () => {
    // Told of the copy, of the hash of the copy, of that of the source, and that all that was for nothing.
    if (seen++ % 4 === 0) change(file, ++times);
  };
  return { home, made: backUp(home, { onProgress }) };
}

describe('createBackup: of a directory in use', () => {
  it('takes a file that grows as it was at one instant', async (t) => {
    const { made } = await changing(t, (file) => appendFileSync(file, 'second\n'));
    const { directory, manifest } = await made;
    assert.equal(readFileSync(join(directory, 'files', 'usage.jsonl'), 'utf8'), 'first\n');
    assert.equal(manifest.tree.bytes, 6);
  });

  it('takes a file that is rewritten as it is after that, never half of each', async (t) => {
    const { made } = await changing(t, (file, times) => {
      if (times < 3) writeFileSync(file, `third${times}\n`);
    });
    const { directory } = await made;
    assert.equal(readFileSync(join(directory, 'files', 'usage.jsonl'), 'utf8'), 'third2\n');
  });

  it('leaves out what is removed meanwhile, and says so', async (t) => {
    const { made } = await changing(t, (file) => unlinkSync(file));
    const { directory, manifest } = await made;
    const why = 'was removed while the backup was made';
    assert.deepEqual(manifest.leftOut, [{ path: 'usage.jsonl', why }]);
    assert.deepEqual(readdirSync(join(directory, 'files')), []);
  });

  it('leaves out a file that becomes a link or a pipe', { timeout: 20_000 }, async (t) => {
    for (const become of [(file: string) => symlinkSync('/etc/hostname', file), makeFifo]) {
      const { made } = await changing(t, (file) => {
        unlinkSync(file);
        become(file);
      });
      const { manifest } = await made;
      assert.deepEqual(manifest.tree.entries, []);
    }
  });

  it('gives up a file that is rewritten without end, and leaves nothing', async (t) => {
    const { home, made } = await changing(t, (file, times) => writeFileSync(file, `again ${times}`));
    await assert.rejects(made, (error) => {
      assert(error instanceof CollabError);
      assert.deepEqual([error.code, error.details?.path], ['STORE_UNAVAILABLE', 'usage.jsonl']);
      return true;
    });
    assert.deepEqual(readdirSync(join(home, 'backups')), []);
  });

  it('fails, and leaves nothing, when its own directory is taken away', async (t) => {
    const home = awkwardHome(t);
    let taken = false;
    const onProgress = () => {
      if (taken) return;
      taken = true;
      // As a cleaning script would: the directories of the copy, files in them or not.
      for (const name of readdirSync(join(home, 'backups')))
        chmodSync(join(home, 'backups', name, 'files', 'sealed'), 0o700);
      for (const name of readdirSync(join(home, 'backups'))) removeNow(join(home, 'backups', name, 'files'));
    };
    await assert.rejects(backUp(home, { onProgress }), code('HOME_UNUSABLE'));
    assert.equal((await listBackups(home)).filter((one) => one.state === 'complete').length, 0);
  });
});

function removeNow(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) removeNow(path);
    else unlinkSync(path);
  }
}

describe('createBackup: where it goes', () => {
  it('puts it into a directory elsewhere, which it makes', async (t) => {
    const home = awkwardHome(t);
    const to = join(scratch(t), 'disk', 'agent collab');
    const backup = await backUp(home, { to });
    assert.equal(backup.directory, join(to, backup.name));
    assert.deepEqual(await filesOf(backup), await copyableOf(home));
    assert.equal(existsSync(join(home, 'backups')), false);
    assert.equal(statSync(to).mode & 0o777, 0o700);
  });

  it('refuses a directory inside of the data directory, by whatever way', async (t) => {
    const home = awkwardHome(t);
    const link = join(scratch(t), 'link');
    symlinkSync(home, link);
    const before = await copyableOf(home);
    for (const to of [home, join(home, 'backups'), join(home, 'not', 'there'), join(link, 'x'), link])
      await assert.rejects(backUp(home, { to }), code('INVALID_ARGUMENT'), to);
    await backUp(home, { to: `${home}-beside` });
    assert.deepEqual(await copyableOf(home), before);
    assert.equal(existsSync(join(home, 'backups')), false);
  });

  it('refuses a file, a name that is a path, and a data directory that is not there', async (t) => {
    const home = awkwardHome(t);
    await assert.rejects(
      backUp(home, { to: join(home, '..', 'home', 'config.json') }),
      code('INVALID_ARGUMENT'),
    );
    const file = join(scratch(t), 'file');
    writeFileSync(file, '');
    await assert.rejects(backUp(home, { to: file }), code('HOME_UNUSABLE'));
    await assert.rejects(backUp(home, { to: join(file, 'below') }), code('HOME_UNUSABLE'));
    for (const name of ['', '.', '..', '../x', 'a/b', '-rf', '.hidden', 'x'.repeat(101)])
      await assert.rejects(backUp(home, { name }), code('INVALID_ARGUMENT'), name);
    await assert.rejects(backUp(join(home, 'missing')), code('HOME_UNUSABLE'));
  });

  it('says what is needed and what is free when there is no room, and leaves nothing (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    const home = awkwardHome(t);
    const to = mountTmpfs(t, 'size=8m');
    await assert.rejects(backUp(home, { to }), (error) => {
      assert(error instanceof CollabError);
      const { needed, free } = error.details as { readonly needed: number; readonly free: number };
      assert.equal(error.code, 'STORE_UNAVAILABLE');
      assert(needed > free && free > 0, `${needed} ${free}`);
      return true;
    });
    assert.deepEqual(readdirSync(to), []);
  });

  it('leaves to a running daemon what it needs of the disk, unless that is gone already (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    const home = join(scratch(t), 'home');
    mkdirSync(home);
    const to = mountTmpfs(t, 'size=400m');
    // A twentieth is 20 MiB.
    writeFileSync(join(home, 'big'), Buffer.alloc(2 ** 21));
    const filler = join(to, 'filler');
    const online = { ...manual, lmdb: 'online', home, to } as const;
    for (const [free, isTaken] of [
      [21, false],
      [19, true],
      [24, true],
    ] as const) {
      for (let mebibyte = free; mebibyte < 400; mebibyte++) appendFileSync(filler, Buffer.alloc(2 ** 20));
      const made = createBackup(online);
      if (isTaken) rmSync((await made).directory, { recursive: true });
      else await assert.rejects(made, code('STORE_UNAVAILABLE'));
      rmSync(filler);
    }
  });

  it('leaves nothing on a disk that fills up on the way, or is read-only (needs the right to mount)', {
    skip: cannotMount,
  }, async (t) => {
    const home = awkwardHome(t);
    const to = mountTmpfs(t, 'size=24m');
    let filled = false;
    const onProgress = () => {
      if (filled) return;
      filled = true;
      // Another program, quicker than the look at the room.
      assert.throws(() => writeFileSync(join(to, 'other'), Buffer.alloc(2 ** 25)), /ENOSPC/);
    };
    await assert.rejects(backUp(home, { to, onProgress }), code('STORE_UNAVAILABLE'));
    assert.deepEqual(readdirSync(to), ['other']);
    await assert.rejects(backUp(home, { to: mountTmpfs(t, 'ro') }), (error) => {
      assert(error instanceof CollabError);
      return error.code === 'HOME_UNUSABLE' && error.details?.errno === 'EROFS';
    });
  });

  it('refuses a place or a file without rights, and leaves nothing (needs root to become another user)', {
    skip: !isRoot && 'only root can become another user',
    timeout: 60_000,
  }, async (t) => {
    const home = awkwardHome(t);
    giveTo(nobody, dirname(home));
    const secret = join(home, 'vectors', 'secret');
    writeFileSync(secret, 'of root', { mode: 0o600 });
    const { answer } = await runTask({ what: 'backup', home }, '', nobody);
    assert.match(JSON.stringify(answer), /HOME_UNUSABLE.*secret/);
    assert.deepEqual(readdirSync(join(home, 'backups')), []);
    const elsewhere = await runTask({ what: 'backup', home, to: join(scratch(t), 'of root') }, '', nobody);
    assert.match(JSON.stringify(elsewhere.answer), /HOME_UNUSABLE.*EACCES/);
    rmSync(secret);
    await createBackup({ home, reason: 'manual', lmdb: 'copy-files' });
  });
});
