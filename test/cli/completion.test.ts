/** Completion in the shells themselves: the scripts are sourced, keys are typed, lines are run. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { liveWords } from '../../src/cli/completion/live-words.ts';
import { shellScripts, shells } from '../../src/cli/completion/shell-scripts.ts';
import { wantedWord } from '../../src/cli/completion/wanted-word.ts';
import { CliFixture, finished } from './cli-fixture.ts';
import { FakeDaemon } from './fake-daemon.ts';
import { lacks, ShellSession } from './shell-session.ts';

const cli = new CliFixture();
const bin = cli.path('bin');
const ran = cli.path('ran');
/** Where the line is typed; a name with a space, and a file whose name would be a command. */
const directory = cli.path('here');
const env = {
  PATH: `${bin}:${process.env.PATH}`,
  HOME: cli.path(''),
  AGENT_COLLAB_HOME: cli.home,
  // However slow the machine is: the usual bound has a test of its own.
  AGENT_COLLAB_COMPLETION_MS: '60000',
  PS1: 'ready> ',
  LC_ALL: 'C.UTF-8',
};

before(() => {
  mkdirSync(bin);
  mkdirSync(join(directory, 'my files'), { recursive: true });
  // What a shell asks goes to the program; a line that is run is written down instead.
  const [node, ...args] = cli.commandLine().map((word) => `'${word}'`);
  writeFileSync(
    join(bin, 'agent-collab'),
    `#!/bin/sh
if [ "$1" = __complete ]; then exec ${node} ${args.join(' ')} "$@"; fi
for word; do printf '%s\\0' "$word" >> '${ran}'; done
printf '\\n' >> '${ran}'
echo "[[ran]]"
`,
  );
  chmodSync(join(bin, 'agent-collab'), 0o755);
  for (const shell of shells) writeFileSync(cli.path(shell), shellScripts[shell]);
});
after(() => cli.close());
// What is asked within this process waits as long as what is asked by a shell.
process.env.AGENT_COLLAB_COMPLETION_MS = '60000';

async function output(command: string, args: readonly string[], cwd = directory): Promise<string> {
  const { stdout, stderr } = await finished(spawn(command, args, { cwd, env }));
  assert.equal(stderr, '');
  return stdout;
}

/** What the function of bash puts into COMPREPLY, with the words as bash would have cut them or without the line. */
async function bash(line: string, words?: string): Promise<readonly string[]> {
  const typed =
    words === undefined
      ? `COMP_LINE=$2 COMP_POINT=\${#2} COMP_WORDS=() COMP_CWORD=0`
      : `COMP_WORDS=(${words}) COMP_CWORD=$((\${#COMP_WORDS[@]}-1))`;
  const code = `source "$1"; ${typed}; _agent_collab 2>/dev/null; printf '%s\\0' "\${COMPREPLY[@]}"`;
  const found = await output('bash', ['--norc', '-c', `set -u; ${code}`, 'bash', cli.path('bash'), line]);
  return found.split('\0').filter((word) => word !== '');
}

async function fish(line: string): Promise<readonly string[]> {
  const code = `source ${cli.path('fish')}; complete -C $argv[1]`;
  return (await output('fish', ['--no-config', '-c', code, line])).split('\n').filter((one) => one !== '');
}

const interactive = {
  bash: `bash --norc --noprofile -i`,
  zsh: 'zsh -f -i',
  fish: `fish --no-config -i -C 'function fish_prompt; echo "ready> "; end'`,
} as const;

/** Types each line into one session, waits for it to have run, and returns the arguments that the program got. */
async function typed(
  shell: keyof typeof interactive,
  lines: readonly string[],
): Promise<readonly (readonly string[])[]> {
  writeFileSync(ran, '');
  const session = new ShellSession(interactive[shell], directory, env);
  try {
    await session.type('', /ready> /);
    await session.type(`source ${cli.path(shell)}; echo "[[sourced"]]\n`, /\[\[sourced\]\]/);
    for (const [at, line] of lines.entries()) {
      await session.type(`${line}\n`, new RegExp(`(\\[\\[ran\\]\\][\\s\\S]*){${at + 1}}`));
    }
  } finally {
    await session.close();
  }
  const text = readFileSync(ran, 'utf8');
  return text
    .split('\0\n')
    .slice(0, -1)
    .map((line) => line.split('\0'));
}

const hostile = ['one$(touch pwned)', 'two`touch pwned`', 'three;touch pwned #', `four'"\\ & * ~`] as const;
const lock = (holder: string, at: number) => ({
  id: `lk_${at}`,
  holder,
  intention: `read:\n\u001b[2J$(touch pwned) \`touch pwned\`; %F{red}`,
  targets: [{ path: 'src/a.ts', scope: { kind: 'file' }, text: `src/a.ts:${at}-9` }],
});
const answers = {
  'lock.list': {
    locks: [...hostile, 'bell\u0007', 'ann@pts/3', 'team:ann'].map(lock),
    waiters: [],
  },
  'cluster.invites': {
    invites: [{ id: '3f9a1c07d2b4', state: 'used', expiresAt: '2030-01-01T00:00:00.000Z' }],
  },
  'peers.list': {
    peers: [
      { node: '12D3KooWSSSSSSSS', name: 'me', state: 'self' },
      { node: '12D3KooWAAAAAAAA', name: '$(touch pwned)', state: 'connected' },
      { node: '12D3KooWBBBBBBBB', name: 'new\nline', state: 'away' },
      { node: '12D3KooWCCCCCCCC', name: 'twin', state: 'away' },
      { node: '12D3KooWDDDDDDDD', name: 'twin', state: 'away' },
      { node: '12D3KooWEEEEEEEE', name: 'gone', state: 'left' },
    ],
  },
};

