import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import type { NodeId } from '../../src/base/ids.ts';
import { type DaemonRecord, readDaemonRecord } from '../../src/home/daemon-record.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { OwnerLock } from '../../src/home/owner-lock.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { scratchDirectory, startChild } from './home-fixture.ts';

const record = (pid = process.pid): DaemonRecord => ({
  pid,
  version: '0.5.0',
  startedAt: '2026-01-01T00:00:00.000Z',
  port: 4321,
  token: `token-${pid}`,
  socket: null,
  node: '12D3KooWTest' as NodeId,
});

/** Tries once when told by its first input, prints whom it found, and holds on until its input ends or it is killed. */
const contender = `
  const { OwnerLock } = await import(home + 'owner-lock.ts');
  const { homePaths } = await import(home + 'home-paths.ts');
  print('ready');
  if (argv[1] === 'wait') await new Promise((resolve) => process.stdin.once('data', resolve));
  const lock = await OwnerLock.tryAcquire(homePaths(argv[0]));
  const won = lock instanceof OwnerLock;
  if (won && argv[2] === 'publish') {
    await lock.publish({ ...${JSON.stringify(record(1))}, pid: process.pid, token: 'child' });
  }
  print(won ? { won } : { won, pid: lock.pid, owner: lock.owner?.pid });
  await inputEnd;
  if (won) await lock.close();
  process.exit(0);`;

async function acquired(root: string): Promise<OwnerLock> {
  const lock = await OwnerLock.tryAcquire(homePaths(root));
  assert.ok(lock instanceof OwnerLock, 'acquired');
  return lock;
}

test('one owner at a time, in one process too, and again after close', async () => {
  const root = scratchDirectory();
  const paths = homePaths(root);
  const lock = await acquired(root);
  assert.deepEqual(await OwnerLock.tryAcquire(paths), { owner: undefined, pid: process.pid });
  await lock.publish(record());
  assert.deepEqual(await OwnerLock.tryAcquire(paths), { owner: record(), pid: process.pid });
  assert.equal(statSync(paths.daemonRecord).mode & 0o777, 0o600);
  assert.equal(statSync(paths.daemonLock).mode & 0o777, 0o600);
  await Promise.all([lock.close(), lock.close()]);
  await lock.close();
  assert.equal(existsSync(paths.daemonRecord), false);
  assert.equal(readFileSync(paths.daemonLock, 'utf8'), '');
  await (await acquired(root)).close();
});

test('of processes that start at once exactly one serves and the others are told its pid', async () => {
  const root = scratchDirectory();
  const children = Array.from({ length: 3 }, () => startChild(contender, [root, 'wait']));
  for (const child of children) assert.equal(await child.line(), '"ready"');
  for (const child of children) child.process.stdin?.write('go\n');
  const answers = await Promise.all(children.map(async (it) => JSON.parse((await it.line()) ?? 'null')));
  const winners = children.filter((_, i) => answers[i].won);
  assert.equal(winners.length, 1, JSON.stringify(answers));
  for (const answer of answers.filter((it) => !it.won)) assert.equal(answer.pid, winners[0]?.process.pid);
  await Promise.all(children.map((it) => it.end()));
  await (await acquired(root)).close();
});

test('a killed owner’s claim is taken over, with what it left', async () => {
  const root = scratchDirectory();
  const paths = homePaths(root);
  const owner = startChild(contender, [root, 'now', 'publish']);
  assert.equal(await owner.line(), '"ready"');
  assert.equal(await owner.line(), '{"won":true}');
  const refused = await OwnerLock.tryAcquire(paths);
  assert.ok(!(refused instanceof OwnerLock));
  assert.equal(refused.pid, owner.process.pid);
  assert.equal(refused.owner?.token, 'child');
  writeFileSync(paths.daemonSocket, '');
  await owner.kill('SIGKILL');
  assert.ok(existsSync(paths.daemonRecord), 'a killed owner leaves its record');
  const lock = await acquired(root);
  assert.equal(existsSync(paths.daemonRecord), false);
  assert.equal(existsSync(paths.daemonSocket), false);
  assert.equal(readFileSync(paths.daemonLock, 'utf8'), `${process.pid}\n`);
  await lock.close();
});

