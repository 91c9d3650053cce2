/** The commands on the settings, as data: a part of the table in commands.ts. */
import type { CommandSpec } from './command-spec.ts';

const settingKey = {
  count: 'one',
  summary: 'a name that `config show` lists',
  completes: 'setting',
} as const;

export const configCommands = {
  'config show': {
    summary: 'list the settings, their values and what they decide',
    positionals: {},
    options: {},
    example: 'agent-collab config show',
  },
  'config get': {
    summary: 'print one setting',
    positionals: { key: settingKey },
    options: {},
    example: 'agent-collab config get port',
  },
  'config set': {
    summary: 'change one setting',
    positionals: {
      key: settingKey,
      value: { count: 'one', summary: 'its new value', completes: 'setting-value' },
    },
    options: {},
    example: 'agent-collab config set port 7411',
  },
  'config reset': {
    summary: 'put one setting, or all of them, back to the default',
    positionals: {
      key: {
        count: 'optional',
        summary: 'a name that `config show` lists; all when left out',
        completes: 'setting',
      },
    },
    options: {},
    example: 'agent-collab config reset port',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