/** Each unique beginning, bare and in either quote; what the program has to get is the whole name. */
const hostileLines = [
  ...hostile.slice(0, 3).map((name) => `agent-collab lock list --agent ${name.slice(0, 3)}\t`),
  'agent-collab lock list --agent "one\t',
  "agent-collab lock list --agent 'two\t",
  'agent-collab lock list --agent=fou\t',
  'agent-collab lock list --agent ann@p\t',
  'agent-collab lock list --agent team:\t',
];
const hostileArguments = [
  ...hostile.slice(0, 3).map((name) => ['lock', 'list', '--agent', name]),
  ['lock', 'list', '--agent', hostile[0]],
  ['lock', 'list', '--agent', hostile[1]],
  ['lock', 'list', `--agent=${hostile[3]}`],
  ['lock', 'list', '--agent', 'ann@pts/3'],
  ['lock', 'list', '--agent', 'team:ann'],
];

const otherLines = [
  'agent-collab why my\t',
  'agent-collab why src/a.ts:m\t',
  'agent-collab config set enforce cl\t',
];
const otherArguments = [
  // No path for what stands behind a colon: those are lines of the file.
  ['why', 'src/a.ts:m'],
  ['config', 'set', 'enforce', 'closed'],
];

async function typesAndRuns(shell: keyof typeof interactive): Promise<void> {
  const found = await typed(shell, [...hostileLines, ...otherLines]);
  assert.deepEqual(found.slice(0, hostileLines.length), hostileArguments);
  const [path, ...others] = found.slice(hostileLines.length);
  assert.match(path?.[1] ?? '', /^my files\/?$/);
  assert.deepEqual(others, otherArguments);
  assert.deepEqual(readdirSync(directory), ['my files']);
}

describe('what other people have named', { concurrency: 1 }, () => {
  let daemon: FakeDaemon;
  before(async () => {
    daemon = await FakeDaemon.open(cli.home, answers);
  });
  after(() => daemon.close());

  it(
    'does no harm in a line of bash, which finds paths by itself (needs bash and script)',
    { skip: lacks('bash', 'script') ?? false },
    () => typesAndRuns('bash'),
  );
  it(
    'does no harm in a line of zsh, which finds paths by itself (needs zsh and script)',
    { skip: lacks('zsh', 'script') ?? false },
    () => typesAndRuns('zsh'),
  );
  it(
    'does no harm in a line of fish, which finds paths by itself (needs fish and script)',
    { skip: lacks('fish', 'script') ?? false },
    () => typesAndRuns('fish'),
  );

  it('is quoted in what the function of bash answers, also when only the words are known', async () => {
    const quoted = 'one\\$\\(touch\\ pwned\\)';
    assert.deepEqual(await bash('agent-collab lock list --agent o'), [quoted]);
    assert.deepEqual(await bash('', 'agent-collab lock list --agent o'), [quoted]);
    assert.deepEqual(await bash('agent-collab lock list --agent team:'), ['ann']);
    assert.deepEqual(await bash('agent-collab peers evict '), [
      '\\$\\(touch\\ pwned\\)',
      'BBBBBBBB',
      'CCCCCCCC',
      'DDDDDDDD',
    ]);
    assert.deepEqual(readdirSync(directory), ['my files']);
  });

  it('is one line of fish each, with a description that moves no cursor (needs fish)', {
    skip: lacks('fish') ?? false,
  }, async () => {
    const found = await fish('agent-collab lock release ');
    assert.equal(
      found[0],
      'lk_0\tsrc/a.ts:0-9, one$(touch pwned): read: ␛[2J$(touch pwned) `touch pwned`; %F{red}',
    );
    assert.equal(found.length, 7);
    assert.deepEqual(await fish('agent-collab invite revoke 3'), ['3f9a1c07d2b4\tused']);
    assert.ok((await fish('agent-collab log --source ')).includes('SSSSSSSS\tme, self'));
    assert.ok(!(await fish('agent-collab lock list --agent b')).some((line) => line.startsWith('bell')));
    assert.deepEqual(readdirSync(directory), ['my files']);
  });
});

