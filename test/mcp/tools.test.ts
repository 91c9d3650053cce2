import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from 'gpt-tokenizer';
import { HookPlace } from '../agents/hook-fixture.ts';
import { connectHttp, connectStdio, type Era, type McpClient } from './mcp-fixture.ts';

const toolNames = [
  'acquire_lock',
  'release_lock',
  'renew_lock',
  'check_lock',
  'list_locks',
  'why',
  'share_context',
  'search_similar',
  'get_updates',
  'check_cohesion',
  'cluster_status',
  'report_usage',
];

/** Uses every tool as an agent does, and looks at what each answers. */
async function playAll(mcp: McpClient, place: HookPlace, holder: RegExp): Promise<void> {
  const used = new Set<string>();
  const call = async (name: string, input: Readonly<Record<string, unknown>> = {}) => {
    used.add(name);
    const answer = await mcp.call(name, input);
    assert.equal(answer.isError, false, answer.text);
    assert.deepEqual(JSON.parse(answer.text), answer.data);
    return answer.data;
  };
  const { granted, lock } = await call('acquire_lock', {
    targets: ['src/a.ts:1-5'],
    intention: 'test',
    ttl_s: 60,
  });
  assert.equal(granted, true);
  assert.match(lock.holder, holder);
  assert.deepEqual(lock.targets, ['src/a.ts:1-5']);
  const renewed = await call('renew_lock', { id: lock.id, fence: lock.fence, ttl_s: 600 });
  assert.ok(renewed.expires_at > lock.expires_at);
  assert.equal((await call('check_lock', { id: lock.id, fence: lock.fence })).valid, true);
  assert.equal((await call('list_locks', { path: 'src/a.ts', mine: true })).locks[0].id, lock.id);
  assert.match((await call('why', { target: 'src/a.ts:3' })).explanation, /holds src\/a\.ts:1-5 for "test"/);
  await place.running.acquire('bob', 'src/b.ts');
  const { granted: second, denial } = await call('acquire_lock', {
    targets: ['src/b.ts'],
    intention: 'also',
  });
  assert.equal(second, false);
  assert.equal(denial.holder, 'bob');
  assert.match(denial.next, /wait_ms/);
  assert.equal((await call('release_lock', { id: lock.id })).released, lock.id);
  const gone = await call('check_lock', { id: lock.id });
  assert.equal(gone.valid, false);
  assert.match(gone.reason, /was released/);
  const content = 'Tokens of the login must never be cached in memory.';
  const shared = await call('share_context', { path: 'src/a.ts', content, tags: ['auth'] });
  assert.equal(shared.durability, 'flushed');
  assert.equal(shared.redacted, undefined);
  const token = ['gh', 'p_', 'a1B2'.repeat(9)].join('');
  const screened = await call('share_context', { path: 'src/a.ts', content: `Use ${token} and ${token}.` });
  assert.deepEqual(screened.redacted, ['2 × GitHub token']);
  const found = await call('search_similar', { query: 'cached tokens' });
  // On a busy machine the encoder may not be there yet.
  assert.match(found.method, /^(hybrid|lexical)$/);
  assert.equal(found.hits[0].id, shared.id);
  const judged = await call('check_cohesion', {
    text: 'Keep the login tokens cached in memory',
    when: 'before',
  });
  assert.equal(judged.verdict, 'conflict');
  assert.equal(judged.evidence[0].passage, content);
  await place.running.share('bob', '.', 'Bob was here');
  const news = await call('get_updates');
  assert.ok(news.updates.some((update: { text: string }) => update.text === 'bob: Bob was here'));
  assert.equal((await call('get_updates')).updates.length, 0);
  assert.equal((await call('cluster_status')).project, 'example.com/acme/app');
  assert.match((await call('report_usage', { tokens: 12, model: 'm' })).id, /^rec-/);
  assert.deepEqual([...used].sort(), [...toolNames].sort());
}

for (const era of ['auto', 'legacy'] as const satisfies readonly Era[]) {
  const revision = era === 'auto' ? '2026-07-28' : '2025';

  test(`serves every tool over HTTP in the revision of ${revision}`, async (t) => {
    const place = await HookPlace.open(t, { 'src/b.ts': 'b\n' });
    const mcp = await connectHttp(t, place, era, { 'x-agent-collab-session': 'claude:s1' });
    assert.equal(mcp.client.getProtocolEra(), era === 'auto' ? 'modern' : 'legacy');
    await playAll(mcp, place, /^claude:s1$/);
  });

  test(`serves every tool over stdio in the revision of ${revision}`, async (t) => {
    const place = await HookPlace.open(t, { 'src/b.ts': 'b\n' });
    await playAll(await connectStdio(t, place, era, { CLAUDE_CODE_SESSION_ID: 's1' }), place, /^claude:s1$/);
  });
}

