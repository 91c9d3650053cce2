/** The commands on what agents want to hear about: a part of the table in commands.ts. */
import type { CommandSpec } from './command-spec.ts';
import { agentOption, allOption } from './options.ts';

export const interestCommands = {
  interests: {
    summary: 'list what agents want to hear about besides the files they work on, on all nodes',
    positionals: {},
    options: {
      agent: { kind: 'text', summary: 'only interests of this agent', completes: 'agent' },
      all: allOption,
    },
    example: 'agent-collab interests --agent ann',
  },
  'interests add': {
    summary: 'hear of changes and context that others make about these paths, and no more of all the rest',
    positionals: {
      paths: {
        count: 'many',
        summary: 'path, directory with all below it, or a glob such as auth/**',
        completes: 'path',
      },
    },
    options: {
      for: { kind: 'duration', summary: 'how long, at most 30d (8h when not given)' },
      agent: agentOption,
    },
    example: 'agent-collab interests add "auth/**" docs/API.md --for 2d',
  },
  'interests remove': {
    summary: 'take interests back: these, or all of the agent',
    positionals: { paths: { count: 'any', summary: 'as `interests` lists them', completes: 'interest' } },
    options: { agent: agentOption },
    example: 'agent-collab interests remove "auth/**"',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
