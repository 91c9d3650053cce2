/** Every command, run with --json: what it prints when it does its work, and when it fails, fits its schema in docs/schemas/. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type CommandName, commands } from '../../src/cli/commands.ts';
import type { PeerView } from '../../src/control/cluster-views.ts';
import { writeLegacyHome } from '../migrate/legacy-home.ts';
import { program } from '../support/built-program.ts';
import { CliFixture, type EnvelopeOf, finished, linesOf } from './cli-fixture.ts';
import { assertFits, schemaNames } from './json-schema.ts';

const cli = new CliFixture();
const other = { AGENT_COLLAB_HOME: cli.path('other') };
const legacy = { AGENT_COLLAB_HOME: cli.path('legacy') };
/** No daemon, and none may be started. */
const nowhere = { AGENT_COLLAB_HOME: cli.path('nowhere'), AGENT_COLLAB_NO_AUTOSTART: '1' };

type Environment = Readonly<Record<string, string>>;

interface Sample {
  /** Does the work. The fixture holds each answer against the schema. Null: what is printed is no envelope. */
  readonly works: (() => Promise<unknown>) | null;
  /** What stands behind the command on a line that fails where no daemon runs and none may be started. */
  readonly fails: string;
}

/** A line that has to work; words are split at blanks. */
async function works(line: string, env: Environment = {}, input = ''): Promise<EnvelopeOf['data']> {
  const { ok, data, error } = await cli.json(line.split(' '), { env, input });
  assert.ok(ok, `${line}: ${JSON.stringify(error)}`);
  return data;
}

const line = (text: string, env?: Environment) => () => works(text, env);
const lock = async (path: string): Promise<string> =>
  (await works(`lock acquire ${path} -m why --agent ann`)).lock.id;

/** The first line of a command that goes on, which then is told to end. */
async function firstLine(name: string, args: readonly string[], env: Environment = {}): Promise<void> {
  const child = cli.spawn([...name.split(' '), ...args, '--json'], { env });
  const { value } = await linesOf(child).next();
  child.kill('SIGTERM');
  const envelope = JSON.parse(value) as EnvelopeOf;
  assert.equal(envelope.ok, true);
  assertFits(name, envelope);
}

