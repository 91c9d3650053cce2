/** A day of two agents: Claude Code with MCP and hooks, Codex with hooks and MCP, on sources of this project, the daemon killed at noon. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { denied, type HookReply } from '../agents/hook-fixture.ts';
import { CliFixture } from '../cli/cli-fixture.ts';
import { connectProgram, type McpClient } from './mcp-fixture.ts';

const sources = fileURLToPath(new URL('../../src/lock', import.meta.url));

class Day {
  readonly cli = new CliFixture();
  readonly #gitEnvironment = {
    PATH: process.env.PATH,
    HOME: this.cli.path('.'),
    AGENT_COLLAB_HOME: this.cli.home,
    CLAUDE_CODE_SESSION_ID: 'ada',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.org',
  };
  #calls = 0;

  constructor(t: TestContext) {
    t.after(() => this.cli.close());
    cpSync(sources, join(this.cli.repository, 'src/lock'), { recursive: true });
    this.git('add', '-A');
    this.git('commit', '-q', '-m', 'as it was');
  }

  git(...words: string[]): string {
    const options = { cwd: this.cli.repository, env: this.#gitEnvironment, encoding: 'utf8' } as const;
    return execFileSync('git', words, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  path(name: string): string {
    return join(this.cli.repository, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  mcp(t: TestContext, session: Readonly<Record<string, string>>): Promise<McpClient> {
    return connectProgram(
      t,
      this.cli.repository,
      { HOME: this.cli.path('.'), AGENT_COLLAB_HOME: this.cli.home, ...session },
      'auto',
    );
  }

  async hook(
    client: 'claude' | 'codex',
    session: string,
    moment: string,
    fields: object = {},
  ): Promise<HookReply> {
    const event = { session_id: session, cwd: this.cli.repository, hook_event_name: moment, ...fields };
    const { stdout, code } = await this.cli.run(['hook', client], { input: JSON.stringify(event) });
    assert.equal(code, 0);
    return JSON.parse(stdout) as HookReply;
  }

  /** Ada works in Claude Code: her edits are exact replacements. */
  async edit(name: string, old: string, next: string): Promise<HookReply> {
    const input = { file_path: this.path(name), old_string: old, new_string: next };
    return this.#call('claude', 'ada', 'Edit', input, () =>
      writeFileSync(this.path(name), this.read(name).replace(old, next)),
    );
  }

  readFile(name: string): Promise<HookReply> {
    return this.#call('claude', 'ada', 'Read', { file_path: this.path(name) }, () => {});
  }

  /** Ben works in Codex: his edits are patches. */
  async patch(name: string, old: string, next: string): Promise<HookReply> {
    const command = `*** Begin Patch\n*** Update File: ${name}\n@@\n-${old}\n+${next}\n*** End Patch\n`;
    return this.#call('codex', 'ben', 'apply_patch', { command }, () =>
      writeFileSync(this.path(name), this.read(name).replace(old, next)),
    );
  }

  async #call(
    client: 'claude' | 'codex',
    session: string,
    tool: string,
    input: object,
    act: () => void,
  ): Promise<HookReply> {
    this.#calls += 1;
    const event = { tool_name: tool, tool_input: input, tool_use_id: `t${this.#calls}` };
    const reply = await this.hook(client, session, 'PreToolUse', event);
    if (denied(reply) !== undefined) return reply;
    act();
    await this.hook(client, session, 'PostToolUse', { ...event, tool_response: {} });
    return reply;
  }

  async locks(): Promise<readonly string[]> {
    const { data } = await this.cli.json(['lock', 'list']);
    return data.locks.map(
      (lock: { holder: string; targets: { text: string }[] }) =>
        `${lock.holder} ${lock.targets.map(({ text }) => text)}`,
    );
  }

  /** SIGKILL, and whatever is called next starts another one. */
  kill(): void {
    const pid = this.cli.daemonPid();
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
  }
}

const lease = 'src/lock/lease.ts';

