import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createBackup, verifyBackup } from '../../src/backup/backup.ts';
import { listBackups } from '../../src/backup/list-backups.ts';
import { type BackupManifest, readManifest } from '../../src/backup/manifest.ts';
import { type TreeEntry, treeChecksum } from '../../src/backup/tree.ts';
import { CollabError } from '../../src/base/errors.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { awkwardHome, code } from './backup-fixture.ts';

async function made(t: TestContext) {
  const home = awkwardHome(t);
  const backup = await createBackup({ home, reason: 'before-migration', lmdb: 'copy-files', name: 'b' });
  return { home, directory: backup.directory, at: (path: string) => join(backup.directory, 'files', path) };
}

describe('verifyBackup', () => {
  it('finds nothing wrong with what was just made, and tells how far it is', async (t) => {
    const { directory } = await made(t);
    let done = 0;
    const found = await verifyBackup(directory, (progress) => {
      done = progress.done;
    });
    assert.deepEqual(found, { sound: true, problems: [], extra: [] });
    assert.equal(done, (await readManifest(directory)).tree.bytes);
  });

  it('finds any one bit that was flipped', async (t) => {
    const { directory, at } = await made(t);
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const path = at('sealed/inside');
    chmodSync(path, 0o600);
    const bytes = readFileSync(path);
    for (const place of [0, bytes.length - 1, random.int(1, bytes.length - 2)]) {
      const bit = 1 << random.int(0, 7);
      const flip = () => {
        bytes[place] = (bytes[place] ?? 0) ^ bit;
        writeFileSync(path, bytes);
      };
      flip();
      const found = await verifyBackup(directory);
      assert.deepEqual(found.problems, [{ path: 'sealed/inside', what: 'differs from its checksum' }]);
      assert.equal(found.sound, false);
      flip();
    }
    assert.equal((await verifyBackup(directory)).sound, true);
  });

  it('finds what is missing, cut, added, or something else by now', async (t) => {
    const { directory, at } = await made(t);
    unlinkSync(at('empty.txt'));
    truncateSync(at('config.json'), 3);
    unlinkSync(at('dangling'));
    symlinkSync('elsewhere', at('dangling'));
    unlinkSync(at('to-directory'));
    mkdirSync(at('to-directory'));
    rmSync(at('empty/inner'), { recursive: true });
    writeFileSync(at('empty/inner'), '');
    writeFileSync(at('vectors/more.json'), '{}');
    const found = await verifyBackup(directory);
    assert.deepEqual(found, {
      sound: false,
      problems: [
        { path: 'config.json', what: 'has 3 bytes, not 25' },
        { path: 'dangling', what: 'leads to elsewhere, not to nowhere/at all' },
        { path: 'empty.txt', what: 'is missing' },
        { path: 'empty/inner', what: 'is a file, not a directory' },
        { path: 'to-directory', what: 'is a directory, not a link' },
      ],
      extra: ['vectors/more.json'],
    });
  });

  it('follows no link that took the place of a directory', async (t) => {
    const { home, directory, at } = await made(t);
    rmSync(at('metrics'), { recursive: true });
    symlinkSync(join(home, 'metrics'), at('metrics'));
    const { problems } = await verifyBackup(directory);
    assert.deepEqual(problems, [
      { path: 'metrics', what: 'is a link, not a directory' },
      { path: 'metrics/usage_2026-01-01.jsonl', what: 'is missing' },
    ]);
  });

  it('refuses a backup without its files', async (t) => {
    const { directory } = await made(t);
    renameSync(join(directory, 'files'), join(directory, 'elsewhere'));
    await assert.rejects(verifyBackup(directory), code('HOME_UNUSABLE'));
  });
});

