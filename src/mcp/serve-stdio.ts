/** MCP over standard input and output: what an agent's client starts for itself. */
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { AgentId } from '../base/ids.ts';
import { sessionOf } from '../hook/hook-event.ts';
import { createCollabServer } from './collab-server.ts';
import type { Caller, ToolBackend } from './tool-backend.ts';

/** Resolves when the client closes its end. */
export function serveOnStdio(
  backend: ToolBackend,
  caller: Caller,
  onError: (error: Error) => void,
): Promise<void> {
  let session: string | undefined = caller.session;
  return new Promise((resolve) => {
    const transport = new StdioServerTransport();
    serveStdio(
      () =>
        createCollabServer({
          backend,
          caller: () => ({ ...caller, session }),
          onSession: (agent) => {
            // A hook has shown whom this connection serves by now: calls without a hook are of the same session.
            if (agent !== caller.fallback) session = sessionOf(agent as AgentId);
          },
        }),
      { transport, onerror: onError },
    );
    process.stdin.once('end', resolve).once('close', resolve);
  });
}
