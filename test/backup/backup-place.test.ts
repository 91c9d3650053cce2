import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBackup } from '../../src/backup/backup.ts';
import { backupName, clearLeftovers, freeName, reserveBackup } from '../../src/backup/backup-place.ts';
import { listBackups, listBackupsIn } from '../../src/backup/list-backups.ts';
import { awkwardHome, code, runTask, scratch } from './backup-fixture.ts';

const settings = { reason: 'before-migration', lmdb: 'copy-files' } as const;

describe('names of backups', () => {
  it('are the time in UTC and what the backup comes before', () => {
    const wallMs = Date.UTC(2026, 0, 31, 9, 5, 7, 999);
    assert.equal(backupName('manual', wallMs), '20260131-090507');
    assert.equal(backupName('before-restore', wallMs), '20260131-090507-before-restore');
  });

  it('get a number when they are taken, whatever has them', async (t) => {
    const home = awkwardHome(t);
    const backups = join(home, 'backups');
    mkdirSync(join(backups, 'mine'), { recursive: true });
    writeFileSync(join(backups, 'mine-2'), '');
    symlinkSync('/nowhere', join(backups, 'mine-3'));
    const made = await createBackup({ home, ...settings, name: 'mine' });
    assert.deepEqual([made.name, made.manifest.name], ['mine-4', 'mine-4']);
    assert.deepEqual(readdirSync(join(backups, 'mine')), []);
    assert.equal(freeName(new Set(['a', 'a-2']), 'a'), 'a-3');
  });

  it('run out some time', async (t) => {
    const base = scratch(t);
    for (let number = 1; number <= 99; number++) mkdirSync(join(base, number === 1 ? 'n' : `n-${number}`));
    await assert.rejects(reserveBackup(base, 'n'), code('STORE_UNAVAILABLE'));
    assert.equal(readdirSync(base).length, 99);
  });

  it('are given once to two backups at one time', async (t) => {
    const home = awkwardHome(t);
    const two = await Promise.all([
      createBackup({ home, ...settings, name: 'both' }),
      createBackup({ home, ...settings, name: 'both' }),
    ]);
    assert.deepEqual(two.map(({ name }) => name).sort(), ['both', 'both-2']);
    assert.equal(two[0]?.manifest.checksum, two[1]?.manifest.checksum);
  });
});

