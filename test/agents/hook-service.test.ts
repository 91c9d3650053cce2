import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { denied, HookPlace, numbered } from './hook-fixture.ts';

test('leases the edited lines, keeps others out of them and lets them edit elsewhere', async (t) => {
  const place = await HookPlace.open(t);
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 10\nline 11\n', 'ten\neleven\n')), undefined);
  assert.deepEqual(await place.locks(), ['claude:one src/a.ts:10-11']);
  const refused = denied(await place.edit('two', 'src/a.ts', 'eleven', '11'));
  assert.match(refused ?? '', /src\/a\.ts:11-11 is not yours to write: claude:one holds src\/a\.ts:10-11/);
  assert.match(refused ?? '', /for "edit in progress/);
  assert.equal(denied(await place.edit('two', 'src/a.ts', 'line 30\n', 'thirty\n')), undefined);
});

test('keeps a sub-agent out of what its parent holds, and the parent out of what it holds', async (t) => {
  const place = await HookPlace.open(t);
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  const sub = { agent_id: 'sub-7', agent_type: 'tester' };
  assert.match(denied(await place.edit('one', 'src/a.ts', 'first', 'x', sub)) ?? '', /claude:one holds/);
  await place.edit('one', 'src/a.ts', 'line 20\n', 'twenty\n', sub);
  assert.match(
    denied(await place.edit('one', 'src/a.ts', 'twenty', 'x')) ?? '',
    /tester \(claude:one\/sub-7\) holds/,
  );
  await place.hook('one', 'SubagentStop', sub);
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'twenty', 'x')), undefined);
});

test('releases what a session and its sub-agents hold when it ends', async (t) => {
  const place = await HookPlace.open(t);
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  await place.edit('one', 'src/a.ts', 'line 9\n', 'ninth\n', { agent_id: 's' });
  await place.running.acquire('claude:one', 'src/b.ts');
  await place.hook('one', 'SessionEnd', { reason: 'exit' });
  assert.deepEqual(await place.locks(), []);
});

test('takes a lock of the session itself as its own, whichever way it was taken', async (t) => {
  const place = await HookPlace.open(t);
  await place.running.acquire('claude:one', 'src/**');
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 5\n', 'five\n')), undefined);
  assert.deepEqual(await place.locks(), ['claude:one src/**']);
  assert.match(denied(await place.edit('two', 'src/a.ts', 'line 50\n', '50\n')) ?? '', /holds src\/\*\*/);
});

test('moves the lines of leases with their text', async (t) => {
  const place = await HookPlace.open(t);
  await place.running.acquire('bob', 'src/a.ts:40-42');
  await place.edit(
    'one',
    'src/a.ts',
    'line 5\nline 6\n',
    'five\nfive and a half\nsix\nseven of three more\n',
  );
  assert.ok((await place.locks('bob')).includes('bob src/a.ts:42-44'));
  assert.equal(place.read('src/a.ts').split('\n')[41], 'line 40');
  const input = {
    file_path: place.path('src/a.ts'),
    content: place.read('src/a.ts').replace('line 1\nline 2\n', ''),
  };
  await place.call('one', 'Write', input, () => place.write('src/a.ts', input.content));
  assert.ok((await place.locks('bob')).includes('bob src/a.ts:40-42'));
  assert.equal(place.read('src/a.ts').split('\n')[39], 'line 40');
});

test('records each change with its lines and hash', async (t) => {
  const place = await HookPlace.open(t);
  await place.edit('one', 'src/a.ts', 'line 5\n', 'five\nand more\n');
  const { deltas } = (await place.running.client.call('log', { cwd: place.repo, type: 'file_change' })).data;
  const [change] = deltas;
  assert.equal(change?.agent, 'claude:one');
  assert.deepEqual(change?.payload.lines, [{ start: 5, removed: 1, added: 2 }]);
  assert.match(String(change?.payload.hash), /^sha256:/);
  assert.equal(change?.payload.change, 'edit');
});

test('denies an edit of a file that changed since it was read, and says what changed and by whom', async (t) => {
  const place = await HookPlace.open(t);
  await place.readFile('one', 'src/a.ts');
  await place.edit('two', 'src/a.ts', 'line 7\nline 8\n', 'seven\neight\n');
  const refused = denied(await place.edit('one', 'src/a.ts', 'line 30\n', 'thirty\n'));
  assert.match(refused ?? '', /changed since you read it: claude:two changed lines 7-8 at .* Read it again/);
  // Asked again without reading, it is denied again; after reading it goes through.
  assert.notEqual(denied(await place.edit('one', 'src/a.ts', 'line 30\n', 'thirty\n')), undefined);
  await place.readFile('one', 'src/a.ts');
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 30\n', 'thirty\n')), undefined);
});

