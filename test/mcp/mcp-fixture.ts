/** The official client, against a daemon with a repository of its own. */
import type { TestContext } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { childEnvironment } from '../../src/base/environment.ts';
import type { HookPlace } from '../agents/hook-fixture.ts';
import { program } from '../support/built-program.ts';

/** `auto` finds the revision of 2026-07-28, `legacy` speaks those of 2025. */
export type Era = 'auto' | 'legacy';

export interface ToolAnswer {
  readonly isError: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: a test names the fields that it looks at
  readonly data: any;
  readonly text: string;
}

export async function connectHttp(
  t: TestContext,
  place: HookPlace,
  era: Era,
  headers: Readonly<Record<string, string>> = {},
): Promise<McpClient> {
  const { port, token } = place.running.daemon.record;
  return connectTo(
    t,
    port,
    { authorization: `Bearer ${token}`, 'x-agent-collab-cwd': place.repo, ...headers },
    era,
  );
}

/** Over HTTP, to whichever daemon listens there. */
export function connectTo(
  t: TestContext,
  port: number,
  headers: Readonly<Record<string, string>>,
  era: Era,
): Promise<McpClient> {
  const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`), {
    requestInit: { headers },
  });
  return connect(
    t,
    new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } }),
    transport,
  );
}

export function connectStdio(
  t: TestContext,
  place: HookPlace,
  era: Era,
  environment: Readonly<Record<string, string>> = {},
): Promise<McpClient> {
  return connectProgram(
    t,
    place.repo,
    { HOME: place.root, AGENT_COLLAB_HOME: place.home, ...environment },
    era,
  );
}

/** Starts `agent-collab mcp` as a client does. */
export function connectProgram(
  t: TestContext,
  cwd: string,
  environment: Readonly<Record<string, string>>,
  era: Era,
): Promise<McpClient> {
  const { nodeArguments, root, extension } = program();
  const { PATH = '' } = childEnvironment({});
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...nodeArguments, `${root}/src/cli/main.${extension}`, 'mcp'],
    cwd,
    // Nothing of the session that runs the tests: its harness would be the agent.
    env: { PATH, ...environment },
  });
  return connect(
    t,
    new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } }),
    transport,
  );
}

async function connect(
  t: TestContext,
  client: Client,
  transport: Parameters<Client['connect']>[0],
): Promise<McpClient> {
  await client.connect(transport);
  t.after(() => client.close());
  return new McpClient(client);
}

export class McpClient {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  /** The client itself checks the structured content against the output schema. */
  async call(name: string, input: Readonly<Record<string, unknown>> = {}): Promise<ToolAnswer> {
    const answer = await this.client.callTool({ name, arguments: input });
    const [first] = answer.content as readonly { readonly text?: string }[];
    return { isError: answer.isError === true, data: answer.structuredContent, text: first?.text ?? '' };
  }
}