describe('what is there just now', () => {
  const real = new CliFixture();
  after(() => real.close());
  const ask = async (words: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const { code, stdout, stderr } = await real.run(['__complete', 'fish', '--', ...words], {
      env: { AGENT_COLLAB_COMPLETION_MS: '60000', ...more },
    });
    assert.deepEqual([code, stderr], [0, '']);
    const [kind, ...lines] = stdout.trimEnd().split('\n');
    return { kind, values: lines.map((line) => line.split('\t')[0]), text: stdout };
  };

  it('is nothing without a daemon, and none is started', async () => {
    assert.deepEqual((await ask(['lock', 'release', ''])).text, 'words\n');
    assert.equal(existsSync(real.home), false);
  });

  it('loads neither the parser of lines nor the library of schemas', async () => {
    const coverage = real.path('coverage');
    await ask(['config', 'set', ''], { NODE_V8_COVERAGE: coverage });
    const loaded = readdirSync(coverage)
      .map((name) => readFileSync(join(coverage, name), 'utf8'))
      .join('');
    assert.match(loaded, /completion\/complete\.[jt]s/);
    assert.doesNotMatch(loaded, /node_modules\/(yargs|zod)\//);
  });

  it('is locks, agents, contexts, tags, interests and backups of the daemon that runs', async () => {
    await real.json(['daemon', 'start']);
    const made = async (...args: string[]) => (await real.json(args)).data;
    const { id } = (await made('lock', 'acquire', 'src/login.ts:1-2', '-m', 'fix', '--agent', 'ann')).lock;
    const other = (await made('lock', 'acquire', 'src/b.ts', '-m', 'x', '--agent', 'bob')).lock;
    const { context } = await made('context', 'share', 'src/login.ts', '-m', 'tokens', '--tag', 'auth');
    await made('interests', 'add', 'auth/**', '--agent', 'ann');
    const { name } = await made('backup');

    const released = await ask(['lock', 'release', ''], { AGENT_COLLAB_AGENT: 'bob' });
    assert.deepEqual(released.values, [other.id, id]);
    assert.match(released.text, /src\/login\.ts:1-2, ann: fix/);
    const short = context.id.slice(context.id.indexOf(':') - 8);
    for (const [line, expected] of [
      ['lock list --agent ', 'ann'],
      ['context show ', short],
      [`context show ${context.id.slice(0, 6)}`, context.id],
      ['context list --tag=', 'auth'],
      ['interests remove --agent ann ', 'auth/**'],
      ['restore ', name],
      ['migrate restore ', name],
      ['config get ', 'locks.partition'],
      ['config set locks.partition ', 'refuse'],
    ] as const) {
      const words = line.split(' ');
      const wanted = wantedWord(words.slice(0, -1), words.at(-1) ?? '');
      const around = { home: real.home, cwd: real.repository };
      const found = await liveWords(wanted.source ?? 'path', wanted, around);
      assert.ok(found !== 'files' && found.some(({ value }) => value === expected), line);
    }
  });

  it('leaves what an agent has to be told for its next command', async () => {
    const { id } = (await real.json(['lock', 'acquire', 'src/n.ts', '-m', 'x', '--agent', 'eve'])).data.lock;
    await real.json(['lock', 'force', id, '--reason', 'test', '--agent', 'ann']);
    await ask(['lock', 'release', ''], { AGENT_COLLAB_AGENT: 'eve' });
    const told = await real.json(['why', 'src/n.ts', '--agent', 'eve']);
    assert.equal(told.notices?.[0]?.lockId, id);
  });

  it('is nothing, and soon, when the daemon hangs', async () => {
    const home = real.path('hanging');
    const daemon = await FakeDaemon.open(home);
    const startMs = performance.now();
    assert.equal(
      (await ask(['lock', 'release', ''], { AGENT_COLLAB_HOME: home, AGENT_COLLAB_COMPLETION_MS: '' })).text,
      'words\n',
    );
    // Without a bound of its own the question would wait for 30 s.
    assert.ok(performance.now() - startMs < 10_000);
    await daemon.close();
  });

  it('is nothing for a question that no script asks', async () => {
    const { code, stdout, stderr } = await real.run(['__complete'], { cwd: '/' });
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^words\n/);
  });
});

describe('completion', () => {
  it('prints the script of the shell that is named, else of SHELL, with how to load it at the top', async () => {
    for (const shell of shells) {
      const { stdout } = await cli.run(['completion', shell]);
      assert.equal(stdout, shellScripts[shell]);
      assert.match(
        stdout.split('\n').slice(0, 3).join('\n'),
        new RegExp(`# .*\n#? .*agent-collab completion ${shell}`),
      );
    }
    const guessed = await cli.json(['completion'], { env: { SHELL: '/usr/bin/fish' } });
    assert.equal(guessed.data.shell, 'fish');
  });

  it('names the shells there are when it cannot tell, or is asked for another', async () => {
    const unknown = await cli.json(['completion'], { env: { SHELL: '/bin/tcsh' } });
    assert.deepEqual([unknown.exit, unknown.error?.message], [2, 'there is no completion for tcsh']);
    assert.match(unknown.error?.next ?? '', /completion bash, .*zsh, .*fish/);
    assert.match((await cli.json(['completion'])).error?.message ?? '', /SHELL does not say/);
    assert.match((await cli.json(['completion', 'zhs'])).error?.next ?? '', /^Did you mean zsh\?/);
  });
});
