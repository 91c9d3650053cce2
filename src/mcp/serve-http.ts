/** MCP over streamable HTTP, in the revision of 2026-07-28 and in those of 2025. */
import { createMcpHandler } from '@modelcontextprotocol/server';
import { maxAgentChars, maxPathBytes, maxRequestBytes } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Tracing } from '../control/tracing.ts';
import { createCollabServer } from './collab-server.ts';
import type { Caller, ToolBackend } from './tool-backend.ts';

export interface McpHttp {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

export function createMcpHttp(backend: ToolBackend, tracing: Tracing, logger: Logger): McpHttp {
  const handler = createMcpHandler(
    ({ requestInfo }) => {
      const caller = callerOf(requestInfo);
      return createCollabServer({ backend, tracing, caller: () => caller });
    },
    {
      // Old and new clients alike: neither has a session, each request stands for itself.
      legacy: 'stateless',
      maxRequestBodySize: maxRequestBytes,
      onerror: (error) => logger.debug('an MCP request was refused', { error: String(error) }),
    },
  );
  return { fetch: (request) => handler.fetch(request), close: () => handler.close() };
}

/** Headers are set by the client's configuration, which a model does not write. */
function callerOf(request: Request | undefined): Caller {
  const session = header(request, 'x-agent-collab-session', maxAgentChars);
  const cwd = header(request, 'x-agent-collab-cwd', maxPathBytes);
  return { session, fallback: undefined, cwd };
}

function header(request: Request | undefined, name: string, maxChars: number): string | undefined {
  const value = request?.headers.get(name)?.trim();
  const isSound = value !== undefined && value !== '' && value.length <= maxChars && !/\p{Cc}/u.test(value);
  return isSound ? value : undefined;
}
