import { basename } from 'node:path';
import { loginShell } from '../../base/environment.ts';
import type { CommandRun } from '../command-context.ts';
import { shellScripts, shells } from '../completion/shell-scripts.ts';
import { usage } from '../read-arguments.ts';

/** Prints the script. Whoever sources it on each start of a shell gets the one of the program that is installed. */
export const completion: CommandRun<'completion'> = async (args) => {
  const name = args.shell ?? basename(loginShell() ?? '');
  const shell = shells.find((one) => one === name);
  if (shell === undefined) {
    const found =
      name === '' ? 'SHELL does not say which shell this is' : `there is no completion for ${name}`;
    throw usage(found, `Name one: ${shells.map((one) => `agent-collab completion ${one}`).join(', ')}.`);
  }
  const script = shellScripts[shell];
  return { data: { shell, script }, text: () => script };
};
