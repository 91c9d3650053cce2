/** What an agent's client tells of what its agent is about to do, in one form for all clients. */
import { CollabError } from '../base/errors.ts';
import type { AgentId } from '../base/ids.ts';
import { maxAgentChars, maxPathBytes } from '../base/limits.ts';

/** Clients whose events are understood. Codex sends Claude Code's form with other tools. */
export const hookClients = ['claude', 'codex'] as const;
export type HookClient = (typeof hookClients)[number];

/** The moments that mean something here; all others are answered with nothing. */
export const hookMoments = [
  'SessionStart',
  'SessionEnd',
  'PreToolUse',
  'PostToolUse',
  'PostToolUseFailure',
  'UserPromptSubmit',
  'SubagentStart',
  'SubagentStop',
  'Stop',
] as const;
export type HookMoment = (typeof hookMoments)[number];

export interface HookEvent {
  readonly client: HookClient;
  /** Undefined: a moment of a newer client that means nothing here. */
  readonly moment: HookMoment | undefined;
  readonly name: string;
  /** The session, and all its sub-agents: `claude:<session>`. */
  readonly session: AgentId;
  /** Who acts: the session, or a sub-agent of it: `claude:<session>/<sub-agent>`. */
  readonly agent: AgentId;
  /** What people call it: the sub-agent's type. */
  readonly agentName?: string;
  /** Absolute. */
  readonly cwd: string;
  readonly tool: string;
  /** Pairs what comes before a call with what comes after it. */
  readonly toolUseId?: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/**
 * @param raw the event as the client's hook got it.
 * @throws INVALID_ARGUMENT with the field that is wrong: without a session or a directory nothing can be decided.
 */
export function parseHookEvent(client: HookClient, raw: unknown): HookEvent {
  const fields = asRecord(raw);
  if (fields === undefined) throw invalid('', 'an object');
  const name = text(fields, 'hook_event_name', 100);
  const sessionId = text(fields, 'session_id', maxAgentChars);
  const cwd = text(fields, 'cwd', maxPathBytes);
  if (!cwd.startsWith('/') && !/^[a-zA-Z]:[\\/]/.test(cwd)) throw invalid('cwd', 'an absolute path');
  const subagent = optionalText(fields, 'agent_id');
  const agentType = optionalText(fields, 'agent_type');
  const session = agentOf(client, sessionId);
  const toolUseId = optionalText(fields, 'tool_use_id');
  return {
    client,
    moment: hookMoments.find((moment) => moment === name),
    name,
    session,
    agent: subagent === undefined ? session : subagentOf(session, subagent),
    ...(agentType === undefined ? {} : { agentName: agentType }),
    cwd,
    tool: optionalText(fields, 'tool_name') ?? '',
    ...(toolUseId === undefined ? {} : { toolUseId }),
    input: asRecord(fields.tool_input) ?? {},
  };
}

/** The same id that the command line takes from the session's environment variable. */
function agentOf(client: HookClient, sessionId: string): AgentId {
  return `${client}:${sessionId}`.slice(0, maxAgentChars) as AgentId;
}

function subagentOf(session: AgentId, subagent: string): AgentId {
  return `${session}/${subagent}`.slice(0, maxAgentChars) as AgentId;
}

/** The session that an agent belongs to: itself, unless it is a sub-agent. */
export function sessionOf(agent: AgentId): AgentId {
  const slash = agent.indexOf('/');
  return slash === -1 ? agent : (agent.slice(0, slash) as AgentId);
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function text(fields: Readonly<Record<string, unknown>>, name: string, maxChars: number): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '' || value.length > maxChars || /\p{Cc}/u.test(value)) {
    throw invalid(name, `a text of 1 to ${maxChars} characters without control characters`);
  }
  return value;
}

/** What is left out, null or odd counts as left out: a newer client must not be kept from working. */
function optionalText(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' && value !== '' && value.length <= maxAgentChars && !/\p{Cc}/u.test(value)
    ? value
    : undefined;
}

function invalid(field: string, expected: string): CollabError {
  return new CollabError('INVALID_ARGUMENT', `${field || 'the event'}: must be ${expected}`, {
    next: 'Send the event as the client gives it to its hooks.',
    details: { field, expected },
  });
}
