/** The agent clients, as data: where their settings are and what of ours goes into which file. */
import { join } from 'node:path';
import { claudeHooks, codexHooks, type HookEntry, type HookTransport, withHooks } from './hook-settings.ts';
import { parseSettings, without, withValue } from './json-settings.ts';
import { withTable } from './toml-table.ts';

export const clientNames = ['claude', 'codex', 'cursor', 'gemini', 'vscode'] as const;
export type ClientName = (typeof clientNames)[number];

/** What the entries say. */
export interface SetupEntries extends HookTransport {
  /** Starts the MCP server: a program and its words, never a line for a shell. */
  readonly server: { readonly command: string; readonly args: readonly string[] };
}

export interface ClientFile {
  readonly path: string;
  /** What of ours goes there. */
  readonly what: 'mcp' | 'hooks';
  /** The text with our entries, or without them; the same text when nothing has to change. @throws CLIENT_CONFIG_INVALID */
  readonly edit: (text: string, entries: SetupEntries | undefined) => string;
}

export interface Client {
  readonly name: ClientName;
  readonly title: string;
  /** There when the client is installed. */
  readonly signs: readonly string[];
  readonly files: readonly ClientFile[];
  /** What this client cannot do. */
  readonly note?: string;
}

const noHooks = 'Its edits are not checked by hooks: it has the tools, and git commits are checked.';

export function clientsIn(userHome: string): readonly Client[] {
  const at = (...names: readonly string[]) => join(userHome, ...names);
  const code =
    process.platform === 'darwin' ? at('Library', 'Application Support', 'Code') : at('.config', 'Code');
  return [
    claude(at),
    codex(at),
    {
      name: 'cursor',
      title: 'Cursor',
      signs: [at('.cursor')],
      files: [jsonServer(at('.cursor', 'mcp.json'), 'mcpServers', false)],
      note: noHooks,
    },
    {
      name: 'gemini',
      title: 'Gemini CLI',
      signs: [at('.gemini')],
      files: [jsonServer(at('.gemini', 'settings.json'), 'mcpServers', false)],
      note: noHooks,
    },
    {
      name: 'vscode',
      title: 'VS Code',
      signs: [code],
      files: [jsonServer(join(code, 'User', 'mcp.json'), 'servers', true)],
      note: noHooks,
    },
  ];
}

type At = (...names: readonly string[]) => string;

function claude(at: At): Client {
  return {
    name: 'claude',
    title: 'Claude Code',
    signs: [at('.claude'), at('.claude.json')],
    files: [
      jsonServer(at('.claude.json'), 'mcpServers', true),
      hookFile(at('.claude', 'settings.json'), claudeHooks),
    ],
  };
}

function codex(at: At): Client {
  const config = at('.codex', 'config.toml');
  return {
    name: 'codex',
    title: 'Codex',
    signs: [at('.codex')],
    files: [
      {
        path: config,
        what: 'mcp',
        edit: (text, entries) => withTable(config, text, ['mcp_servers', 'agent-collab'], entries?.server),
      },
      hookFile(at('.codex', 'hooks.json'), codexHooks),
    ],
    note: 'Codex asks once whether it may trust the hooks.',
  };
}

function hookFile(path: string, hooks: (transport: HookTransport) => readonly HookEntry[]): ClientFile {
  return {
    path,
    what: 'hooks',
    edit: (text, entries) => withHooks(path, text, entries === undefined ? [] : hooks(entries)),
  };
}

function jsonServer(path: string, section: string, hasType: boolean): ClientFile {
  return {
    path,
    what: 'mcp',
    edit: (text, entries) => {
      parseSettings(path, text);
      const key = [section, 'agent-collab'];
      if (entries === undefined) return without(text, key);
      const { command, args } = entries.server;
      return withValue(text, key, { ...(hasType ? { type: 'stdio' } : {}), command, args: [...args] });
    },
  };
}