test('takes two clients without a session for two agents', async (t) => {
  const place = await HookPlace.open(t);
  const [one, two] = [await connectStdio(t, place, 'auto'), await connectStdio(t, place, 'auto')];
  const claim = { targets: ['src/a.ts'], intention: 'i' };
  const first = (await one.call('acquire_lock', claim)).data;
  const second = (await two.call('acquire_lock', claim)).data;
  assert.equal(first.granted, true);
  assert.equal(second.granted, false);
  assert.equal(second.denial.holder, first.lock.holder);
  // An argument that names somebody is no argument at all.
  const posing = await two.call('release_lock', { id: first.lock.id, agent: first.lock.holder });
  assert.equal(posing.isError, true);
  assert.match(posing.text, /agent/);
  const plain = await two.call('release_lock', { id: first.lock.id });
  assert.match(plain.text, /LOCK_NOT_HOLDER.*belongs to another agent/s);
});

test('takes the agent of a call from the hook before it, sub-agents included', async (t) => {
  const place = await HookPlace.open(t);
  const mcp = await connectStdio(t, place, 'auto');
  const before = (tool: string, input: unknown, extra = {}) =>
    place.hook('s9', 'PreToolUse', { tool_name: tool, tool_input: input, ...extra });
  const claim = { targets: ['src/a.ts:1-2'], intention: 'as a sub-agent' };
  await before('mcp__agent-collab__acquire_lock', claim, { agent_id: 'sub' });
  assert.equal((await mcp.call('acquire_lock', claim)).data.lock.holder, 'claude:s9/sub');
  const other = { targets: ['src/a.ts:8-9'], intention: 'as the session' };
  await before('mcp__plugin_agent-collab_agent-collab__acquire_lock', other);
  assert.equal((await mcp.call('acquire_lock', other)).data.lock.holder, 'claude:s9');
  // From then on the connection knows whom it serves, also without a hook.
  const third = { targets: ['src/a.ts:20-21'], intention: 'without a hook' };
  assert.equal((await mcp.call('acquire_lock', third)).data.lock.holder, 'claude:s9');
});

test('keeps the paths that an agent asks to hear about', async (t) => {
  const place = await HookPlace.open(t);
  const mcp = await connectHttp(t, place, 'auto', { 'x-agent-collab-session': 'claude:s1' });
  await mcp.call('get_updates', { paths: ['auth/**'], keep_minutes: 90 });
  for (const path of ['auth/a.ts', 'db/x.ts']) await place.running.share('bob', path, 'news');
  const { updates } = (await mcp.call('get_updates')).data;
  assert.deepEqual(
    updates.map(({ path }: { path: string }) => path),
    ['auth/a.ts'],
  );
  const { interests } = (await place.running.client.call('interest.list', { cwd: place.repo })).data;
  assert.deepEqual(
    [interests.length, interests[0]?.agent, interests[0]?.patterns],
    [1, 'claude:s1', ['auth/**']],
  );
  const lifeMs = Date.parse(interests[0]?.expiresAt ?? '') - Date.now();
  assert.ok(lifeMs > 89 * 60_000 && lifeMs <= 90 * 60_000, `${lifeMs}`);
});

test('asks for a session over HTTP where a tool acts for somebody', async (t) => {
  const place = await HookPlace.open(t);
  const mcp = await connectHttp(t, place, 'auto');
  const refused = await mcp.call('acquire_lock', { targets: ['src/a.ts'], intention: 'i' });
  assert.equal(refused.isError, true);
  assert.equal(refused.text.split(':')[0], 'AGENT_UNKNOWN');
  assert.match(refused.text, /X-Agent-Collab-Session/);
  assert.equal((await mcp.call('why', { target: 'src/a.ts' })).data.free, true);
});

test('tells the next step with an error, and lost locks with whatever is answered', async (t) => {
  const place = await HookPlace.open(t);
  const mcp = await connectHttp(t, place, 'auto', { 'x-agent-collab-session': 'claude:s1' });
  const outside = await mcp.call('why', { target: '/nowhere/at/all.ts:3-1' });
  assert.equal(outside.isError, true);
  assert.ok(outside.text.split('\n').length >= 2, outside.text);
  const { lock } = (await mcp.call('acquire_lock', { targets: ['src/a.ts'], intention: 'i' })).data;
  await place.running.client.call('lock.force', { id: lock.id, by: 'ann', reason: 'it hung' });
  const told = await mcp.call('cluster_status');
  assert.match(told.data.notices[0], /released by force by ann/);
  assert.equal((await mcp.call('cluster_status')).data.notices, undefined);
});

test('says what each tool takes, gives and does, in less than 4000 tokens', async (t) => {
  const place = await HookPlace.open(t);
  const { tools } = await (await connectHttp(t, place, 'auto')).client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), [...toolNames].sort());
  for (const { name, outputSchema, annotations } of tools) {
    assert.ok(outputSchema, name);
    assert.equal(typeof annotations?.readOnlyHint, 'boolean', name);
    assert.doesNotMatch(JSON.stringify(tools.find((tool) => tool.name === name)?.inputSchema), /"agent"/);
  }
  // What the wire carries, as o200k counts it.
  const tokens = encode(JSON.stringify(tools)).length;
  t.diagnostic(`${tokens} tokens of schema`);
  assert.ok(tokens <= 4000, `${tokens} tokens`);
});
