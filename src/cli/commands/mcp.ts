import { agentFromEnvironment } from '../../base/environment.ts';
import { writeErr } from '../../base/log.ts';
import { randomHex } from '../../base/random.ts';
import type { OperationName } from '../../control/operations.ts';
import type { Notice } from '../../control/results.ts';
import type { ToolBackend } from '../../mcp/tool-backend.ts';
import type { CommandRun } from '../command-context.ts';
import type { DaemonLink } from '../daemon-link.ts';

/** Serves until the client closes its end. */
export const mcp: CommandRun<'mcp'> = async (_args, { cwd, daemon }) => {
  const { serveOnStdio } = await import('../../mcp/serve-stdio.ts');
  const session = agentFromEnvironment();
  // One process for one session of a client: two sessions of one user are two agents.
  const fallback = `mcp:${process.ppid}-${randomHex(4)}`;
  await serveOnStdio(backendOf(daemon), { session, fallback, cwd }, (error) =>
    writeErr(`agent-collab mcp: ${error.message}\n`),
  );
  return undefined;
};

function backendOf(daemon: DaemonLink): ToolBackend {
  let told = 0;
  return {
    call: async <Name extends OperationName>(
      ...[name, input, { signal, trace }]: Parameters<ToolBackend['call']>
    ) =>
      (
        await daemon.call(name as Name, input as never, {
          trace,
          ...(signal === undefined ? {} : { signal }),
        })
      ).data,
    takeNotices: (): readonly Notice[] => {
      const fresh = daemon.notices.slice(told);
      told = daemon.notices.length;
      return fresh;
    },
  };
}
