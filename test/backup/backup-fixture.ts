/** A data directory with everything in it that makes copying hard, and directories that vanish with the test. */
import { execFileSync, fork, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { neverCopied } from '../../src/backup/backup-content.ts';
import { removeTree } from '../../src/backup/copy-tree.ts';
import { listTree, type Tree } from '../../src/backup/tree.ts';
import { CollabError, type ErrorCode } from '../../src/base/errors.ts';

export function scratch(t: TestContext): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-backup-')));
  t.after(() => {
    unmountAll();
    return removeTree(directory);
  });
  return directory;
}

/** What is mounted now, the newest last. Tests run one after the other, so at the end of one all of it is its own. */
const mounted: string[] = [];

/** Hooks run in the order in which they are added: a directory would be removed with what is mounted in it. */
function unmountAll(): void {
  for (const directory of mounted.splice(0).reverse()) execFileSync('umount', ['--lazy', directory]);
}

/** An awkward data directory, in a scratch directory of its own unless another is named. */
export function awkwardHome(t: TestContext, within = scratch(t)): string {
  const home = join(within, 'home');
  mkdirSync(home, { mode: 0o700 });
  makeAwkwardHome(home);
  return home;
}

/** `nicht-UTF-8` in Latin-1, both normalisations of ä, a newline, spaces, a name like a half of an atomic write. */
export const oddNames = [
  'ä.json',
  'a\u0308.json',
  'two words.json',
  'line\nfeed.json',
  '-rf',
  '...',
] as const;
export const rawName = Buffer.from([0x66, 0xfc, 0x72]);

/** As the older program leaves one, with things of other programs in it. */
export function makeAwkwardHome(home: string, random: () => number = () => 0.5): void {
  const bytes = (length: number) => {
    const block = Buffer.from(Array.from({ length: 251 }, () => Math.floor(random() * 256)));
    return Buffer.alloc(length, block);
  };
  mkdirSync(join(home, 'vectors'), { recursive: true });
  mkdirSync(join(home, 'metrics'));
  mkdirSync(join(home, 'empty', 'inner'), { recursive: true });
  mkdirSync(join(home, 'sealed'));
  mkdirSync(join(home, 'logs'));
  mkdirSync(join(home, 'backup_20260101_000000', 'vectors'), { recursive: true });
  for (const name of oddNames) writeFileSync(join(home, 'vectors', name), bytes(300));
  writeFileSync(rawPath(home), bytes(10));
  writeFileSync(join(home, 'backup_20260101_000000', 'vectors', 'default.json'), bytes(100));
  writeFileSync(join(home, 'config.json'), '{"data_dir":"/elsewhere"}', { mode: 0o644 });
  writeFileSync(join(home, 'metrics', 'usage_2026-01-01.jsonl'), `${'{"tokens":1}\n'.repeat(40)}{"tok`);
  writeFileSync(join(home, 'empty.txt'), '');
  writeFileSync(join(home, 'daemon.pid'), '4711');
  writeFileSync(join(home, 'logs', 'daemon.log'), 'started\n');
  writeFileSync(join(home, 'sealed', 'inside'), bytes(2 ** 21 + 17));
  symlinkSync('nowhere/at all', join(home, 'dangling'));
  symlinkSync('vectors', join(home, 'to-directory'));
  symlinkSync('/etc/hostname', join(home, 'vectors', 'outside'));
  // Half a microsecond more: Node cuts what a double cannot hold.
  lutimesSync(join(home, 'dangling'), 1_700_000_000, 1_600_000_000_123_456.5 / 1e6);
  chmodSync(join(home, 'config.json'), 0o640);
  chmodSync(join(home, 'sealed', 'inside'), 0o444);
  utimesSync(join(home, 'sealed', 'inside'), 1_700_000_000, 1_650_000_000_654_321.5 / 1e6);
  utimesSync(join(home, 'empty'), 1_700_000_000, 1_500_000_000);
  chmodSync(join(home, 'sealed'), 0o555);
}

function rawPath(home: string): Buffer {
  return Buffer.concat([Buffer.from(`${join(home, 'vectors')}/`), rawName]);
}

export function makeFifo(path: string): void {
  execFileSync('mkfifo', [path]);
}

export const isRoot = process.getuid?.() === 0;
/** A user without rights that every system has. */
export const nobody = 65_534;

/** For `skip`: why nothing can be mounted here, or false. */
export const cannotMount = mountingFails() && 'only root of this machine may mount';

/** A small memory file system that goes with the test. @param at a directory that is there; one is made if it is left out */
export function mountTmpfs(t: TestContext, options: string, at?: string): string {
  const directory = at ?? realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-mount-')));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'tmpfs', directory]);
  mounted.push(directory);
  t.after(() => {
    unmountAll();
    if (at === undefined) rmdirSync(directory);
  });
  return directory;
}

function mountingFails(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-mount-'));
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]).status !== 0) return true;
    execFileSync('umount', ['--lazy', directory]);
    return false;
  } finally {
    rmdirSync(directory);
  }
}

/** All that a rollback answers for: everything but backups/, modes and times included. */
export async function contentsOf(home: string, besides: readonly string[] = []): Promise<Tree['entries']> {
  const left = new Set(['backups', ...besides]);
  return (await listTree(home, { skip: (path) => left.has(path) })).entries;
}

/** What a backup may hold of a data directory. */
export async function copyableOf(home: string): Promise<Tree['entries']> {
  return (await listTree(home, { skip: (path) => neverCopied.has(path) })).entries;
}

/** For `assert.rejects`. */
export function code(expected: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof CollabError && error.code === expected) return true;
    throw error;
  };
}

/** Runs one task of backup-task.ts in a process with `failpoints` armed, as another user if need be. @returns how it ended. */
export function runTask(
  task: Readonly<Record<string, unknown>>,
  failpoints = '',
  uid?: number,
): Promise<{ readonly signal: NodeJS.Signals | null; readonly answer: unknown }> {
  const child = fork(fileURLToPath(new URL('./backup-task.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { PATH: process.env.PATH ?? '', AGENT_COLLAB_FAILPOINTS: failpoints },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let answer: unknown;
  child.on('message', (message) => {
    answer = message;
  });
  return new Promise((resolve) => child.once('close', (_code, signal) => resolve({ signal, answer })));
}

/** Gives a directory and everything in it to another user. */
export function giveTo(uid: number, directory: string | Buffer): void {
  lchownSync(directory, uid, uid);
  for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([Buffer.from(directory), Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) giveTo(uid, path);
    else lchownSync(path, uid, uid);
  }
}
