/** A data directory with a backup of what it held before, and what must be true of it however a restore went. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createBackup, verifyBackup } from '../../src/backup/backup.ts';
import { listBackups } from '../../src/backup/list-backups.ts';
import { readManifest } from '../../src/backup/manifest.ts';
import type { TreeEntry } from '../../src/backup/tree.ts';
import { awkwardHome, contentsOf } from './backup-fixture.ts';

export interface TwoStates {
  readonly home: string;
  /** What the backup `first` holds. */
  readonly wanted: readonly TreeEntry[];
  /** What the directory holds now. */
  readonly old: readonly TreeEntry[];
}

/** Of a restore and of the daemon: not of the state. */
const besides = ['daemon.lock', '.restoring', 'restore.json'];

export function stateOf(home: string): Promise<readonly TreeEntry[]> {
  return contentsOf(home, besides);
}

/** @param home a data directory that exists, made awkward already. */
export async function makeStates(home: string): Promise<TwoStates> {
  const wanted = await stateOf(home);
  await createBackup({ home, reason: 'before-migration', lmdb: 'copy-files', name: 'first' });
  appendFileSync(join(home, 'metrics', 'usage_2026-01-01.jsonl'), '{"tokens":2}\n');
  writeFileSync(join(home, 'config.json'), '{}');
  unlinkSync(join(home, 'empty.txt'));
  chmodSync(join(home, 'sealed'), 0o700);
  renameSync(join(home, 'sealed'), join(home, 'vectors', 'moved'));
  rmSync(join(home, 'empty'), { recursive: true });
  symlinkSync('vectors', join(home, 'empty'));
  mkdirSync(join(home, 'new', 'deep'), { recursive: true });
  writeFileSync(join(home, 'new', 'deep', 'file'), 'new');
  chmodSync(join(home, 'new'), 0o500);
  return { home, wanted, old: await stateOf(home) };
}

export async function twoStates(t: TestContext): Promise<TwoStates> {
  return makeStates(awkwardHome(t));
}

/** The end of every restore, interrupted or not: the wanted state, and one backup of the state before. */
export async function assertRestored({ home, wanted, old }: TwoStates, from = 'first'): Promise<void> {
  assert.deepEqual(await stateOf(home), wanted);
  assertTidy(home);
  const others = (await listBackups(home)).filter(({ name }) => name !== from);
  assert.equal(others.length, 1, 'one backup of what was there');
  const [safety] = others;
  assert.equal(safety?.state, 'complete');
  assert.match(safety.name, /-before-(restore|rollback)$/);
  assert.deepEqual((await readManifest(safety.directory)).tree.entries, old);
  for (const name of [safety.name, from]) {
    const { problems, extra } = await verifyBackup(join(home, 'backups', name));
    assert.deepEqual({ problems, extra }, { problems: [], extra: [] }, name);
  }
}

/** As if nobody had ever tried. */
export async function assertUntouched({ home, old }: TwoStates): Promise<void> {
  assert.deepEqual(await stateOf(home), old);
  assertTidy(home);
  const complete = (await listBackups(home)).filter(({ state }) => state === 'complete');
  assert.deepEqual(
    complete.map(({ name }) => name),
    ['first'],
  );
}

function assertTidy(home: string): void {
  for (const name of ['.restoring', 'restore.json'])
    assert.equal(existsSync(join(home, name)), false, `${name} is left`);
}
