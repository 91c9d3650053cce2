import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeName, encodeName } from '../../src/backup/path-text.ts';
import { listTree, type Tree, treeChecksum } from '../../src/backup/tree.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { makeAwkwardHome, makeFifo, oddNames, rawName, scratch } from './backup-fixture.ts';

const named = (tree: Tree, path: string) => tree.entries.find((entry) => entry.path === path);

test('any name comes back byte for byte, through JSON too', (t) => {
  const seed = testSeed();
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  const samples = Array.from({ length: 2000 }, () =>
    Buffer.from(Array.from({ length: random.int(1, 12) }, () => random.int(0, 255))),
  );
  const hard = ['efbbbf61', 'edb280', 'f09f9880', 'c328', 'eda0bdedb880', 'ff', 'f0908d'].map((hex) =>
    Buffer.from(hex, 'hex'),
  );
  const texts = new Set<string>();
  for (const bytes of [...samples, ...hard]) {
    const text = JSON.parse(JSON.stringify(decodeName(bytes))) as string;
    assert.deepEqual(encodeName(text), bytes);
    texts.add(text);
  }
  assert.equal(texts.size, new Set([...samples, ...hard].map((bytes) => bytes.toString('hex'))).size);
  assert.equal(decodeName(Buffer.from('größe 😀')), 'größe 😀');
});

test('lists every kind of entry, follows no link, opens no fifo', { timeout: 20_000 }, async (t) => {
  const home = scratch(t);
  makeAwkwardHome(home);
  makeFifo(join(home, 'fifo'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(home, 'stale.sock'), resolve));
  const tree = await listTree(home).finally(() => server.close());
  for (const name of oddNames) assert.equal(named(tree, `vectors/${name}`)?.kind, 'file', name);
  assert.equal(named(tree, `vectors/${decodeName(rawName)}`)?.kind, 'file');
  assert.deepEqual(named(tree, 'dangling'), {
    kind: 'link',
    path: 'dangling',
    target: 'nowhere/at all',
    mtimeUs: 1_600_000_000_123_456,
  });
  assert.equal(named(tree, 'to-directory')?.kind, 'link');
  assert.equal(
    tree.entries.some((entry) => entry.path.startsWith('to-directory/')),
    false,
  );
  assert.deepEqual(named(tree, 'fifo'), { kind: 'other', path: 'fifo', what: 'fifo' });
  assert.deepEqual(named(tree, 'stale.sock'), { kind: 'other', path: 'stale.sock', what: 'socket' });
  assert.deepEqual(named(tree, 'empty/inner')?.kind, 'directory');
  const inside = named(tree, 'sealed/inside');
  const told = createHash('sha256')
    .update(readFileSync(join(home, 'sealed', 'inside')))
    .digest('hex');
  assert.deepEqual(inside, {
    kind: 'file',
    path: 'sealed/inside',
    mode: 0o444,
    mtimeUs: 1_650_000_000_654_321,
    size: 2 ** 21 + 17,
    sha256: told,
  });
  assert.deepEqual(
    tree.entries.map((entry) => entry.path),
    tree.entries.map((entry) => entry.path).toSorted(),
  );
});

test('the checksum changes with a content, a mode, a name, a link and an empty directory, and with nothing else', async (t) => {
  const home = scratch(t);
  makeAwkwardHome(home);
  const sum = async () => treeChecksum(await listTree(home));
  const before = await sum();
  const steps: readonly (readonly [() => void, () => void])[] = [
    [() => writeFileSync(join(home, 'empty.txt'), 'x'), () => writeFileSync(join(home, 'empty.txt'), '')],
    [() => chmodSync(join(home, 'config.json'), 0o600), () => chmodSync(join(home, 'config.json'), 0o640)],
    [() => mkdirSync(join(home, 'more')), () => rmSync(join(home, 'more'), { recursive: true })],
    [
      () => {
        unlinkSync(join(home, 'dangling'));
        symlinkSync('nowhere/at al', join(home, 'dangling'));
      },
      () => {
        unlinkSync(join(home, 'dangling'));
        symlinkSync('nowhere/at all', join(home, 'dangling'));
      },
    ],
  ];
  for (const [change, undo] of steps) {
    change();
    assert.notEqual(await sum(), before);
    undo();
    assert.equal(await sum(), before);
  }
});

test('tells how many bytes are read, and skips what it is told to', async (t) => {
  const home = scratch(t);
  makeAwkwardHome(home);
  const seen: number[] = [];
  const tree = await listTree(home, {
    skip: (path) => path === 'vectors',
    onProgress: ({ done, total }) => {
      assert(done <= total);
      seen.push(done);
    },
  });
  assert.equal(seen.at(-1), tree.bytes);
  assert.equal(
    tree.entries.some((entry) => entry.path.startsWith('vectors')),
    false,
  );
});
