import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HookPlace, numbered } from './hook-fixture.ts';

async function updates(place: HookPlace, agent: string, paths: readonly string[] = []) {
  const { data } = await place.running.client.call('agent.updates', {
    agent,
    cwd: place.repo,
    paths: [...paths],
  });
  return data;
}

async function kinds(place: HookPlace, agent: string, paths: readonly string[] = []) {
  return (await updates(place, agent, paths)).updates.map(({ kind, path }) => `${kind} ${path ?? ''}`.trim());
}

test('tells what concerns the files of an agent, the urgent first, and each once', async (t) => {
  const place = await HookPlace.open(t, { 'src/b.ts': numbered(5) });
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  await updates(place, 'claude:one');
  await place.edit('two', 'src/a.ts', 'line 30\n', 'thirty\n');
  await place.edit('two', 'src/a.ts', 'line 31\n', 'thirty-one\n');
  await place.edit('two', 'src/b.ts', 'line 2\n', 'two\n');
  await place.edit('two', 'src/a.ts', 'first', 'x');
  await place.running.share('bob', 'src/a.ts', 'a.ts is generated');
  await place.running.share('bob', 'src', 'src is linted');
  await place.running.share('bob', 'docs', 'docs are elsewhere');
  const lock = await place.running.acquire('claude:one', 'src/c.ts');
  await place.running.client.call('lock.force', { id: lock.id, by: 'ann', reason: 'hung' });
  place.running.notices.length = 0;
  const told = await updates(place, 'claude:one');
  assert.deepEqual(
    told.updates.map(({ kind, path }) => `${kind} ${path ?? ''}`.trim()),
    ['lost', 'denied src/a.ts', 'context src', 'context src/a.ts', 'changed src/a.ts'],
  );
  assert.match(told.updates[1]?.text ?? '', /claude:two was denied src\/a\.ts:1-1 .* because you hold/);
  assert.match(told.updates.at(-1)?.text ?? '', /claude:two changed lines 31 at/);
  assert.deepEqual(await kinds(place, 'claude:one'), []);
});

test('tells of further paths that an agent asks for, and nothing of what its own family does', async (t) => {
  const place = await HookPlace.open(t, { 'src/b.ts': numbered(5) });
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  await updates(place, 'claude:one');
  await place.edit('one', 'src/a.ts', 'line 9\n', 'ninth\n', { agent_id: 'sub' });
  await place.edit('two', 'src/b.ts', 'line 1\n', 'first\n');
  assert.deepEqual(await kinds(place, 'claude:one', ['src/b.*']), ['changed src/b.ts']);
});

test('stays under 2 KB whatever happens, and says how to get the rest', async (t) => {
  const place = await HookPlace.open(t);
  for (let at = 0; at < 30; at += 1)
    await place.running.share('bob', '.', `fact ${at}: ${'ü🙂'.repeat(200)}`);
  const told = await updates(place, 'claude:new');
  assert.ok(
    Buffer.byteLength(JSON.stringify(told)) < 2048,
    `${Buffer.byteLength(JSON.stringify(told))} bytes`,
  );
  assert.ok(told.updates.length > 0 && told.more > 0);
  assert.match(told.next ?? '', /agent-collab context list/);
});

test('gives the news when a session starts and when its user speaks, under 2 KB', async (t) => {
  const place = await HookPlace.open(t);
  await place.running.share('bob', '.', 'The build needs node 20.');
  const start = await place.hook('one', 'SessionStart', { source: 'startup' });
  assert.match(
    start.hookSpecificOutput?.additionalContext ?? '',
    /context \.: bob: The build needs node 20\./,
  );
  assert.deepEqual(await place.hook('one', 'UserPromptSubmit', { prompt: 'go' }), {});
  for (let at = 0; at < 30; at += 1) await place.running.share('bob', '.', `fact ${at}: ${'x'.repeat(500)}`);
  const more = await place.hook('one', 'UserPromptSubmit', { prompt: 'go on' });
  assert.ok(Buffer.byteLength(more.hookSpecificOutput?.additionalContext ?? '') <= 2048);
  assert.match(more.hookSpecificOutput?.additionalContext ?? '', /and \d+ more: ask get_updates/);
});
