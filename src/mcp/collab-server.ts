/** An MCP server with our tools, for one connection (stdio) or one request (HTTP). */
import { isAbsolute } from 'node:path';
import { type CallToolResult, McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { CollabError, toCollabError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { Notice } from '../control/results.ts';
import { noTracing, readCarrier, type Tracing } from '../control/tracing.ts';
import type { Caller, ToolBackend, ToolCallOptions } from './tool-backend.ts';
import { inputs, outputs, type ToolName, type ToolOutput } from './tool-schemas.ts';
import { type ToolCall, tools } from './tools.ts';

const instructions =
  'Several agents work on this code base. Edits are checked against the locks of others when they happen; a denial tells who holds the lines and what to do. Share what others need to know with share_context, and search it before you start.';

export interface CollabServerOptions {
  readonly backend: ToolBackend;
  readonly caller: () => Caller;
  /** @default trace context is only passed on */
  readonly tracing?: Tracing;
  /** Told of the session that a hook has shown the connection to belong to. */
  readonly onSession?: (agent: string) => void;
}

export function createCollabServer(options: CollabServerOptions): McpServer {
  const server = new McpServer({ name: 'agent-collab', version }, { instructions });
  for (const name of Object.keys(tools) as ToolName[]) register(server, name, options);
  return server;
}

/** The table ties each tool to its schemas; past the check of the input they only meet by name. */
type AnyRun = (input: unknown, call: ToolCall) => Promise<ToolOutput<ToolName>>;

function register(server: McpServer, name: ToolName, options: CollabServerOptions): void {
  const { description, effect, run } = tools[name];
  server.registerTool(
    name,
    {
      description,
      inputSchema: inputs[name],
      outputSchema: outputs[name],
      annotations: {
        readOnlyHint: effect === 'reads',
        destructiveHint: false,
        idempotentHint: effect === 'reads',
        openWorldHint: false,
      },
    },
    (input: unknown, context: ServerContext) => answer(name, run as AnyRun, input, context, options),
  );
}

async function answer(
  name: ToolName,
  run: AnyRun,
  input: unknown,
  context: ServerContext,
  { backend, caller: callerNow, onSession, tracing = noTracing }: CollabServerOptions,
): Promise<CallToolResult> {
  const { signal, _meta } = context.mcpReq;
  const caller = callerNow();
  let agent: string | undefined;
  try {
    // Names and attributes as OpenTelemetry's conventions for MCP have them.
    const about = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': name };
    const output = await tracing.span(`tools/call ${name}`, readCarrier(_meta), about, async (trace) => {
      const options = { signal, trace };
      agent = await identify(name, input, backend, caller, options);
      if (agent !== undefined) onSession?.(agent);
      return run(input, toolCall(agent, backend, caller, options));
    });
    return result(output, backend.takeNotices(agent));
  } catch (error) {
    return failure(error, backend.takeNotices(agent));
  }
}

/** By the hook that ran before the call; else by what the connection knows. */
async function identify(
  tool: string,
  input: unknown,
  backend: ToolBackend,
  { session, fallback }: Caller,
  options: ToolCallOptions,
): Promise<string | undefined> {
  const claim = {
    tool,
    input: (input ?? {}) as Record<string, never>,
    ...(session === undefined ? {} : { session }),
  };
  const { agent } = await backend.call('agent.identify', claim, options);
  return agent ?? session ?? fallback;
}

function toolCall(
  agent: string | undefined,
  backend: ToolBackend,
  { cwd }: Caller,
  options: ToolCallOptions,
): ToolCall {
  return {
    agent: () => {
      if (agent !== undefined) return agent;
      throw new CollabError('AGENT_UNKNOWN', 'nothing tells which agent is asking', {
        next: 'Have the client send X-Agent-Collab-Session with its session id, or run agent-collab setup for it.',
      });
    },
    agentIfKnown: agent,
    cwdFor: (path) => {
      if (cwd !== undefined) return cwd;
      if (isAbsolute(path)) return '/';
      throw new CollabError(
        'INVALID_ARGUMENT',
        'the connection has no directory that a relative path could start from',
        {
          next: 'Use an absolute path, or have the client send X-Agent-Collab-Cwd.',
          details: { field: 'path' },
        },
      );
    },
    operation: (operation, operationInput) => backend.call(operation, operationInput, options),
  };
}

/** Claude Code shows a model the structured content alone where there is one: it is complete, and the text is the same. */
function result(output: ToolOutput<ToolName>, notices: readonly Notice[]): CallToolResult {
  const structured =
    notices.length === 0 ? output : { ...output, notices: notices.map(({ message }) => message) };
  return {
    content: [{ type: 'text', text: JSON.stringify(structured) }],
    structuredContent: structured as Record<string, unknown>,
  };
}

function failure(thrown: unknown, notices: readonly Notice[]): CallToolResult {
  const { code, message, next } = toCollabError(thrown);
  const lines = [
    `${code}: ${message}`,
    ...(next === undefined ? [] : [next]),
    ...notices.map((notice) => notice.message),
  ];
  return { isError: true, content: [{ type: 'text', text: lines.join('\n') }] };
}
