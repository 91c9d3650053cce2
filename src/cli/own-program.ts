import { realpathSync } from 'node:fs';
import { findOnPath, ownArguments } from '../base/environment.ts';
import { CollabError } from '../base/errors.ts';

export interface OwnProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** The same for a shell: words that a shell takes as they are. */
  readonly shell: string;
}

/** How others start this program: by its name where that leads here, else by the path of what runs now. */
export function ownProgram(): OwnProgram {
  const [, script = ''] = process.argv;
  const found = findOnPath('agent-collab');
  if (found !== undefined && real(found) === real(script))
    return { command: 'agent-collab', args: [], shell: 'agent-collab' };
  const words = [process.execPath, ...ownArguments(), real(script)];
  const odd = words.find((word) => /['\n\r\0]/.test(word));
  if (odd !== undefined) {
    throw new CollabError('SETUP_FAILED', `${odd} cannot be written into a hook`, {
      next: 'Install agent-collab so that it is on the PATH.',
    });
  }
  const [command = '', ...args] = words;
  return { command, args, shell: words.map((word) => `'${word}'`).join(' ') };
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
