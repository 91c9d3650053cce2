/** Whether what was written works: the server is started as the client will start it, and the hook is called as it will call it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { CollabError } from '../base/errors.ts';
import type { SetupEntries } from './clients.ts';

const withinMs = 30_000;

/** Speaks MCP with the server until it has used a tool. @throws SETUP_FAILED */
export async function verifyServer({ server }: SetupEntries, cwd: string): Promise<void> {
  const child = spawn(server.command, server.args, { cwd, stdio: ['pipe', 'pipe', 'ignore'] });
  const send = (message: unknown) => child.stdin.write(`${JSON.stringify(message)}\n`);
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
  const started = new Promise<never>((_resolve, reject) => {
    child.once('error', (cause) => reject(failed(`${server.command} cannot be started`, cause)));
  });
  child.stdin.on('error', () => {});
  try {
    await Promise.race([started, converse(send, createInterface({ input: child.stdout }))]);
  } finally {
    clearTimeout(timer);
    child.stdin.end();
    child.kill();
  }
}

async function converse(send: (message: unknown) => void, lines: AsyncIterable<string>): Promise<void> {
  const clientInfo = { name: 'agent-collab-setup', version: '1' };
  send({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
  });
  for await (const line of lines) {
    const { id, result, error } = JSON.parse(line) as {
      readonly id?: number;
      readonly result?: { readonly serverInfo?: { readonly name?: string }; readonly isError?: boolean };
      readonly error?: { readonly message?: string };
    };
    if (error !== undefined) throw failed(`the server answered: ${error.message}`);
    if (id === 1) {
      if (result?.serverInfo?.name !== 'agent-collab') throw failed('another server answered');
      send({ jsonrpc: '2.0', method: 'notifications/initialized' });
      send({
        jsonrpc: '2.0',
        id: 2,
        method: 'tools/call',
        params: { name: 'cluster_status', arguments: {} },
      });
    } else if (id === 2) {
      if (result?.isError === true) throw failed('the server cannot use its daemon');
      return;
    }
  }
  throw failed('the server ended without an answer');
}

/** Sends an event that means nothing to the address that the client was given. @throws SETUP_FAILED */
export async function verifyHook({ http }: SetupEntries, cwd: string): Promise<void> {
  if (http === undefined) return;
  const event = { session_id: 'agent-collab-setup', hook_event_name: 'Setup', cwd };
  const response = await fetch(http.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${http.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(withinMs),
  }).catch((cause: unknown) => {
    throw failed(`${http.url} cannot be reached`, cause);
  });
  if (response.status !== 200) throw failed(`the hook address answered ${response.status}`);
}

function failed(what: string, cause?: unknown): CollabError {
  return new CollabError('SETUP_FAILED', `the entry was written, but does not work: ${what}`, {
    next: 'Look at agent-collab doctor, then run the setup again.',
    ...(cause === undefined ? {} : { cause }),
  });
}
