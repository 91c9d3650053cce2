import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { CliFixture } from '../cli/cli-fixture.ts';

/** The fixture's own directory is the user's home: clients' settings lie beside the repository. */
let cli: CliFixture;
const file = (name: string) => cli.path(name);
const read = (name: string) => readFileSync(file(name), 'utf8');

function write(name: string, text: string): void {
  mkdirSync(dirname(file(name)), { recursive: true });
  writeFileSync(file(name), text, { mode: 0o640 });
}

const settings = `{
  // mine
  "model": "opus"
}
`;

before(() => {
  cli = new CliFixture();
});
after(() => cli.close());

test('fails with SETUP_FAILED where no client is installed, and for a client that does not exist', async () => {
  const { exit, error } = await cli.json(['setup']);
  assert.deepEqual([exit, error?.code], [5, 'SETUP_FAILED']);
  assert.equal((await cli.json(['setup', 'notepad'])).error?.code, 'USAGE');
});

test('shows what would change and changes nothing with --dry-run', async () => {
  write('.claude/settings.json', settings);
  const { stdout, code } = await cli.run(['setup', '--dry-run']);
  assert.equal(code, 0);
  assert.match(stdout, /\+ +"PreToolUse"/);
  assert.match(stdout, /Bearer …/);
  assert.equal(read('.claude/settings.json'), settings);
  assert.equal(existsSync(file('.claude.json')), false);
});

test('connects every installed client, by a real call, and once is enough', async () => {
  write('.codex/config.toml', '# mine\nmodel = "x"\n');
  write('.gemini/settings.json', '{}');
  const { data } = await cli.json(['setup']);
  assert.deepEqual(
    data.clients.map(({ client, state }: { client: string; state: string }) => `${client} ${state}`),
    ['claude connected', 'codex connected', 'gemini connected'],
  );
  const written = [
    '.claude.json',
    '.claude/settings.json',
    '.codex/config.toml',
    '.codex/hooks.json',
    '.gemini/settings.json',
  ];
  const texts = written.map(read);
  assert.match(texts[1] ?? '', /\/\/ mine/);
  assert.equal(statSync(file('.claude/settings.json')).mode & 0o777, 0o640);
  const again = await cli.json(['setup']);
  assert.ok(
    again.data.clients.every((one: { files: { changes: boolean }[] }) =>
      one.files.every(({ changes }) => !changes),
    ),
  );
  assert.deepEqual(written.map(read), texts);
  const { data: state } = await cli.json(['setup', 'status']);
  assert.ok(state.clients.every((one: { state: string }) => one.state === 'connected'));
});

test('serves the hook that it wrote, with the token that it wrote, and lets that token do nothing else', async () => {
  const { hooks } = JSON.parse(read('.claude/settings.json').replace('// mine', ''));
  const [{ url, headers }] = hooks.PreToolUse[0].hooks;
  const event = { session_id: 's', hook_event_name: 'UserPromptSubmit', cwd: cli.repository };
  const post = (to: string) => fetch(to, { method: 'POST', headers, body: JSON.stringify(event) });
  assert.equal((await post(url)).status, 200);
  assert.equal((await post(url.replace('/v1/hook/claude', '/v1/status'))).status, 401);
  // The address and the token outlive the daemon.
  await cli.json(['daemon', 'restart']);
  assert.equal((await post(url)).status, 200);
});

test('reports drift, and mends it', async () => {
  write('.gemini/settings.json', read('.gemini/settings.json').replace('"mcp"', '"old"'));
  const drifted = await cli.json(['setup', 'status,gemini']);
  assert.equal(drifted.data.clients[0].state, 'drifted');
  await cli.json(['setup', 'gemini']);
  assert.equal((await cli.json(['setup', 'status,gemini'])).data.clients[0].state, 'connected');
});