describe('leftovers of backups', () => {
  it('are cleared away by the next one once their maker is dead', { timeout: 60_000 }, async (t) => {
    const home = awkwardHome(t);
    const killed = await runTask({ what: 'backup', home }, 'backup.copying=kill@3');
    assert.equal(killed.signal, 'SIGKILL');
    const [left] = await listBackups(home);
    assert.equal(left?.state, 'incomplete');
    assert.match(left?.state === 'incomplete' ? left.why : '', /no manifest/);
    const made = await createBackup({ home, ...settings });
    assert.deepEqual(readdirSync(join(home, 'backups')), [made.name]);
  });

  it('are left alone while their maker lives, and said to be under way', async (t) => {
    const home = awkwardHome(t);
    const backups = join(home, 'backups');
    mkdirSync(backups);
    const place = await reserveBackup(backups, 'under-way');
    mkdirSync(join(place.directory, 'files'));
    const made = await createBackup({ home, ...settings, name: 'other' });
    assert.deepEqual(readdirSync(backups).sort(), ['other', 'under-way']);
    const listed = await listBackups(home);
    assert.deepEqual(
      listed.map((one) => [one.name, one.state === 'incomplete' ? one.why : one.state]),
      [
        [made.name, 'complete'],
        ['under-way', `process ${process.pid} is making it`],
      ],
    );
    await place.release();
    assert.deepEqual(await clearLeftovers(backups), ['under-way']);
  });

  it('are left alone where somebody has put a file of his own, or a manifest', async (t) => {
    const base = scratch(t);
    for (const name of ['note.txt', 'manifest.json']) {
      const place = await reserveBackup(base, name);
      writeFileSync(join(place.directory, name), '{}');
      await place.release();
    }
    assert.deepEqual(await clearLeftovers(base), []);
    assert.equal(readFileSync(join(base, 'note.txt', 'note.txt'), 'utf8'), '{}');
    assert.equal(readFileSync(join(base, 'manifest.json', 'manifest.json'), 'utf8'), '{}');
  });

  it('are never what merely looks like one', async (t) => {
    const base = scratch(t);
    const outside = scratch(t);
    const markers: Readonly<Record<string, string>> = {
      empty: '',
      torn: '{"program":"agent-col',
      foreign: '{"pid":4711}',
      other: '{"program":"restic","pid":4711}',
      list: '[1]',
      none: 'null',
      text: '{"program":"agent-collab","pid":"4711"}',
      long: `{"program":"agent-collab","pid":4711,"x":"${'x'.repeat(2000)}"}`,
    };
    for (const [name, text] of Object.entries(markers)) {
      mkdirSync(join(base, name));
      writeFileSync(join(base, name, 'incomplete.json'), text);
    }
    mkdirSync(join(base, 'directory', 'incomplete.json'), { recursive: true });
    mkdirSync(join(base, 'link'));
    writeFileSync(join(outside, 'marker'), '{"program":"agent-collab","pid":4711}');
    symlinkSync(join(outside, 'marker'), join(base, 'link', 'incomplete.json'));
    const place = await reserveBackup(outside, 'behind-a-link');
    await place.release();
    symlinkSync(place.directory, join(base, 'linked'));
    const before = readdirSync(base, { recursive: true });
    assert.deepEqual(await clearLeftovers(base), []);
    assert.deepEqual(readdirSync(base, { recursive: true }), before);
    assert.equal((await listBackupsIn(base)).length, Object.keys(markers).length + 2);
  });

  it('are known as such until the last of them is gone', async (t) => {
    const base = scratch(t);
    const place = await reserveBackup(base, 'half');
    mkdirSync(join(place.directory, 'files'));
    await place.release();
    // A removal that was cut off has taken everything but the marker.
    rmSync(join(place.directory, 'files'), { recursive: true });
    assert.deepEqual(readdirSync(place.directory), ['incomplete.json']);
    assert.deepEqual(await clearLeftovers(base), ['half']);
    assert.deepEqual(readdirSync(base), []);
  });
});

describe('the list of backups', () => {
  it('has the newest first, the incomplete last, and says of each what it is', async (t) => {
    const home = awkwardHome(t);
    assert.deepEqual(await listBackups(home), []);
    const first = await createBackup({ home, ...settings, name: 'b' });
    const second = await createBackup({ home, reason: 'manual', lmdb: 'copy-files', name: 'a' });
    mkdirSync(join(home, 'backups', 'z'));
    writeFileSync(join(home, 'backups', 'file'), '');
    const listed = await listBackups(home);
    const order = [first, second].toSorted((x, y) => (x.manifest.createdAt < y.manifest.createdAt ? 1 : -1));
    assert.deepEqual(
      listed.map(({ name }) => name).filter((name) => name !== 'z'),
      first.manifest.createdAt === second.manifest.createdAt ? ['b', 'a'] : order.map(({ name }) => name),
    );
    assert.equal(listed.at(-1)?.name, 'z');
    const found = listed.find(({ name }) => name === 'b');
    assert(found?.state === 'complete');
    const files = first.manifest.tree.entries.filter(({ kind }) => kind === 'file').length;
    assert.deepEqual(
      [found.reason, found.files, found.bytes, found.storesSound, found.node],
      ['before-migration', files, first.manifest.tree.bytes, null, null],
    );
  });

  it('is empty where nothing is, and refused where there is a file', async (t) => {
    const file = join(scratch(t), 'file');
    writeFileSync(file, '');
    assert.deepEqual(await listBackupsIn(`${file}-missing`), []);
    await assert.rejects(listBackupsIn(file), code('HOME_UNUSABLE'));
    assert.deepEqual(await listBackups(file), []);
  });
});
