/** Which looks at files the main thread may wait for. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lstatIfPresent, readLink, statIfKnown } from '../../src/project/file-look.ts';
import { MountTable, mounts, parseMounts } from '../../src/project/mount-table.ts';
import { followPath } from '../../src/project/physical-path.ts';
import { ManualClock } from '../support/manual-clock.ts';

const line = (point: string, type: string) =>
  `36 35 98:0 /mnt1 ${point} rw,noatime master:1 shared:2 - ${type} /dev/root rw,errors=continue`;

function tableOf(mounts: Readonly<Record<string, string>>): MountTable {
  const text = Object.entries(mounts).map(([point, type]) => line(point, type));
  return new MountTable({ read: () => text.join('\n') });
}

test('the innermost mount above a path decides', () => {
  const table = tableOf({
    '/': 'ext4',
    '/net': 'nfs4',
    '/net/ann/disk': 'xfs',
    '/net/ann/disk/fuse': 'fuse.sshfs',
    '/mnt/two\\040words': 'cifs',
  });
  const expected = {
    '/': true,
    '/etc/passwd': true,
    '/net': false,
    '/net/ann/a.ts': false,
    '/nets/a.ts': true,
    '/net/ann/disk': true,
    '/net/ann/disk/repo/a.ts': true,
    '/net/ann/disks': false,
    '/net/ann/disk/fuse/a.ts': false,
    '/mnt/two words/a.ts': false,
    '/mnt/two': true,
  };
  for (const [path, isLocal] of Object.entries(expected)) assert.equal(table.isLocal(path), isLocal, path);
});

test('nothing is local where the system does not tell, or says what cannot be read', () => {
  for (const text of [undefined, '', 'nonsense', '36 35 98:0 / /'])
    assert.equal(new MountTable({ read: () => text }).isLocal('/etc'), false, text);
  assert.equal(tableOf({ '/': 'virtiofs' }).isLocal('/etc'), false);
  assert.equal(tableOf({ '/': 'a type of tomorrow' }).isLocal('/etc'), false);
});

test('a mount that comes is known within a second, and the table is read no more often', () => {
  const clock = new ManualClock();
  let type = 'ext4';
  let reads = 0;
  const read = () => {
    reads += 1;
    return `${line('/', 'ext4')}\n${line('/repo', type)}`;
  };
  const table = new MountTable({ clock, read });
  assert.equal(table.isLocal('/repo/a'), true);
  type = 'nfs';
  clock.advance(999);
  assert.equal(table.isLocal('/repo/a'), true);
  assert.equal(reads, 1);
  clock.advance(1);
  assert.equal(table.isLocal('/repo/a'), false);
  assert.equal(reads, 2);
});

test('takes optional fields as they come, none too', () => {
  assert.deepEqual(parseMounts('22 26 0:21 / /sys rw,relatime - sysfs sysfs rw\n\n'), [
    { point: '/sys', type: 'sysfs' },
  ]);
});

test('a look says what is there, that nothing is, or why it cannot tell', async (t) => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-look-')));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'file'), 'abc');
  mkdirSync(join(directory, 'dir'));
  symlinkSync('file', join(directory, 'link'));
  symlinkSync('nowhere', join(directory, 'dangling'));
  const at = (name: string) => join(directory, name);
  assert.equal((await lstatIfPresent(at('file')))?.isFile(), true);
  assert.equal((await lstatIfPresent(at('link')))?.isSymbolicLink(), true);
  assert.equal(await lstatIfPresent(at('absent')), undefined);
  await assert.rejects(async () => lstatIfPresent(at('file/below')), { code: 'ENOTDIR' });
  assert.equal(await readLink(at('link')), 'file');
  await assert.rejects(async () => readLink(at('file')), { code: 'EINVAL' });
  assert.equal((await statIfKnown(at('link')))?.size, 3n);
  assert.equal((await statIfKnown(at('dir')))?.isDirectory(), true);
  for (const name of ['dangling', 'absent', 'file/below'])
    assert.equal(await statIfKnown(at(name)), undefined, name);
});

test('a path is followed to the same place whether the main thread looks or another one', async (t) => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-look-')));
  t.after(() => rmSync(directory, { recursive: true }));
  const at = (name: string) => join(directory, name);
  mkdirSync(at('a/b'), { recursive: true });
  writeFileSync(at('a/b/file'), '');
  symlinkSync('../a/b', at('a/up'));
  symlinkSync(at('a'), at('whole'));
  symlinkSync('not/there', at('dangling'));
  symlinkSync('loop', at('loop'));
  const asked = [
    ['a', 'b', 'file'],
    ['whole', 'up', 'file'],
    ['a', 'up', '..', 'x'],
    ['dangling'],
    ['dangling', 'below'],
    ['no', 'such', '..', 'file'],
    ['loop'],
    ['a', 'b', 'file', 'below'],
    ['..', '..', '..', '..', '..', '..'],
    [],
  ];
  const answers = () =>
    Promise.all(
      asked.map((segments) =>
        followPath(directory, segments).catch(({ code }: NodeJS.ErrnoException) => code),
      ),
    );
  const here = await answers();
  t.mock.method(mounts, 'isLocal', () => false);
  assert.deepEqual(await answers(), here);
  assert.deepEqual(here[1], { existing: at('a/b/file'), missing: [] });
  assert.deepEqual(here.slice(6, 8), ['ELOOP', 'ENOTDIR']);
});