describe('manifest.json', () => {
  it('is refused, and its backup called incomplete, once any byte of it is another', async (t) => {
    const { home, directory } = await made(t);
    const seed = testSeed();
    t.diagnostic(`TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const path = join(directory, 'manifest.json');
    const bytes = readFileSync(path);
    for (let round = 0; round < 60; round++) {
      const changed = Buffer.from(bytes);
      const place = random.int(0, bytes.length - 2);
      changed[place] = (changed[place] ?? 0) ^ (1 << random.int(0, 6));
      writeFileSync(path, changed);
      await assert.rejects(readManifest(directory), code('VERIFY_FAILED'), `byte ${place}`);
    }
    for (const text of ['', '[]', 'null', '{}', '"x"', bytes.subarray(0, bytes.length >> 1).toString()]) {
      writeFileSync(path, text);
      await assert.rejects(readManifest(directory), code('VERIFY_FAILED'), text);
    }
    assert.deepEqual(
      (await listBackups(home)).map((one) => one.state),
      ['incomplete'],
    );
    writeFileSync(path, bytes);
    assert.equal((await verifyBackup(directory)).sound, true);
    rmSync(path);
    await assert.rejects(verifyBackup(directory), code('VERIFY_FAILED'));
    mkdirSync(path);
    await assert.rejects(verifyBackup(directory), code('VERIFY_FAILED'));
  });

  /** With a seal and a checksum that fit: anybody can make them. */
  async function forge(
    directory: string,
    change: (manifest: Record<string, unknown>) => void,
  ): Promise<void> {
    const manifest = structuredClone(await readManifest(directory)) as unknown as Record<string, unknown>;
    change(manifest);
    const { entries } = (manifest.tree ?? {}) as Partial<BackupManifest['tree']>;
    if (Array.isArray(entries) && entries.every((one) => typeof one === 'object' && one !== null))
      manifest.checksum = treeChecksum({ entries });
    const seal = createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
    writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ ...manifest, seal }));
  }

  const file = { kind: 'file', mode: 0o600, mtimeUs: 0, size: 0, sha256: '' } as const;
  const directoryEntry = { kind: 'directory', mode: 0o700, mtimeUs: 0 } as const;

  it('is refused when it is forged to name what lies elsewhere, or is needed by a restore', async (t) => {
    const { directory } = await made(t);
    const original = readFileSync(join(directory, 'manifest.json'));
    const paths = [
      '../evil',
      '..',
      '.',
      '',
      '/etc/evil',
      'a/../../evil',
      'vectors//x',
      'vectors/./x',
      'nowhere/x',
      'config.json/x',
      'to-directory/x',
      'nul\0',
      'backups',
      'backups/x',
      'daemon.lock',
      'restore.json',
      '.restoring',
      '.restoring/safety',
    ];
    for (const path of paths) {
      await forge(directory, ({ tree }) => {
        const { entries } = tree as { entries: TreeEntry[] };
        entries.push({ ...file, path });
        entries.sort((a, b) => (a.path < b.path ? -1 : 1));
      });
      await assert.rejects(readManifest(directory), code('VERIFY_FAILED'), path);
      writeFileSync(join(directory, 'manifest.json'), original);
    }
    await readManifest(directory);
  });

  it('is refused when it is forged in any other way', async (t) => {
    const { directory } = await made(t);
    const original = readFileSync(join(directory, 'manifest.json'));
    const only = (...entries: unknown[]) => ({ tree: { mode: 0o700, bytes: 0, entries } });
    const forgeries: Readonly<Record<string, Record<string, unknown>>> = {
      'a link and a directory of one name': only(
        { kind: 'link', path: 'a', mtimeUs: 0, target: '/etc' },
        { ...directoryEntry, path: 'a' },
        { ...file, path: 'a/evil' },
      ),
      'entries out of order': only({ ...file, path: 'b' }, { ...file, path: 'a' }),
      'one file twice': only({ ...file, path: 'a' }, { ...file, path: 'a' }),
      'a file in a link': only(
        { kind: 'link', path: 'a', mtimeUs: 0, target: '/etc' },
        { ...file, path: 'a/evil' },
      ),
      'a mode that is none': only({ ...file, path: 'a', mode: 0o17777 }),
      'a size that is none': only({ ...file, path: 'a', size: -1 }),
      'a time that is none': only({ ...file, path: 'a', mtimeUs: null }),
      'no checksum': only({ ...file, path: 'a', sha256: 7 }),
      'a link to nothing': only({ kind: 'link', path: 'a', mtimeUs: 0, target: '' }),
      'an unknown kind': only({ kind: 'door', path: 'a' }),
      'a path that is a number': only({ ...file, path: 7 }),
      'an entry that is none': only(null),
      'no tree': { tree: null },
      'no entries': { tree: { mode: 0o700, bytes: 0 } },
      'an unknown reason': { reason: 'because' },
      'no time': { createdAt: 'yesterday' },
      'no name': { name: null },
      'a later format': { format: 2 },
      'a check that is none': { stores: { sound: 'yes' } },
      'nothing left out': { leftOut: [7] },
      'a checksum of something else': { checksum: 'x' },
    };
    for (const [what, change] of Object.entries(forgeries)) {
      if (what === 'a checksum of something else') {
        const manifest = { ...(await readManifest(directory)), ...change };
        const seal = createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
        writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ ...manifest, seal }));
      } else await forge(directory, (manifest) => Object.assign(manifest, change));
      await assert.rejects(readManifest(directory), code('VERIFY_FAILED'), what);
      writeFileSync(join(directory, 'manifest.json'), original);
    }
    const error = await forge(directory, (manifest) => Object.assign(manifest, { extra: 1 }))
      .then(() => readManifest(directory))
      .catch((thrown: unknown) => thrown);
    assert.equal(error instanceof CollabError, false, 'a field of a later version is no flaw');
  });
});