/** Standard output of all of these, run one after the other by one process: starting it takes longest. */
async function printedBy(lines: readonly string[]): Promise<readonly string[]> {
  const { nodeArguments, root, extension } = program();
  const module = pathToFileURL(`${root}src/cli/run-command.${extension}`).href;
  const code = `const { runCommandLine } = await import(${JSON.stringify(module)});
    for (const line of ${JSON.stringify(lines)}) await runCommandLine([...line.split(' '), '--json']);
    process.exit(0);`;
  const env = { ...process.env, ...nowhere };
  const child = spawn(process.execPath, [...nodeArguments, '--input-type=module', '-e', code], {
    cwd: cli.repository,
    env,
  });
  const { stdout, stderr } = await finished(child);
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

/** In the order in which they run: one needs what another has left. */
const samples: { readonly [Name in CommandName]: Sample } = {
  run: {
    works: () => firstLine('run', ['--memory'], { AGENT_COLLAB_HOME: cli.path('run') }),
    fails: '--nope',
  },
  'daemon start': { works: line('daemon start'), fails: '--nope' },
  'daemon status': { works: line('daemon status'), fails: '' },
  status: { works: line('status'), fails: '' },
  dashboard: { works: line('dashboard'), fails: '' },
  agents: { works: line('agents'), fails: '' },
  watch: { works: () => firstLine('watch', []), fails: '' },
  logs: {
    works: async () => {
      await works('logs');
      await firstLine('logs', ['--follow']);
    },
    fails: '--level loud',
  },
  support: { works: line('support'), fails: '--nope' },
  version: { works: line('version'), fails: '--nope' },
  completion: { works: line('completion zsh'), fails: 'tcsh' },
  'lock acquire': {
    works: async () => {
      await works('lock acquire src/login.ts:1-9 src/login.ts#login -m why --agent ann --shared');
      const denied = await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'x', '--agent', 'ben']);
      assert.equal(denied.error?.code, 'LOCK_DENIED');
    },
    fails: 'a.ts -m x',
  },
  'lock renew': {
    works: async () => works(`lock renew ${await lock('renew.ts')} --agent ann`),
    fails: 'lk_none',
  },
  'lock check': { works: async () => works(`lock check ${await lock('check.ts')}`), fails: 'lk_none' },
  'lock release': {
    works: async () => works(`lock release ${await lock('release.ts')} --agent ann`),
    fails: 'lk_none',
  },
  'lock list': { works: line('lock list'), fails: '--path ../../outside' },
  'lock force': {
    works: async () => {
      await works(`lock force ${await lock('force.ts')} --reason test --agent ben`);
      // Ann hears of it with her next answer.
      const told = await cli.json(['why', 'src/login.ts', '--agent', 'ann']);
      assert.equal(told.notices?.length, 1);
    },
    fails: 'lk_none --reason x',
  },
  'lock history': { works: line('lock history'), fails: '--limit 0' },
  why: { works: line('why src/login.ts:5'), fails: '../../outside' },
  'context share': {
    works: () => works('context share src/login.ts - --tag auth', {}, 'tokens expire'),
    fails: 'a.ts',
  },
  'context list': { works: line('context list'), fails: '--limit 0' },
  'context show': {
    works: async () => works(`context show ${(await works('context list')).contexts[0].id}`),
    fails: 'nobody:1',
  },
  'context search': { works: line('context search tokens'), fails: 'x' },
  'interests add': { works: line('interests add auth/** --agent ann'), fails: '../../outside' },
  interests: { works: line('interests'), fails: '' },
  'interests remove': { works: line('interests remove --agent ann'), fails: '' },
  log: {
    works: async () => {
      await works('log');
      await firstLine('log', ['--follow']);
    },
    fails: '--type nothing',
  },
  audit: {
    works: async () => {
      await works('audit --limit 2');
      await firstLine('audit', ['--follow']);
    },
    fails: '--from yesterdayish',
  },
  usage: { works: line('usage --by model'), fails: '--by colour' },
  'config show': { works: line('config show'), fails: '--nope' },
  'config get': { works: line('config get locks.partition'), fails: 'nothing' },
  'config set': { works: line('config set storage.maxBytes 1GiB'), fails: 'port many' },
  'config reset': { works: line('config reset'), fails: 'nothing' },
  compact: { works: line('compact'), fails: '' },
  setup: {
    works: async () => {
      await works('setup claude --dry-run');
      await works('setup claude,git');
      await works('setup status');
    },
    fails: 'emacs',
  },
  mcp: { works: null, fails: '--nope' },
  hook: { works: null, fails: 'vim' },
  doctor: { works: line('doctor --fix'), fails: '--nope' },
  verify: { works: line('verify'), fails: '--nope' },
  init: { works: line('init acme'), fails: 'again' },
  invite: { works: line('invite'), fails: '' },
  'invite list': { works: line('invite list'), fails: '' },
  'invite revoke': {
    works: async () => works(`invite revoke ${(await works('invite list')).invites[0].id}`),
    fails: '0000',
  },
  join: {
    works: async () => works('join -', other, (await works('invite')).token),
    fails: 'nonsense',
  },
  'peers list': { works: line('peers list'), fails: '' },
  'cluster rotate': { works: line('cluster rotate'), fails: '' },
  'peers evict': {
    works: async () => {
      const { peers } = await works('peers list');
      await works(`peers evict ${peers.find((peer: PeerView) => peer.state !== 'self').node}`);
    },
    fails: 'nobody',
  },
  leave: { works: line('leave'), fails: '' },
  'daemon restart': { works: line('daemon restart'), fails: '--nope' },
  backup: {
    works: async () => {
      await works('backup');
      await works('backup --list');
    },
    fails: `--list --to ${cli.path('file')}`,
  },
  'daemon stop': {
    works: async () => {
      await works('daemon stop');
      await works('daemon stop');
    },
    fails: '--nope',
  },
  restore: {
    works: async () => works(`restore ${(await works('backup --list')).backups[0].name}`),
    fails: 'none',
  },
  'migrate start': {
    works: async () => {
      assert.equal((await works('migrate start')).outcome, 'nothing');
      assert.equal((await works('migrate start', legacy)).outcome, 'migrated');
      assert.equal((await works('migrate start', legacy)).outcome, 'already');
    },
    fails: '--nope',
  },
  'migrate status': { works: line('migrate status', legacy), fails: '--nope' },
  'migrate rollback': { works: line('migrate rollback', legacy), fails: '--nope' },
  'migrate backups': { works: line('migrate backups', legacy), fails: '--nope' },
  'migrate restore': {
    works: async () =>
      works(`migrate restore ${(await works('migrate backups', legacy)).backups[0].name}`, legacy),
    fails: 'none',
  },
};

describe('with --json', { concurrency: 1 }, () => {
  before(() => {
    writeFileSync(cli.path('file'), '');
    for (const { AGENT_COLLAB_HOME } of [legacy, other]) mkdirSync(AGENT_COLLAB_HOME, { mode: 0o700 });
    writeLegacyHome(legacy.AGENT_COLLAB_HOME);
  });
  after(async () => {
    await cli.run(['daemon', 'stop'], { env: other });
    await cli.close();
  });

  for (const [name, { works }] of Object.entries(samples)) {
    if (works === null) continue;
    it(`${name} prints data that fit its schema`, async () => {
      await works();
    });
  }

  it('every command prints a failure that fits the schema of failures', async () => {
    const lines = Object.entries(samples).map(([name, { fails }]) => `${name} ${fails}`.trim());
    const printed = await printedBy(lines);
    assert.equal(printed.length, lines.length);
    for (const [at, name] of Object.keys(samples).entries()) {
      const envelope = JSON.parse(printed[at] ?? '') as EnvelopeOf;
      assert.equal(envelope.ok, false, `${lines[at]}: ${printed[at]}`);
      assertFits(name.replaceAll(' ', '-'), envelope);
    }
  });

  it('a bare call and --help print what their schemas say', async () => {
    await works('--help');
    await works('lock --help');
    assert.equal((await cli.json([])).ok, true);
  });

  it('a schema is there for every command, and none for anything else', () => {
    const names = Object.keys(commands).map((name) => name.replaceAll(' ', '-'));
    assert.deepEqual([...schemaNames()].toSorted(), [...names, 'bare', 'failure', 'help'].toSorted());
  });

  it('the schemas refuse what no type names', () => {
    const good = { ok: true, data: { version: '1', node: 'v20', daemon: null } };
    assertFits('version', good);
    for (const bad of [
      { ...good, extra: 1 },
      { ok: true, data: { ...good.data, extra: 1 } },
      { ok: true, data: { version: '1', node: 'v20' } },
      { ok: false, error: { code: 'NO_SUCH_CODE', message: 'x' } },
    ]) {
      assert.throws(() => assertFits('version', bad), assert.AssertionError);
    }
  });
});
