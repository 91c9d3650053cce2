import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFilePid, tryCreateFileAtomic, writeFileAtomic } from '../../src/home/atomic-file.ts';
import { scratchDirectory, startChild } from './home-fixture.ts';

const mode = 0o600;

test('replaces a file and sets its mode', async () => {
  const directory = scratchDirectory();
  const path = join(directory, 'a.json');
  writeFileSync(path, 'old', { mode: 0o644 });
  await writeFileAtomic(path, 'new', { mode });
  assert.equal(readFileSync(path, 'utf8'), 'new');
  assert.equal(statSync(path).mode & 0o777, mode);
  const umask = process.umask(0o077);
  await writeFileAtomic(join(directory, 'b'), Uint8Array.of(0, 255), { mode: 0o644 });
  process.umask(umask);
  assert.deepEqual([...readFileSync(join(directory, 'b'))], [0, 255]);
  assert.equal(statSync(join(directory, 'b')).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(directory).sort(), ['a.json', 'b']);
});

test('a link stays a link and its target is replaced', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'dotfiles'));
  writeFileSync(join(directory, 'dotfiles/config.json'), 'old');
  symlinkSync('dotfiles/config.json', join(directory, 'config.json'));
  await writeFileAtomic(join(directory, 'config.json'), 'new', { mode });
  assert.equal(readlinkSync(join(directory, 'config.json')), 'dotfiles/config.json');
  assert.equal(readFileSync(join(directory, 'dotfiles/config.json'), 'utf8'), 'new');
  assert.deepEqual(readdirSync(join(directory, 'dotfiles')), ['config.json']);
});

test('a failed write leaves the old file and no temporary one', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'taken/full'), { recursive: true });
  await assert.rejects(writeFileAtomic(join(directory, 'taken'), 'x', { mode }), {
    code: /EISDIR|ENOTEMPTY|EEXIST/,
  });
  await assert.rejects(writeFileAtomic(join(directory, 'none/x'), 'x', { mode }), { code: 'ENOENT' });
  assert.deepEqual(readdirSync(directory), ['taken']);
});

test('of writers at once one gets to create the file, and it is whole', async () => {
  const path = join(scratchDirectory(), 'key');
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, i) => tryCreateFileAtomic(path, String(i).repeat(50_000), { mode })),
  );
  assert.equal(results.filter(Boolean).length, 1);
  assert.equal(readFileSync(path, 'utf8'), String(results.indexOf(true)).repeat(50_000));
  assert.equal(await tryCreateFileAtomic(path, 'x', { mode }), false);
  assert.deepEqual(readdirSync(join(path, '..')), ['key']);
});

test('a writer killed at any instant leaves the old or the new file, whole', async () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  const body = `
    const { writeFileAtomic } = await import(home + 'atomic-file.ts');
    for (let i = 0; ; i++) {
      await writeFileAtomic(argv[0], String(i % 10).repeat(200_000), { mode: 0o600 });
      if (i === 3) print('written');
    }`;
  for (let round = 0; round < 2; round++) {
    const child = startChild(body, [path]);
    assert.equal(await child.line(), '"written"');
    // A reader beside the writer never sees a part either.
    for (let i = 0; i < 20; i++) assertWhole(await readFile(path, 'utf8'));
    await child.kill('SIGKILL');
    assertWhole(readFileSync(path, 'utf8'));
  }
  const leftovers = readdirSync(directory).filter((it) => it !== 'file');
  for (const name of leftovers) assert.ok(temporaryFilePid(name), name);
});

function assertWhole(text: string): void {
  assert.equal(text.length, 200_000);
  assert.equal(text, text.charAt(0).repeat(200_000));
}