test('plays a day of two agents, with the daemon killed in the middle', async (t) => {
  const day = new Day(t);
  await day.cli.json(['setup', 'git']);
  const ada = await day.mcp(t, { CLAUDE_CODE_SESSION_ID: 'ada' });
  const ben = await day.mcp(t, { CODEX_SESSION_ID: 'ben' });
  const lock = await morning(day, ada, ben);
  day.kill();
  await afternoon(day, ada, ben, lock);
  await evening(day, lock);
});

interface Reserved {
  readonly id: string;
  readonly fence: number;
}

/** Ada reserves a class and says why; Ben hears of both, and works above her lines. */
async function morning(day: Day, ada: McpClient, ben: McpClient): Promise<Reserved> {
  await day.hook('claude', 'ada', 'SessionStart', { source: 'startup' });
  const { lock } = (
    await ada.call('acquire_lock', { targets: [`${lease}:10-60`], intention: 'make leases lighter' })
  ).data;
  await ada.call('share_context', {
    path: lease,
    content: 'Leases must never be changed in place: claims are replaced.',
  });
  const news = await day.hook('codex', 'ben', 'SessionStart', { source: 'startup' });
  assert.match(
    news.hookSpecificOutput?.additionalContext ?? '',
    /context src\/lock\/lease\.ts: claude:ada: Leases must never/,
  );
  const refused = denied(
    await day.patch(lease, '  readonly shared: boolean;', '  readonly isShared: boolean;'),
  );
  assert.match(refused ?? '', /claude:ada holds src\/lock\/lease\.ts:10-60.*"make leases lighter"/);
  const plan = { text: 'Change leases in place when claims are replaced', when: 'before' };
  assert.equal((await ben.call('check_cohesion', plan)).data.verdict, 'conflict');

  // Ben edits above Ada's lines; they stay hers where they are now.
  const first = day.read(lease).split('\n')[0] ?? '';
  assert.equal(denied(await day.patch(lease, first, `// Ben was here.\n// Twice.\n${first}`)), undefined);
  assert.ok((await day.locks()).includes(`claude:ada ${lease}:12-62`));
  const told = (await ada.call('get_updates')).data.updates.map(({ kind }: { kind: string }) => kind);
  assert.deepEqual(told, ['denied', 'changed']);
  await day.readFile(lease);
  assert.equal(
    denied(await day.edit(lease, '  readonly shared: boolean;', '  readonly shared: boolean; // kept')),
    undefined,
  );
  return lock;
}

/** Ada is told before she writes, then goes on; what was shared and recorded is there. */
async function afternoon(day: Day, ada: McpClient, ben: McpClient, lock: Reserved): Promise<void> {
  assert.match(
    denied(await day.edit(lease, '// kept', '// really kept')) ?? '',
    /ended with a restart of the daemon/,
  );
  assert.equal(denied(await day.edit(lease, '// kept', '// really kept')), undefined);
  const again = (
    await ada.call('acquire_lock', { targets: ['src/lock/fence.ts'], intention: 'look at fences' })
  ).data.lock;
  assert.ok(again.fence > lock.fence);
  assert.equal(
    (await ben.call('search_similar', { query: 'leases changed' })).data.hits[0].agent,
    'claude:ada',
  );
  // Ben last saw the file before Ada's change.
  const stale = denied(await day.patch(lease, '// Twice.', '// Once.'));
  assert.match(stale ?? '', /changed since you read it: claude:ada changed lines \d+/);
  assert.equal(denied(await day.patch(lease, '// Twice.', '// Once.')), undefined);
}

/** Ada commits only what nobody else holds. */
async function evening(day: Day, lock: Reserved): Promise<void> {
  day.git('add', lease);
  assert.throws(() => day.git('commit', '-q', '-m', 'lighter'), /codex:ben holds/);
  await day.hook('codex', 'ben', 'Stop');
  day.git('commit', '-q', '-m', 'lighter');
  await day.hook('claude', 'ada', 'SessionEnd', { reason: 'exit' });
  assert.deepEqual(await day.locks(), []);
  const { data: status } = await day.cli.json(['status']);
  assert.equal(status.violations.count, 0);
  const { data: trail } = await day.cli.json(['audit', '--action', 'lost']);
  assert.ok(trail.events.some((event: { lock: string }) => event.lock === lock.id));
}