test('tells a client that never says what it reads only once', async (t) => {
  const place = await HookPlace.open(t);
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  place.write('src/a.ts', place.read('src/a.ts').replace('line 50', 'fifty'));
  assert.match(
    denied(await place.edit('one', 'src/a.ts', 'line 3\n', '3\n')) ?? '',
    /that agent-collab did not see/,
  );
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 3\n', '3\n')), undefined);
});

test('tells of a lost lease before the next write, and lets the one after that through', async (t) => {
  const place = await HookPlace.open(t);
  const lock = await place.running.acquire('claude:one', 'src/a.ts:1-5');
  await place.running.client.call('lock.force', { id: lock.id, by: 'ann', reason: 'it hung' });
  const refused = denied(await place.edit('one', 'src/a.ts', 'line 2\n', 'two\n'));
  assert.match(refused ?? '', /was released by force by ann \(it hung\)/);
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 2\n', 'two\n')), undefined);
});

test('tells of a lease that expired before the next write', async (t) => {
  const place = await HookPlace.open(t);
  await place.running.acquire('claude:one', 'src/a.ts:1-5', { ttlMs: 30 });
  while ((await place.locks()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(
    denied(await place.edit('one', 'src/a.ts', 'line 2\n', 'two\n')) ?? '',
    /expired.*read it again/,
  );
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 2\n', 'two\n')), undefined);
});

test('tells of a lost lease with whatever call comes next', async (t) => {
  const place = await HookPlace.open(t);
  const lock = await place.running.acquire('claude:one', 'src/a.ts:1-5');
  await place.running.client.call('lock.force', { id: lock.id, by: 'ann', reason: 'it hung' });
  const reply = await place.call('one', 'Bash', { command: 'ls' });
  assert.match(reply.hookSpecificOutput?.additionalContext ?? '', /released by force/);
  assert.equal(denied(await place.edit('one', 'src/a.ts', 'line 2\n', 'two\n')), undefined);
});

test('checks every file of a patch of Codex and denies all of it for one', async (t) => {
  const place = await HookPlace.open(t, { 'src/b.ts': numbered(5), 'src/c.ts': numbered(5) });
  await place.running.acquire('bob', 'src/c.ts');
  const patch = (last: string) =>
    `*** Begin Patch\n*** Add File: src/new.ts\n+x\n*** Update File: src/a.ts\n@@\n-line 3\n+three\n*** Update File: src/b.ts\n*** Move to: src/moved.ts\n@@\n-line 1\n+one\n${last}*** End Patch\n`;
  const event = (command: string) => ({
    tool_name: 'apply_patch',
    tool_input: { command },
    tool_use_id: 'c1',
  });
  const refused = denied(
    await place.hook('t', 'PreToolUse', event(patch('*** Delete File: src/c.ts\n')), 'codex'),
  );
  assert.match(refused ?? '', /^src\/c\.ts is not yours to write: bob holds src\/c\.ts/);
  assert.deepEqual(await place.locks('codex:t'), []);
  const command = patch('');
  assert.equal(denied(await place.hook('t', 'PreToolUse', event(command), 'codex')), undefined);
  assert.deepEqual(await place.locks('codex:t'), ['codex:t src/new.ts src/a.ts:3-4 src/b.ts src/moved.ts']);
  place.write('src/new.ts', 'x\n');
  renameSync(place.path('src/b.ts'), place.path('src/moved.ts'));
  await place.hook('t', 'PostToolUse', event(command), 'codex');
  const { deltas } = (await place.running.client.call('log', { cwd: place.repo, type: 'file_change' })).data;
  assert.deepEqual(deltas.map(({ payload }) => `${payload.change} ${payload.path}`).sort(), [
    'create src/moved.ts',
    'create src/new.ts',
    'delete src/b.ts',
  ]);
  await place.hook('t', 'Stop', {}, 'codex');
  assert.deepEqual(await place.locks('codex:t'), []);
});

const shellWrites: readonly (readonly [string, boolean])[] = [
  ['echo x > src/held.ts', true],
  ['echo x >> src/held.ts', true],
  ['make | tee src/held.ts', true],
  ["sed -i 's/a/b/' src/held.ts", true],
  ['mv src/held.ts elsewhere.ts', true],
  ['mv src/free.ts src/held.ts', true],
  ['cp src/free.ts src/held.ts', true],
  ['cp src/held.ts copy.ts', false],
  ['rm src/held.ts', true],
  ['rm -r src', true],
  ['rm src/*.ts', true],
  ['cp other/held.ts src/', true],
  ['git checkout -- src/held.ts', true],
  ['git checkout HEAD -- src', true],
  ["cat > src/held.ts <<'E'\nx\nE", true],
  ['cd src && echo > held.ts', true],
  ['(cd src); echo > held.ts', false],
  ['cat src/held.ts > out.txt', false],
  ['echo "> src/held.ts"', false],
  ['echo > /outside/of/any/project', false],
  ['echo > "$F"', false],
];
test('holds shell commands to leases', async (t) => {
  const place = await HookPlace.open(t, { 'src/held.ts': 'h\n', 'src/free.ts': 'f\n' });
  await place.running.acquire('bob', 'src/held.ts');
  for (const [command, isDenied] of shellWrites) {
    const reply = await place.hook('one', 'PreToolUse', { tool_name: 'Bash', tool_input: { command } });
    assert.equal(denied(reply) !== undefined, isDenied, command);
    await place.hook('one', 'SessionEnd');
    const codex = { tool_name: 'shell', tool_input: { command: ['bash', '-lc', command] } };
    const other = await place.hook('three', 'PreToolUse', codex, 'codex');
    assert.equal(denied(other) !== undefined, isDenied, `codex: ${command}`);
    await place.hook('three', 'Stop', {}, 'codex');
  }
});

test('allows what it cannot read, and records that', async (t) => {
  const place = await HookPlace.open(t);
  for (const [tool, input] of [
    ['Bash', { command: 'echo > "$F"' }],
    ['Bash', { command: "echo 'open" }],
    ['Edit', { file_path: 5 }],
    ['apply_patch', { command: 'no patch' }],
  ] as const)
    assert.equal(
      denied(await place.hook('one', 'PreToolUse', { tool_name: tool, tool_input: input })),
      undefined,
    );
  const { events } = (await place.running.client.call('audit', { action: 'unparsed' })).data;
  assert.equal(events.length, 4);
  assert.ok(
    events.every(({ holder, metadata }) => holder === 'claude:one' && metadata?.reason !== undefined),
  );
});

test('ignores a name in the arguments: identity comes from the harness', async (t) => {
  const place = await HookPlace.open(t);
  await place.running.acquire('claude:two', 'src/a.ts');
  const input = {
    file_path: place.path('src/a.ts'),
    old_string: 'line 1\n',
    new_string: 'x\n',
    agent: 'claude:two',
    session_id: 'two',
  };
  assert.notEqual(denied(await place.call('one', 'Edit', input)), undefined);
});

test('answers every tool of every client with something, and odd events with a clear error', async (t) => {
  const place = await HookPlace.open(t);
  for (const tool of ['Write', 'MultiEdit', 'NotebookEdit', 'Glob', 'toString', '__proto__', ''])
    assert.deepEqual(await place.hook('one', 'PreToolUse', { tool_name: tool, tool_input: null }), {});
  assert.deepEqual(await place.hook('one', 'SomethingNew'), {});
  for (const [path, event, status] of [
    ['/v1/hook/claude', {}, 400],
    ['/v1/hook/claude', [], 400],
    ['/v1/hook/claude', { session_id: 's', hook_event_name: 'PreToolUse', cwd: 'relative' }, 400],
    ['/v1/hook/claude', { session_id: 's\u0000', hook_event_name: 'Stop', cwd: '/' }, 400],
    ['/v1/hook/notepad', {}, 404],
  ] as const)
    assert.equal((await place.post(path, event)).status, status, JSON.stringify(event));
});

/** Writes past the lease until that shows: the watch is there some moments after the lease. */
async function violate(place: HookPlace, name: string) {
  const violations = async () => (await place.running.client.call('status', {})).data.violations;
  for (let turn = 0; (await violations()).count === 0; turn += 1) {
    writeFileSync(place.path(name), `changed ${turn}\n`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(turn < 100);
  }
  return violations();
}

test('counts a change of a leased file that its holder did not make as a violation', async (t) => {
  const place = await HookPlace.open(t);
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  assert.match(
    (await violate(place, 'src/a.ts')).newest?.what ?? '',
    /src\/a\.ts, which claude:one holds, was changed/,
  );
  const { events } = (await place.running.client.call('audit', { action: 'violation' })).data;
  assert.equal(events[0]?.holder, 'claude:one');
});

test('takes what the holder does, and what it lets others do, for no violation', async (t) => {
  const place = await HookPlace.open(t, { 'src/b.ts': 'b\n' });
  await place.edit('one', 'src/a.ts', 'line 1\n', 'first\n');
  for (let at = 2; at < 8; at += 1) await place.edit('one', 'src/a.ts', `line ${at}\n`, `row ${at}\n`);
  await place.edit('two', 'src/a.ts', 'line 40', 'forty');
  await place.call('one', 'Bash', { command: 'npm run format' }, () =>
    place.write('src/a.ts', 'formatted\n'),
  );
  await place.edit('one', 'src/b.ts', 'b', 'c');
  const { newest, count } = await violate(place, 'src/b.ts');
  assert.match(newest?.what ?? '', /^src\/b\.ts/);
  assert.equal(count, 1);
});
