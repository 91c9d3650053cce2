import { logLevels } from '../base/log.ts';
import type { CommandSpec } from './command-spec.ts';
import { followOption } from './options.ts';

/** What one looks at, and sends to others, when something does not work. */
export const supportCommands = {
  logs: {
    summary: 'show the log of the daemon, newest last, also when it does not run; never starts one',
    positionals: {},
    options: {
      level: { kind: 'text', summary: 'only what is at least as severe', choices: logLevels },
      since: { kind: 'time', summary: 'only what is newer than this time, or than this long ago' },
      limit: { kind: 'count', summary: 'only the newest so many lines' },
      follow: followOption,
    },
    startsDaemon: false,
    example: 'agent-collab logs --follow --level warn',
  },
  support: {
    summary:
      'write a bundle for a report: log, status, findings, settings, without secrets and without what was shared',
    positionals: {},
    options: {
      to: {
        kind: 'text',
        summary: 'this file, or a directory for it, instead of the current one; never overwritten',
      },
    },
    startsDaemon: false,
    example: 'agent-collab support --to bundle.zip',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
