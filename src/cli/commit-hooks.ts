/** Git's pre-commit and post-commit hooks: git tells what is committed, the daemon whether somebody holds it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CollabError } from '../base/errors.ts';
import { writeErr } from '../base/log.ts';
import type { CommitConflict } from '../control/results.ts';
import { agentIdentity } from './agent-identity.ts';
import type { CommandContext } from './command-context.ts';
import { printable } from './screen.ts';

const execute = promisify(execFile);
/** Names of all files of a large commit. */
const maxOutputBytes = 64 * 1024 * 1024;

/** @throws LOCK_DENIED when another agent holds what is staged: git then makes no commit. */
export async function preCommit(agent: string | undefined, context: CommandContext): Promise<undefined> {
  const { cwd, paths } = await namesFrom(context.cwd, [
    'diff',
    '--cached',
    '--name-only',
    '--no-renames',
    '-z',
  ]);
  if (paths.length === 0) return undefined;
  const input = { agent: agentIdentity(agent).id, cwd, paths };
  const answer = await servedOrWarn(context.daemon.callIfServed('commit.check', input));
  const conflicts = answer?.data.conflicts ?? [];
  if (conflicts.length === 0) return undefined;
  throw new CollabError('LOCK_DENIED', `this commit has what others hold:\n${describe(conflicts)}`, {
    next: 'Take those files out of the commit (git restore --staged <file>), or wait until they are released.',
    details: {
      conflicts: conflicts.map(({ path, lock }) => ({ path, holder: lock.holder, lockId: lock.id })),
    },
  });
}

/** Runs after `--no-verify` too: a commit that went past the check is recorded, and its maker hears of it. */
export async function postCommit(agent: string | undefined, context: CommandContext): Promise<undefined> {
  const { cwd, paths } = await namesFrom(context.cwd, [
    'diff-tree',
    '--root',
    '--no-commit-id',
    '--name-only',
    '--no-renames',
    '-r',
    '-z',
    'HEAD',
  ]);
  const { stdout } = await git(cwd, ['rev-parse', 'HEAD']);
  const input = { agent: agentIdentity(agent).id, cwd, commit: stdout.trim(), paths };
  const answer = await servedOrWarn(context.daemon.callIfServed('commit.report', input));
  const violations = answer?.data.violations ?? [];
  if (violations.length > 0) writeErr(`agent-collab: recorded as a violation:\n${describe(violations)}\n`);
  return undefined;
}

/** Git must work also where the daemon does not. */
async function servedOrWarn<T>(call: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CollabError)) throw error;
    writeErr(`agent-collab: the commit was not checked: ${error.message}\n`);
    return undefined;
  }
}

async function namesFrom(directory: string, args: readonly string[]) {
  const { stdout: top } = await git(directory, ['rev-parse', '--show-toplevel']);
  const cwd = top.replace(/\n$/, '');
  const { stdout } = await git(cwd, args);
  return { cwd, paths: stdout.split('\0').filter((path) => path !== '') };
}

function git(cwd: string, args: readonly string[]) {
  return execute('git', ['-C', cwd, ...args], { maxBuffer: maxOutputBytes, encoding: 'utf8' });
}

function describe(conflicts: readonly CommitConflict[]): string {
  return conflicts
    .slice(0, 20)
    .map(
      ({ path, lock }) =>
        `  ${printable(path)}: ${printable(lock.holderName ?? lock.holder)} holds ${printable(lock.targets.map(({ text }) => text).join(', '))} for "${printable(lock.intention)}"`,
    )
    .join('\n');
}