test('refuses a file that it cannot read, leaves it alone, and goes on with the others', async () => {
  write('.cursor/mcp.json', '{ broken');
  const { data } = await cli.json(['setup', 'cursor,gemini']);
  const [cursor, gemini] = data.clients;
  assert.deepEqual(
    [cursor.state, cursor.error.code, gemini.state],
    ['failed', 'CLIENT_CONFIG_INVALID', 'connected'],
  );
  assert.equal(read('.cursor/mcp.json'), '{ broken');
  assert.equal((await cli.json(['setup', 'cursor'])).error?.code, 'SETUP_FAILED');
});

test('takes everything of ours out again with --remove', async () => {
  await cli.json(['setup', 'claude,codex,gemini', '--remove']);
  assert.equal(read('.claude/settings.json'), settings);
  assert.equal(read('.codex/config.toml'), '# mine\nmodel = "x"\n');
  assert.deepEqual(JSON.parse(read('.gemini/settings.json')), {});
});

test('puts its lines into the git hooks of all worktrees beside what is there, and takes them out', async () => {
  const pre = join(cli.repository, '.git/hooks/pre-commit');
  writeFileSync(pre, '#!/bin/sh\necho mine\n', { mode: 0o755 });
  await cli.json(['setup', 'git']);
  const text = readFileSync(pre, 'utf8');
  assert.match(
    text,
    /^#!\/bin\/sh\n# >>> agent-collab\n.* hook pre-commit \|\| exit \$\?\n# <<< agent-collab\necho mine\n$/,
  );
  await cli.json(['setup', 'git']);
  assert.equal(readFileSync(pre, 'utf8'), text);
  assert.match(
    readFileSync(join(cli.repository, '.git/hooks/post-commit'), 'utf8'),
    /hook post-commit \|\| true/,
  );
  await cli.json(['setup', 'git', '--remove']);
  assert.equal(readFileSync(pre, 'utf8'), '#!/bin/sh\necho mine\n');
  assert.equal(existsSync(join(cli.repository, '.git/hooks/post-commit')), false);
  writeFileSync(pre, '#!/usr/bin/env python3\n', { mode: 0o755 });
  assert.equal((await cli.json(['setup', 'git'])).error?.code, 'CLIENT_CONFIG_INVALID');
  execFileSync('rm', [pre]);
});

test('checks commits of every worktree, and sees those that went past the check', async () => {
  await cli.json(['setup', 'git']);
  const tree = cli.path('worktree');
  const env = {
    PATH: process.env.PATH,
    HOME: cli.path('.'),
    AGENT_COLLAB_HOME: cli.home,
    AGENT_COLLAB_AGENT: 'me',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.org',
  };
  const git = (cwd: string, ...words: string[]) =>
    execFileSync('git', words, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  git(cli.repository, 'add', '-A');
  git(cli.repository, 'commit', '-q', '-m', 'first');
  git(cli.repository, 'worktree', 'add', '-q', tree);
  const { data } = await cli.json(['lock', 'acquire', 'src/login.ts:1-2', '-m', 'busy', '--agent', 'bob']);
  writeFileSync(join(tree, 'src/login.ts'), 'changed\n');
  writeFileSync(join(tree, 'free.ts'), 'free\n');
  git(tree, 'add', 'free.ts');
  git(tree, 'commit', '-q', '-m', 'free');
  git(tree, 'add', '-A');
  assert.throws(
    () => git(tree, 'commit', '-q', '-m', 'refused'),
    (error: { stderr: string }) =>
      /src\/login\.ts: bob holds src\/login\.ts:1-2 for "busy"/.test(error.stderr),
  );
  git(tree, 'commit', '-q', '--no-verify', '-m', 'forced');
  const { data: trail } = await cli.json(['audit', '--action', 'violation']);
  assert.equal(trail.events.length, 1);
  assert.deepEqual([trail.events[0].holder, trail.events[0].metadata.by], ['bob', 'me']);
  const { data: status } = await cli.json(['status']);
  assert.match(
    status.violations.newest.what,
    /src\/login\.ts, which bob holds, was committed past the check by me/,
  );
  await cli.json(['lock', 'release', data.lock.id, '--agent', 'bob']);
});
