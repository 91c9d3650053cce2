/** The commands on shared context, as data: a part of the table in commands.ts. */
import type { CommandSpec } from './command-spec.ts';
import { agentOption, allOption, limitOption, pathOption } from './options.ts';

export const contextCommands = {
  'context share': {
    summary: 'tell the other agents what you learned about a path; on disk when it returns',
    positionals: {
      path: { count: 'one', summary: 'what the text is about', completes: 'path' },
      source: { count: 'optional', summary: '- reads the text from standard input' },
    },
    options: {
      message: { kind: 'text', alias: 'm', summary: 'the text itself' },
      file: { kind: 'text', summary: 'read the text from this file', completes: 'path' },
      tag: { kind: 'texts', summary: 'a word to find it by; may be repeated', completes: 'tag' },
      supersedes: {
        kind: 'text',
        summary: 'id of a context that this one takes the place of',
        completes: 'context',
      },
      agent: agentOption,
    },
    example: 'agent-collab context share src/login.ts -m "tokens expire after 15 min" --tag auth',
  },
  'context list': {
    summary: 'list shared context, newest first',
    positionals: {},
    options: {
      path: pathOption,
      tag: { kind: 'text', summary: 'only what carries this tag', completes: 'tag' },
      limit: limitOption,
      all: allOption,
      agent: agentOption,
    },
    example: 'agent-collab context list --path src/login.ts',
  },
  'context show': {
    summary: 'print one shared context whole',
    positionals: { id: { count: 'one', summary: 'the id that `context list` shows', completes: 'context' } },
    options: { agent: agentOption },
    example: 'agent-collab context show 12D3KooWExample:7',
  },
  'context search': {
    summary: 'find shared context by words and by meaning, the best first',
    positionals: { words: { count: 'many', summary: 'what it is about' } },
    options: {
      path: pathOption,
      limit: { kind: 'count', summary: 'at most so many, up to 100 (10)' },
      all: allOption,
      agent: agentOption,
    },
    example: 'agent-collab context search token expiry',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
