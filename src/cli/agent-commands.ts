/** The commands that connect agent clients, as data: a part of the table in commands.ts. */
import type { CommandSpec } from './command-spec.ts';
import { agentOption } from './options.ts';

export const agentCommands = {
  setup: {
    summary:
      'connect agent clients: their MCP entry and hooks, checked by a real call; all that are installed when none is named',
    positionals: {
      clients: {
        count: 'optional',
        summary: 'claude, codex, cursor, gemini, vscode, git or status; several with commas',
        completes: 'client',
      },
    },
    options: {
      'dry-run': { kind: 'flag', summary: 'show what would change, and change nothing' },
      remove: { kind: 'flag', summary: 'take our entries out again' },
      command: { kind: 'flag', summary: 'hooks as commands also where the client speaks HTTP' },
    },
    example: 'agent-collab setup claude --dry-run',
  },
  agents: {
    summary: 'list the agents that hold or wait for locks, and those seen within the hour',
    positionals: {},
    options: {},
    example: 'agent-collab agents',
  },
  usage: {
    summary: 'add up the tokens that agents reported, and what they cost',
    positionals: {},
    options: {
      period: {
        kind: 'text',
        summary: 'how far back (else day: since midnight, UTC)',
        choices: ['day', 'week', 'month'],
      },
      by: { kind: 'text', summary: 'of what (else agent)', choices: ['agent', 'model', 'category', 'day'] },
    },
    example: 'agent-collab usage --period week --by model',
  },
  mcp: {
    summary: 'serve the tools over MCP on standard input and output; agent clients start it themselves',
    positionals: {},
    options: {},
    example: 'agent-collab mcp',
  },
  hook: {
    summary: 'answer a hook of an agent client, or of git; reads the event from standard input',
    positionals: {
      client: {
        count: 'one',
        summary: 'claude, codex, pre-commit or post-commit',
        choices: ['claude', 'codex', 'pre-commit', 'post-commit'],
      },
    },
    options: { agent: agentOption },
    example: 'agent-collab hook claude',
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
