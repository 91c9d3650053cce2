import { execFile } from 'node:child_process';
import { devNull } from 'node:os';
import { parse } from 'node:path';
import { childEnvironment } from '../base/environment.ts';

/**
 * What became of a run of git. `refused`: git ran and said no (no such key, unborn HEAD, damaged repository): the
 * same answer again next time. `missing`: no git on this machine. `stuck`: it was cut off at the time limit or
 * could not be started for want of memory or processes: the answer may differ next time.
 */
export type GitAnswer =
  | { readonly kind: 'output'; readonly text: string }
  | { readonly kind: 'refused' | 'missing' }
  | { readonly kind: 'stuck'; readonly cause: unknown };

/** Of git's own variables only this one stays: an unusual installation does not find its parts without it. */
const keptVariable = 'GIT_EXEC_PATH';
/** Bytes of output. The longest answer wanted is a list of root commits, 65 bytes each. */
const maxOutputBytes = 1024 * 1024;

/**
 * Runs git on the git directory `gitDirectory` without letting that repository run anything.
 *
 * The directory is named outright (`--git-dir`), so git neither searches nor applies `safe.directory`: a
 * repository of another owner can be read. That is sound only for commands that run no program named in the
 * repository's configuration; the callers use `config` and `rev-list` alone, and fetching is denied below.
 */
export function runGit(
  gitDirectory: string,
  args: readonly string[],
  timeoutMs: number,
  executable = 'git',
): Promise<GitAnswer> {
  const argv = [`--git-dir=${gitDirectory}`, '--no-pager', '-c', 'core.fsmonitor=false', ...args];
  return new Promise((resolve) => {
    const options = {
      cwd: parse(gitDirectory).root,
      env: gitEnvironment(),
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: maxOutputBytes,
      windowsHide: true,
    } as const;
    // execFile, never a shell: a path is an argument and cannot become a command.
    execFile(executable, argv, options, (error, stdout) => {
      if (!error) return resolve({ kind: 'output', text: stdout });
      if (typeof error.code === 'number' && !error.killed) return resolve({ kind: 'refused' });
      if (error.code === 'ENOENT' || error.code === 'EACCES') return resolve({ kind: 'missing' });
      resolve({ kind: 'stuck', cause: error });
    });
  });
}

/** The environment without `GIT_DIR`, `GIT_WORK_TREE`, `GIT_CONFIG_*` and their like: a hook's environment has them. */
function gitEnvironment(): NodeJS.ProcessEnv {
  const environment = childEnvironment({});
  for (const name of Object.keys(environment)) {
    if (name.startsWith('GIT_') && name !== keptVariable) delete environment[name];
  }
  return {
    ...environment,
    GIT_OPTIONAL_LOCKS: '0', // never take index.lock under a running agent
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1', // a partial clone must not reach for the network …
    GIT_ALLOW_PROTOCOL: 'none', // … and where git is too old to know the line above, no transport is allowed
    GIT_NO_REPLACE_OBJECTS: '1', // replace refs and grafts would give this clone a root commit of its own
    GIT_GRAFT_FILE: devNull,
    LC_ALL: 'C',
  };
}
