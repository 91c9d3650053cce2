/** The commands for the shell that people type in, as data: a part of the table in commands.ts. */
import type { CommandSpec } from './command-spec.ts';

export const shellCommands = {
  completion: {
    summary: 'print a script that lets the shell complete commands, flags, locks, peers and backups',
    positionals: {
      shell: {
        count: 'optional',
        summary: 'bash, zsh or fish; the one that SHELL names when left out',
        choices: ['bash', 'zsh', 'fish'],
      },
    },
    options: {},
    startsDaemon: false,
    example: 'agent-collab completion bash',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
