/** Our lines in the pre-commit and post-commit hooks of a repository, for all its worktrees. What else is in them stays. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { CollabError } from '../base/errors.ts';

const execute = promisify(execFile);
const [begin, end] = ['# >>> agent-collab', '# <<< agent-collab'];
const shell = /^#!\s*(?:\/usr)?\/bin\/(?:env\s+)?(?:ba|da|z|k)?sh\b/;

export interface GitHookFile {
  readonly path: string;
  readonly before: string;
  /** Empty: nothing but our lines was in it. */
  readonly after: string;
}

/**
 * @param command a line for the shell, of fixed words, that ends in `hook`; undefined takes our lines out.
 * @throws CLIENT_CONFIG_INVALID when `cwd` is in no repository, or a hook is no shell script.
 */
export async function planGitHooks(
  cwd: string,
  command: string | undefined,
): Promise<readonly GitHookFile[]> {
  const directory = await hooksDirectory(cwd);
  return Promise.all(
    (['pre-commit', 'post-commit'] as const).map(async (name) => {
      const path = join(directory, name);
      const before = await readFile(path, 'utf8').catch(() => '');
      const rest = withoutOurs(before);
      if (command === undefined) return { path, before, after: /^(#!.*)?\s*$/.test(rest) ? '' : rest };
      if (rest !== '' && !shell.test(rest)) {
        throw new CollabError('CLIENT_CONFIG_INVALID', `${path} is no shell script`, {
          next: `Have it run "${command} ${name}" itself.`,
          details: { file: path },
        });
      }
      // First, so that a hook that ends early does not go past it. After the commit nothing can be refused any more.
      const line = `${command} ${name} ${name === 'pre-commit' ? '|| exit $?' : '|| true'}`;
      const [shebang, ...lines] = (rest === '' ? '#!/bin/sh\n' : rest).split('\n');
      return { path, before, after: [shebang, begin, line, end, ...lines].join('\n') };
    }),
  );
}

function withoutOurs(text: string): string {
  const lines = text.split('\n');
  const from = lines.indexOf(begin);
  const to = lines.indexOf(end, from);
  return from === -1 || to === -1 ? text : [...lines.slice(0, from), ...lines.slice(to + 1)].join('\n');
}

/** As git itself finds it: `core.hooksPath` counts, and all worktrees share one. */
async function hooksDirectory(cwd: string): Promise<string> {
  try {
    const { stdout } = await execute('git', ['-C', cwd, 'rev-parse', '--git-path', 'hooks'], {
      encoding: 'utf8',
    });
    const path = stdout.replace(/\n$/, '');
    return isAbsolute(path) ? path : join(cwd, path);
  } catch (cause) {
    throw new CollabError('CLIENT_CONFIG_INVALID', `${cwd} is in no git repository`, {
      next: 'Run it in the repository whose commits are to be checked.',
      cause,
    });
  }
}
