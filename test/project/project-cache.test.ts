import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProjectCache } from '../../src/project/project-cache.ts';
import { type Evidence, identifyProject, type ProjectPlace } from '../../src/project/project-identity.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { commitFile, git, initRepository, scratchDirectory } from './git-fixture.ts';

function countingCache(options: { maxEntries?: number; maxAgeMs?: number } = {}) {
  const clock = new ManualClock();
  const looked: string[] = [];
  const identify = (place: ProjectPlace, evidence: Evidence) => {
    looked.push(place.root);
    return identifyProject(place, evidence);
  };
  return { clock, looked, cache: new ProjectCache({ clock, identify, ...options }) };
}

test('answers again without looking again', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'), 'https://github.com/acme/app');
  const { cache, looked } = countingCache();
  const first = await cache.resolve(root);
  assert.equal(await cache.resolve(root), first);
  assert.equal(await cache.resolve(`${root}/`), first);
  assert.equal(looked.length, 1);
});

test('the directories of one working tree share one look-up', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'), 'https://github.com/acme/app');
  for (const name of ['a', 'b', 'c']) mkdirSync(join(root, name));
  const { cache, looked } = countingCache();
  await Promise.all(['a', 'b', 'c', '.'].map((name) => cache.resolve(join(root, name))));
  assert.deepEqual(looked, [root]);
  assert.equal((await cache.resolve(join(root, 'b'))).root, root);
});

test('calls at once for one directory are joined', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'), 'https://github.com/acme/app');
  const { cache, looked } = countingCache();
  const all = await Promise.all(Array.from({ length: 20 }, () => cache.resolve(root)));
  assert.equal(looked.length, 1);
  assert.equal(new Set(all).size, 1);
});

test('a new origin shows at once, from the top, from below and through a clone', async () => {
  const base = scratchDirectory();
  const root = initRepository(join(base, 'app'), 'https://github.com/acme/one');
  mkdirSync(join(root, 'src'));
  const clone = initRepository(join(base, 'clone'), root);
  const { cache } = countingCache();
  const directories = [root, join(root, 'src'), clone];
  for (const path of directories) assert.equal((await cache.resolve(path)).id, 'github.com/acme/one');
  git(root, 'remote', 'set-url', 'origin', 'https://github.com/acme/two');
  for (const path of directories) assert.equal((await cache.resolve(path)).id, 'github.com/acme/two');
});

test('staging a file changes nothing about the project', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'), 'https://github.com/acme/app');
  const { cache, looked } = countingCache();
  await cache.resolve(root);
  commitFile(root);
  await cache.resolve(root);
  assert.equal(looked.length, 1);
});

test('the first commit shows at once', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'));
  const { cache } = countingCache();
  assert.equal((await cache.resolve(root)).via, 'path');
  const commit = commitFile(root);
  assert.equal((await cache.resolve(root)).id, `commit:${commit}`);
});

test('a repository made in the directory shows at once, one made further up after the age limit', async () => {
  const base = scratchDirectory();
  const inner = join(base, 'outer/inner');
  mkdirSync(inner, { recursive: true });
  const { cache, clock } = countingCache({ maxAgeMs: 5000 });
  assert.equal((await cache.resolve(inner)).root, inner);
  const outer = initRepository(join(base, 'outer'));
  clock.advance(4999);
  assert.equal((await cache.resolve(inner)).root, inner);
  clock.advance(1);
  assert.equal((await cache.resolve(inner)).root, outer);
  initRepository(inner);
  assert.equal((await cache.resolve(inner)).root, inner);
});

test('an entry made from an older one ages with it', async () => {
  const root = initRepository(join(scratchDirectory(), 'app'));
  mkdirSync(join(root, 'src'));
  const { cache, clock, looked } = countingCache({ maxAgeMs: 5000 });
  await cache.resolve(root);
  clock.advance(4000);
  await cache.resolve(join(root, 'src'));
  assert.equal(looked.length, 1);
  clock.advance(1000);
  await cache.resolve(join(root, 'src'));
  assert.equal(looked.length, 2);
});

test('keeps the most recently used and no more than its limit', async () => {
  const base = scratchDirectory();
  const paths = ['a', 'b', 'c'].map((name) => {
    mkdirSync(join(base, name));
    return join(base, name);
  }) as [string, string, string];
  const { cache, looked } = countingCache({ maxEntries: 2 });
  for (const path of [paths[0], paths[1], paths[0], paths[2]]) await cache.resolve(path);
  assert.equal(cache.size, 2);
  await cache.resolve(paths[0]);
  assert.deepEqual(looked, paths);
  await cache.resolve(paths[1]);
  assert.equal(looked.length, 4);
});

test('a failure is told to everyone who waits and is not remembered', async () => {
  const base = scratchDirectory();
  const path = join(base, 'later');
  const { cache } = countingCache();
  const results = await Promise.allSettled([cache.resolve(path), cache.resolve(path)]);
  assert.deepEqual(
    results.map((it) => it.status),
    ['rejected', 'rejected'],
  );
  mkdirSync(path);
  assert.equal((await cache.resolve(path)).root, path);
});
