/** Data directories that vanish with the test, migrations on them in this process or in one that is killed, and what they made. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { removeTree } from '../../src/backup/copy-tree.ts';
import { listTree, type TreeEntry } from '../../src/backup/tree.ts';
import { CollabError, type ErrorCode } from '../../src/base/errors.ts';
import type { Position } from '../../src/base/ids.ts';
import type { Delta, DeltaPayload } from '../../src/delta/delta.ts';
import { decodeDeltaBody } from '../../src/delta/delta-body.ts';
import { decodeDeltaFrame } from '../../src/delta/delta-frame.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import type { Completed } from '../../src/migrate/place-import.ts';
import { type StartOptions, type StartOutcome, startMigration } from '../../src/migrate/start-migration.ts';
import { openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { LogView } from '../../src/store/log-view.ts';
import { verifyOpen } from '../../src/store/verify.ts';
import { program } from '../support/built-program.ts';

export const startedMs = Date.UTC(2026, 10, 26, 12);

export function scratch(t: TestContext): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'agent-collab-migrate-')));
  t.after(() => removeTree(directory));
  return directory;
}

/** An empty data directory, as the older program made it. */
export function emptyHome(t: TestContext, name = 'home'): string {
  const home = join(scratch(t), name);
  mkdirSync(home, { mode: 0o755 });
  return home;
}

/** The parts that the command line runs in a process of their own, here in this one. */
export const tools: StartOptions['tools'] = {
  tryLmdb: async () => {},
  async verifyLog(directory) {
    const environment = openDeltaEnvironment(directory, { writer: true });
    try {
      return await verifyOpen({ log: new LogView(environment) });
    } finally {
      await environment.close();
    }
  },
};

/** At a fixed time: the same directory gives the same log, byte for byte. */
export function migrate(home: string, options: Partial<StartOptions> = {}): Promise<StartOutcome> {
  const clock = { wallMs: () => startedMs, monotonicMs: () => 0 };
  return startMigration({ home, cwd: home, tools, clock, ...options });
}

export async function migrated(home: string, options: Partial<StartOptions> = {}): Promise<Completed> {
  const outcome = await migrate(home, options);
  assert.equal(outcome.outcome, 'migrated');
  return (outcome as { readonly migration: Completed }).migration;
}

/** Every delta of the log, oldest first, once the log is known to be sound. */
export async function logOf(home: string): Promise<readonly Delta[]> {
  const directory = homePaths(home).deltaStore;
  const check = await tools.verifyLog(directory, () => {});
  assert.deepEqual(check.problems, []);
  const environment = openDeltaEnvironment(directory, { writer: true });
  try {
    const view = new LogView(environment);
    const { head, floor } = view.state();
    return Array.from({ length: head - floor + 1 }, (_, at) => {
      const position = (floor + at) as Position;
      const frame = view.frame(position);
      assert(frame !== undefined);
      return decodeDeltaBody(decodeDeltaFrame(position, frame).body);
    });
  } finally {
    await environment.close();
  }
}

export async function contextsOf(home: string): Promise<readonly DeltaPayload[]> {
  return (await logOf(home)).filter(({ type }) => type === 'context').map(({ payload }) => payload);
}

/** What the older program said of an imported context. */
export function legacyOf(
  payload: { readonly metadata?: unknown } | undefined,
): Readonly<Record<string, unknown>> {
  const { legacy } = (payload?.metadata ?? {}) as { readonly legacy?: Readonly<Record<string, unknown>> };
  assert(legacy !== undefined);
  return legacy;
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** All that a rollback answers for: everything but backups/, with contents, modes, times and links. */
export async function contentsOf(
  home: string,
  besides: readonly string[] = [],
): Promise<readonly TreeEntry[]> {
  const left = new Set(['backups', ...besides]);
  return (await listTree(home, { skip: (path) => left.has(path) })).entries;
}

/** For `assert.rejects`. */
export function code(expected: ErrorCode, text?: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof CollabError) || error.code !== expected) throw error;
    if (text !== undefined) assert.match(error.message, text);
    return true;
  };
}

export interface TaskEnding {
  readonly signal: NodeJS.Signals | null;
  readonly answer: unknown;
}

export interface Task {
  readonly what: 'start' | 'rollback';
  readonly home: string;
  readonly startedMs?: number;
}

/** Runs migrate-task.mjs in a process that is killed at `failpoints`, or `killAfterMs` after its work began. */
export function runTask(task: Task, { failpoints = '', killAfterMs = -1 } = {}): Promise<TaskEnding> {
  const { nodeArguments, root, extension } = program();
  const child = fork(
    fileURLToPath(new URL('./migrate-task.mjs', import.meta.url)),
    [root, extension, JSON.stringify({ startedMs, ...task })],
    {
      execArgv: [...nodeArguments],
      env: { PATH: process.env.PATH ?? '', AGENT_COLLAB_FAILPOINTS: failpoints },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  let answer: unknown;
  let timer: NodeJS.Timeout | undefined;
  child.on('message', (message) => {
    if (message !== 'begins') answer = message;
    else if (killAfterMs >= 0) timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  return new Promise((resolve) =>
    child.once('close', (_code, signal) => {
      clearTimeout(timer);
      resolve({ signal, answer });
    }),
  );
}
