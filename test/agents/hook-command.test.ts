import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { CliFixture } from '../cli/cli-fixture.ts';
import { denied, type HookReply } from './hook-fixture.ts';

let cli: CliFixture;
before(() => {
  cli = new CliFixture();
});
after(() => cli.close());

function event(tool: string, input: unknown, moment = 'PreToolUse') {
  return JSON.stringify({
    session_id: 's1',
    cwd: cli.repository,
    hook_event_name: moment,
    tool_name: tool,
    tool_input: input,
  });
}

async function hook(input: string, env: Readonly<Record<string, string>> = {}, client = 'claude') {
  const { code, stdout } = await cli.run(['hook', client], { input, env });
  assert.equal(code, 0);
  return JSON.parse(stdout) as HookReply & { readonly systemMessage?: string };
}

const alone = { AGENT_COLLAB_NO_AUTOSTART: '1' };
const write = () => event('Write', { file_path: join(cli.repository, 'src/login.ts'), content: 'x' });

test('lets a write through with a warning when no daemon answers and enforce is open', async () => {
  const reply = await hook(write(), alone);
  assert.equal(denied(reply), undefined);
  assert.match(reply.systemMessage ?? '', /no daemon serves.*was not checked/);
  assert.deepEqual(await hook(event('Bash', { command: 'ls' }), alone), {});
  assert.deepEqual(await hook(event('', {}, 'SessionStart'), alone), {});
});

test('blocks a write when no daemon answers and enforce is closed, and nothing else', async () => {
  assert.equal((await cli.json(['config', 'set', 'enforce', 'closed'])).ok, true);
  assert.match(denied(await hook(write(), alone)) ?? '', /no daemon serves.*Writes are blocked/);
  assert.match(denied(await hook('not JSON', alone)) ?? '', /blocked/);
  assert.deepEqual(await hook(event('Bash', { command: 'ls' }), alone), {});
  assert.deepEqual(await hook(event('Read', { file_path: '/x' }), alone), {});
  await cli.json(['config', 'reset', 'enforce']);
});

test('starts the daemon, and answers for both clients as it does over HTTP', async () => {
  const { data } = await cli.json([
    'lock',
    'acquire',
    'src/login.ts:1-5',
    '-m',
    'login work',
    '--agent',
    'bob',
  ]);
  const input = { file_path: join(cli.repository, 'src/login.ts'), content: 'x' };
  assert.match(denied(await hook(event('Write', input))) ?? '', /bob holds src\/login\.ts:1-5.*"login work"/);
  const patch = '*** Begin Patch\n*** Delete File: src/login.ts\n*** End Patch';
  assert.match(denied(await hook(event('apply_patch', { command: patch }), {}, 'codex')) ?? '', /bob holds/);
  await cli.json(['lock', 'release', data.lock.id, '--agent', 'bob']);
  assert.deepEqual(await hook(event('Write', input)), {});
});

test('runs nothing of what it is given', async () => {
  const marker = cli.path('marker');
  const evil = `$(touch ${marker}); \`touch ${marker}\`; touch ${marker}`;
  await hook(event('Bash', { command: evil }));
  await hook(event('Edit', { file_path: evil, old_string: evil, new_string: evil }));
  await hook(
    event('apply_patch', { command: `*** Begin Patch\n*** Add File: ${evil}\n+x\n*** End Patch` }),
    {},
    'codex',
  );
  assert.equal((await cli.run(['hook', evil])).code, 2);
  assert.throws(() => writeFileSync(marker, 'x', { flag: 'r+' }), { code: 'ENOENT' });
});

test('adds up the tokens that agents report, by agent and by model, also of a daemon before', async () => {
  const empty = await cli.run(['usage']);
  assert.match(empty.stdout, /no tokens were reported/);
  const mcp = cli.spawn(['mcp'], { env: { CLAUDE_CODE_SESSION_ID: 's1' } });
  const send = (message: unknown) => mcp.stdin.write(`${JSON.stringify(message)}\n`);
  const clientInfo = { name: 'test', version: '1' };
  send({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
  });
  const params = { name: 'report_usage', arguments: { tokens: 1200, model: 'gpt-5', direction: 'output' } };
  for await (const line of createInterface({ input: mcp.stdout })) {
    const { id } = JSON.parse(line) as { id: number };
    if (id === 2) break;
    send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    send({ jsonrpc: '2.0', id: 2, method: 'tools/call', params });
  }
  mcp.stdin.end();
  await cli.json(['daemon', 'restart']);
  const { data } = await cli.json(['usage', '--period', 'week']);
  assert.deepEqual(data.rows, [{ name: 'claude:s1', tokens: 1200, cost: 0.012 }]);
  assert.match(
    (await cli.run(['usage', '--by', 'model'])).stdout,
    /gpt-5 +1200 +\$0\.0120 +█{24}\n[\s\S]*1200 tokens in 1 records/,
  );
});
