/**
 * Every command, as data. Its implementation is named in command-modules.ts and loaded only when it runs: this table is
 * part of each start and must import nothing heavy.
 */
import { auditActions } from '../audit/audit-action.ts';
import { agentCommands } from './agent-commands.ts';
import { clusterCommands } from './cluster-commands.ts';
import type { ArgumentsOf, CommandSpec } from './command-spec.ts';
import { configCommands } from './config-commands.ts';
import { contextCommands } from './context-commands.ts';
import { interestCommands } from './interest-commands.ts';
import {
  agentOption,
  allOption,
  fenceOption,
  followOption,
  limitOption,
  lockId,
  memoryOption,
  pathOption,
  portOption,
  ttlOption,
} from './options.ts';
import { shellCommands } from './shell-commands.ts';
import { supportCommands } from './support-commands.ts';

export const commands = {
  run: {
    summary: 'run the daemon in the foreground',
    positionals: {},
    options: {
      memory: memoryOption,
      port: portOption,
      'background-child': { kind: 'flag', summary: 'started by another command', hidden: true },
    },
    example: 'agent-collab run',
  },
  'daemon start': {
    summary: 'start the daemon in the background and wait until it serves',
    positionals: {},
    options: { memory: memoryOption, port: portOption },
    example: 'agent-collab daemon start',
  },
  'daemon stop': {
    summary: 'stop the daemon and wait until it is gone; nothing accepted is lost',
    positionals: {},
    options: {},
    example: 'agent-collab daemon stop',
  },
  'daemon restart': {
    summary: 'stop the daemon, if one runs, and start it',
    positionals: {},
    options: { memory: memoryOption, port: portOption },
    example: 'agent-collab daemon restart',
  },
  'daemon status': {
    summary: 'the same as status',
    positionals: {},
    options: {},
    startsDaemon: false,
    example: 'agent-collab daemon status',
  },
  status: {
    summary: 'show the daemon, its locks, its log and the health of its stores; never starts one',
    positionals: {},
    options: {},
    startsDaemon: false,
    example: 'agent-collab status',
  },
  dashboard: {
    summary: 'open the live dashboard in a browser: agents, locks, who waits for whom, health, usage',
    positionals: {},
    options: {
      'no-browser': { kind: 'flag', summary: 'print the link alone' },
    },
    example: 'agent-collab dashboard --no-browser',
  },
  watch: {
    summary: 'show the same as the dashboard in the terminal, with the keyboard; in a pipe, line by line',
    positionals: {},
    options: {},
    startsDaemon: false,
    example: 'agent-collab watch',
  },
  ...clusterCommands,
  'lock acquire': {
    summary: 'claim files, lines or symbols, all or none of them',
    positionals: {
      targets: {
        count: 'many',
        summary: 'path, path:start-end, path#symbol or a glob such as src/auth/**',
        completes: 'target',
      },
    },
    options: {
      message: {
        kind: 'text',
        alias: 'm',
        summary: 'what you intend to do; others see it when they are denied',
        required: true,
      },
      agent: agentOption,
      ttl: ttlOption,
      wait: { kind: 'duration', summary: 'wait up to this long in line when others hold it' },
      shared: { kind: 'flag', summary: 'share with other readers; keeps writers out' },
      priority: { kind: 'integer', summary: 'place in the waiting line; higher goes first' },
    },
    example: 'agent-collab lock acquire src/login.ts:10-40 -m "validate the token" --wait 30s',
  },
  'lock release': {
    summary: 'give a lock back',
    positionals: { id: lockId },
    options: { agent: agentOption, fence: fenceOption },
    example: 'agent-collab lock release lk_b845d2078b1',
  },
  'lock renew': {
    summary: 'extend a lease',
    positionals: { id: lockId },
    options: { agent: agentOption, fence: fenceOption, ttl: ttlOption },
    example: 'agent-collab lock renew lk_b845d2078b1 --ttl 5m',
  },
  'lock check': {
    summary: 'ask whether a lock is still valid; exit 3 and the reason when not',
    positionals: { id: lockId },
    options: { agent: agentOption, fence: fenceOption },
    example: 'agent-collab lock check lk_b845d2078b1 --fence 42',
  },
  'lock list': {
    summary: 'list the locks held and the claims waiting',
    positionals: {},
    options: {
      path: pathOption,
      agent: { kind: 'text', summary: 'only locks that this agent holds or waits for', completes: 'agent' },
      all: allOption,
    },
    example: 'agent-collab lock list --path src/login.ts',
  },
  'lock history': {
    summary: 'list what became of locks, newest first',
    positionals: {},
    options: {
      path: pathOption,
      holder: { kind: 'text', summary: 'only locks of this agent', completes: 'agent' },
      limit: limitOption,
      all: allOption,
    },
    example: 'agent-collab lock history --limit 20',
  },
  'lock force': {
    summary: 'end a lock of another agent; recorded, and told to its holder',
    positionals: { id: lockId },
    options: {
      reason: { kind: 'text', summary: 'why; goes into the audit log', required: true },
      agent: agentOption,
    },
    example: 'agent-collab lock force lk_b845d2078b1 --reason "its session crashed"',
  },
  why: {
    summary: 'explain who holds or waits for a file, and why',
    positionals: {
      target: { count: 'one', summary: 'path, path:start-end or path#symbol', completes: 'target' },
    },
    options: { agent: agentOption },
    example: 'agent-collab why src/login.ts:10-40',
  },
  ...contextCommands,
  ...interestCommands,
  log: {
    summary: 'show the log of deltas: context, changes, locks',
    positionals: {},
    options: {
      since: { kind: 'time', summary: 'only what is newer than this time, or than this long ago' },
      source: { kind: 'text', summary: 'only what this node wrote', completes: 'node' },
      path: pathOption,
      type: {
        kind: 'text',
        summary: 'only this type',
        choices: ['context', 'file_change', 'lock_acquired', 'lock_released', 'usage', 'custom'],
      },
      limit: limitOption,
      all: allOption,
      follow: followOption,
    },
    example: 'agent-collab log --since 2h --path src/login.ts',
  },
  audit: {
    summary: 'show who did what with which lock',
    positionals: {},
    options: {
      holder: { kind: 'text', summary: 'only this agent', completes: 'agent' },
      action: {
        kind: 'text',
        summary: 'only this action',
        choices: auditActions,
      },
      path: pathOption,
      lock: { kind: 'text', summary: 'only this lock', completes: 'lock' },
      from: { kind: 'time', summary: 'from this time on, or from this long ago on' },
      to: { kind: 'time', summary: 'before this time' },
      limit: limitOption,
      all: allOption,
      follow: followOption,
    },
    example: 'agent-collab audit --action denied --from 1d',
  },
  ...configCommands,
  verify: {
    summary:
      'check every page and record on disk: checksums, hash chain, signatures, index; exit 5 on damage',
    positionals: {},
    options: {
      repair: {
        kind: 'flag',
        summary: 'write damaged stores anew from all that can be read; the damaged files are kept',
      },
    },
    startsDaemon: false,
    example: 'agent-collab verify --repair',
  },
  backup: {
    summary: 'copy the data directory, while the daemon serves, and check the copy; restore puts it back',
    positionals: {},
    options: {
      to: {
        kind: 'text',
        summary: 'put it into this directory instead of backups/ in the data directory',
        completes: 'path',
      },
      list: { kind: 'flag', summary: 'list the backups instead, newest first' },
    },
    startsDaemon: false,
    example: 'agent-collab backup --to /mnt/disk/agent-collab',
  },
  restore: {
    summary:
      'put a backup in the place of what is there, which becomes a backup first; the daemon must be stopped',
    positionals: {
      name: { count: 'optional', summary: 'a name that `backup --list` shows', completes: 'backup' },
    },
    options: {},
    startsDaemon: false,
    example: 'agent-collab restore 20260131-120000',
  },
  compact: {
    summary: 'drop what is older than the retention now instead of later',
    positionals: {},
    options: {},
    example: 'agent-collab compact',
  },
  'migrate start': {
    summary: 'move the data of the older program into this one; can be stopped and run again',
    positionals: {},
    options: {
      project: { kind: 'text', summary: 'the repository that its contexts belong to', completes: 'path' },
    },
    startsDaemon: false,
    example: 'agent-collab migrate start --project ~/work/app',
  },
  'migrate status': {
    summary: 'tell whether data was migrated, what of it, and which backups there are',
    positionals: {},
    options: {},
    startsDaemon: false,
    example: 'agent-collab migrate status',
  },
  'migrate rollback': {
    summary:
      'put the data directory back as it was before the migration; what came since is kept as a backup',
    positionals: {},
    options: {},
    startsDaemon: false,
    example: 'agent-collab migrate rollback',
  },
  'migrate backups': {
    summary: 'list the backups in the data directory, newest first',
    positionals: {},
    options: {},
    startsDaemon: false,
    example: 'agent-collab migrate backups',
  },
  'migrate restore': {
    summary: 'put a backup in the place of what is there, which becomes a backup itself',
    positionals: {
      name: { count: 'one', summary: 'a name that `migrate backups` lists', completes: 'backup' },
    },
    options: {},
    startsDaemon: false,
    example: 'agent-collab migrate restore 20260131-120000',
  },
  ...agentCommands,
  ...supportCommands,
  ...shellCommands,
  doctor: {
    summary:
      'tell from what is read and written just now how the directory, the daemon and each store are; exit 5 when not well',
    positionals: {},
    options: {
      fix: { kind: 'flag', summary: 'mend what can be mended, then look again' },
    },
    startsDaemon: false,
    example: 'agent-collab doctor --fix',
  },
  version: {
    summary: 'print the version of this program and of the running daemon',
    positionals: {},
    options: {},
    example: 'agent-collab version',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;

export type CommandName = keyof typeof commands;
export type CommandArguments<Name extends CommandName> = ArgumentsOf<(typeof commands)[Name]>;

/** The words that open a group of commands: `daemon`, `lock`, `context`, `peers`, `cluster`, `config`, `migrate`. */
export const commandGroups = {
  daemon: 'run the daemon in the background',
  lock: 'claim, renew, check and give back locks',
  context: 'share what you learned and read what others did',
  peers: 'see the members of the cluster, and throw one out',
  cluster: 'change the key of the cluster',
  config: 'show and change the settings',
  migrate: 'move from the older program, and back',
} as const satisfies Readonly<Record<string, string>>;

export function isCommandName(text: string): text is CommandName {
  return Object.hasOwn(commands, text);
}