test('an owner that stands still is an owner', async () => {
  const root = scratchDirectory();
  const owner = startChild(contender, [root, 'now']);
  await owner.line();
  await owner.line();
  owner.process.kill('SIGSTOP');
  const refused = await OwnerLock.tryAcquire(homePaths(root));
  assert.ok(!(refused instanceof OwnerLock));
  assert.equal(refused.pid, owner.process.pid);
  await owner.kill('SIGKILL');
});

test('the pid in the lock file, left over or made up, keeps nobody out', async () => {
  for (const text of [`${process.pid}\n`, '1\n', 'garbage', '0\n', '99999999999999\n', '\0\0\0']) {
    const root = scratchDirectory();
    writeFileSync(homePaths(root).daemonLock, text);
    await (await acquired(root)).close();
  }
});

test('a record of an earlier owner is not taken for the present one', async () => {
  const root = scratchDirectory();
  const paths = homePaths(root);
  const lock = await acquired(root);
  writeFileSync(paths.daemonRecord, JSON.stringify(record(1)));
  assert.deepEqual(await OwnerLock.tryAcquire(paths), { owner: undefined, pid: process.pid });
  await lock.close();
  assert.ok(existsSync(paths.daemonRecord), 'close removes its own record only');
});

test('an owner notices that its lock file was removed, and then leaves the next owner alone', async () => {
  const root = scratchDirectory();
  const paths = homePaths(root);
  const first = await acquired(root);
  await first.publish(record());
  assert.equal(await first.isHeld(), true);
  renameSync(paths.daemonLock, join(root, 'away'));
  assert.equal(await first.isHeld(), false);
  const second = await acquired(root);
  await second.publish(record());
  await first.close();
  assert.deepEqual((await readDaemonRecord(paths)).record, record());
  assert.equal(await second.isHeld(), true);
  await second.close();
  assert.equal(await second.isHeld(), false);
});

test('a lock file that cannot be opened makes the directory unusable', async () => {
  const root = scratchDirectory();
  mkdirSync(homePaths(root).daemonLock);
  await assert.rejects(OwnerLock.tryAcquire(homePaths(root)), (error) => {
    assert.ok(error instanceof CollabError);
    assert.equal(error.code, 'HOME_UNUSABLE');
    return true;
  });
});

test('a daemon.json that is missing, torn or garbage is no record, with the reason and without its token', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const paths = homePaths(scratchDirectory());
  assert.match((await readDaemonRecord(paths)).reason ?? '', /no daemon\.json/);
  const whole = JSON.stringify(record());
  const texts = ['', 'null', '[]', '{}', '"x"', '\0', '{"pid":1}', JSON.stringify({ ...record(), pid: -1 })];
  texts.push(JSON.stringify({ ...record(), port: 70_000 }), JSON.stringify({ ...record(), token: 5 }));
  texts.push(JSON.stringify({ ...record(), startedAt: 'yesterday' }), ' '.repeat(100_000) + whole);
  for (let i = 1; i < whole.length; i += 7) texts.push(whole.slice(0, i));
  for (let i = 0; i < 100; i++)
    texts.push(String.fromCharCode(...Array.from({ length: 20 }, () => random.int(1, 255))));
  for (const text of texts) {
    writeFileSync(paths.daemonRecord, text);
    const reading = await readDaemonRecord(paths);
    assert.equal(reading.record, undefined, `TEST_SEED=${seed} ${text}`);
    assert.ok(reading.reason);
    assert.doesNotMatch(reading.reason, /token-/);
  }
  writeFileSync(paths.daemonRecord, JSON.stringify({ ...record(), addedLater: true }));
  assert.deepEqual((await readDaemonRecord(paths)).record, record());
  const blocked = homePaths(scratchDirectory());
  mkdirSync(blocked.daemonRecord);
  assert.match((await readDaemonRecord(blocked)).reason ?? '', /EISDIR/);
});

test('tells who is kept out what an owner does that is no daemon', async () => {
  const root = scratchDirectory();
  const paths = homePaths(root);
  const owner = await OwnerLock.tryAcquire(paths, 'keep', 'backup');
  assert.ok(owner instanceof OwnerLock);
  assert.deepEqual(await OwnerLock.tryAcquire(paths), {
    owner: undefined,
    pid: process.pid,
    purpose: 'backup',
  });
  await owner.close();
});
