/**
 * Two agents on this project's own repository: Ada holds a range and Ben is told so, Ben waits and gets it with a higher fence,
 * what Ada learned reaches Ben, and a kill of the daemon loses nothing. Every line it prints is a real command's output.
 *
 * Run: `npm run build && node --import tsx examples/two-agents.ts`
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../src/base/environment.ts';
import { writeOut } from '../src/base/log.ts';
import type { Envelope, LockView, StatusView } from '../src/control/results.ts';

const project = fileURLToPath(new URL('..', import.meta.url));
const cli = join(project, 'dist', 'src', 'cli', 'main.js');
const scratch = mkdtempSync(join(tmpdir(), 'two-agents-'));
const clone = join(scratch, 'clone');
const environment = childEnvironment({ AGENT_COLLAB_HOME: join(scratch, 'home'), NO_COLOR: '1' });
const file = 'src/base/duration.ts';

type Agent = 'ada' | 'ben';

try {
  execFileSync('git', ['clone', '--quiet', project, clone]);
  await contend();
  await survive();
  writeOut('\nBoth agents are done: nothing was overwritten, nothing was lost.\n');
} finally {
  spawnSync(process.execPath, [cli, 'daemon', 'stop'], { env: environment, cwd: clone });
  rmSync(scratch, { recursive: true, force: true });
}

/** One range, two agents. */
async function contend(): Promise<void> {
  say('Ada takes the first 30 lines of a file. No daemon runs yet; the command starts one.');
  show('ada', ['lock', 'acquire', `${file}:1-30`, '-m', 'Accept weeks in durations'], 0);
  const ada = heldBy('ada');

  say('Ben wants lines that overlap, and is told who has them, for what, and for how long.');
  const denial = show('ben', ['lock', 'acquire', `${file}:20-60`, '-m', 'Print durations in days'], 3);
  assert.match(denial, /Accept weeks in durations/);

  say('So Ben waits. Ada edits, shares what she learned, and releases.');
  const waiting = start('ben', [
    'lock',
    'acquire',
    `${file}:20-60`,
    '-m',
    'Print durations in days',
    '--wait',
    '30s',
  ]);
  await untilWaiting();
  edit('1w is seven days');
  show('ada', ['context', 'share', file, '-m', 'parseDurationMs takes w for weeks: 604 800 000 ms'], 0);
  show('ada', ['lock', 'release', ada.id, '--fence', String(ada.fence)], 0);

  say('Ben has the lock now, with a higher fence, and reads what Ada left for him.');
  assert.equal(await waiting.finished, 0);
  const ben = heldBy('ben');
  assert(ben.fence > ada.fence, 'fences rise');
  show('ben', ['lock', 'check', ben.id, '--fence', String(ben.fence)], 0);
  assert.match(show('ben', ['context', 'list', '--path', file], 0), /604 800 000/);
}

/** The daemon is killed in the middle, as a crash would do it. */
async function survive(): Promise<void> {
  const before = heldBy('ben');
  say('The daemon is killed with SIGKILL, and the next command starts another.');
  const { pid } = json<StatusView>('ben', ['status']);
  process.kill(pid, 'SIGKILL');
  await gone(pid);

  say('Ben is told that his lock is gone before he writes; the shared context and the record are all there.');
  const check = show('ben', ['lock', 'check', before.id, '--fence', String(before.fence)], 3);
  assert.match(check, /restart/);
  assert.match(show('ben', ['log'], 0), /context/);
  assert.match(show('ben', ['audit', '--limit', '6'], 0), /lost/);

  say('He takes it again; the fence goes on from where it was.');
  show('ben', ['lock', 'acquire', `${file}:20-60`, '-m', 'Print durations in days'], 0);
  const after = heldBy('ben');
  assert(after.fence > before.fence, 'fences rise across a crash');
  edit('formatDuration prints days');
  show('ben', ['lock', 'release', after.id], 0);
  show('ben', ['verify'], 0);
}

function say(text: string): void {
  writeOut(`\n# ${text}\n`);
}

/** Runs a command as an agent would, prints it with what it printed, and returns that. */
function show(agent: Agent, words: readonly string[], expectedExit: number): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...words], options(agent));
  const output = stdout + stderr;
  writeOut(
    `${agent}$ agent-collab ${words.map(quoted).join(' ')}\n${output.replace(/^/gm, '  ').trimEnd()}\n`,
  );
  assert.equal(status, expectedExit, output);
  return output;
}

function start(agent: Agent, words: readonly string[]): { readonly finished: Promise<number> } {
  const child: ChildProcess = spawn(process.execPath, [cli, ...words], {
    ...options(agent),
    stdio: 'ignore',
  });
  return { finished: once(child, 'exit').then(([code]) => Number(code)) };
}

function json<T>(agent: Agent, words: readonly string[]): T {
  const { stdout } = spawnSync(process.execPath, [cli, ...words, '--json'], options(agent));
  const envelope = JSON.parse(stdout) as Envelope<T>;
  assert(envelope.ok, stdout);
  return envelope.data;
}

function heldBy(agent: Agent): LockView {
  const [lock] = json<{ readonly locks: readonly LockView[] }>(agent, [
    'lock',
    'list',
    '--agent',
    agent,
  ]).locks;
  assert(lock !== undefined, `${agent} holds a lock`);
  return lock;
}

/** The claim shows in the daemon's list of waiters. */
async function untilWaiting(): Promise<void> {
  while (json<{ readonly waiters: readonly unknown[] }>('ada', ['lock', 'list']).waiters.length === 0);
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function edit(comment: string): void {
  const path = join(clone, file);
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.splice(20, 0, `// ${comment}`);
  writeFileSync(path, lines.join('\n'));
}

function options(agent: Agent) {
  return { env: { ...environment, AGENT_COLLAB_AGENT: agent }, cwd: clone, encoding: 'utf8' } as const;
}

function quoted(word: string): string {
  return /^[\w./:#-]+$/.test(word) ? word : `"${word}"`;
}
