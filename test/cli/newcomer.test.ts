/**
 * The first five minutes of somebody who has README.md and nothing else: its commands are read out of it, typed into shells, and what
 * they print is compared with what it shows. Two things are not as they are there. `npm` does nothing here, since the tests run in a
 * checkout that has been installed already (`.ci/run` does that, by the same commands); and `npx agent-collab` is the program of this checkout.
 */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { CliFixture } from './cli-fixture.ts';
import { isLeftRunning, type ShownStep, ShownText, shownSteps } from './shown-session.ts';

const readme = read('README.md');
/** Of the five minutes, so that three remain for the clone, `npm ci` and reading. */
const limitMs = 120_000;

test('the first five minutes are as README.md shows them', { timeout: limitMs + 30_000 }, async (t) => {
  const stranger = new Stranger(t);
  const steps = shownSteps(readme, 'newcomer');
  const startMs = performance.now();
  for (const step of steps) await stranger.take(step, isLeftRunning(step, steps));
  const tookMs = performance.now() - startMs;
  t.diagnostic(`${steps.length} steps took ${(tookMs / 1000).toFixed(1)} s`);
  assert.ok(tookMs < limitMs, `${tookMs} ms`);
});

test('the first five minutes show all that two agents need', () => {
  const commands = shownSteps(readme, 'newcomer').map(({ command }) => command.replace(/^npx /, ''));
  for (const beginning of [
    'npm ci --ignore-scripts && npm run build',
    'agent-collab daemon start',
    'agent-collab setup',
    'agent-collab lock acquire',
    'agent-collab context share',
    'agent-collab lock release',
    'agent-collab context search',
    'agent-collab agents',
    'agent-collab dashboard',
    'agent-collab audit',
  ])
    assert.ok(
      commands.some((command) => command.startsWith(beginning)),
      beginning,
    );
});

test('what the build leaves has the program where `npx` looks for it', () => {
  const { bin, scripts } = JSON.parse(read('package.json'));
  assert.deepEqual(bin, { 'agent-collab': 'dist/src/cli/main.js' });
  assert.match(scripts.build, /tsc -p src\/tsconfig\.json/);
  // All scripts would compile better-sqlite3, which alone takes longer than five minutes on a busy machine.
  assert.match(read('.ci/run'), /^section 'install' npm ci .*--ignore-scripts$/m);
  assert.match(read('.ci/run'), /^section 'build' npm run build$/m);
});

test('a command that README.md has wrong is noticed', async (t) => {
  const stranger = new Stranger(t);
  const document =
    '<!-- newcomer -->\n```\nada$ npx agent-collab lock aquire src/login.ts\nacquired\n…\n```\n';
  const [step] = shownSteps(document, 'newcomer');
  assert.ok(step !== undefined);
  await assert.rejects(stranger.take(step, false), /README\.md:3: .*unknown command "lock aquire"/s);
});

test('output of another form than README.md shows is noticed', () => {
  const shown = ['released lk_aa341: src/login.ts:1-40', '  expires  in 10m (12:08:25)', '…', 'end'];
  const printed = 'released lk_bb341: src/login.ts:1-40\n  expires    in 9m 58s (01:02:03)\nmore\nend\n';
  assert.ok(new ShownText().matches(shown, printed));
  for (const [from, to] of [
    ['released', 'freed'],
    ['1-40', '1-41'],
    ['lk_bb341', 'none'],
    ['  expires', 'expires'],
    ['expires', 'ends'],
    ['9m 58s', 'soon'],
    ['(01:02:03)', '01:02:03'],
    ['end\n', 'end\nmore\n'],
    ['end\n', ''],
    ['released', 'notice: x\nreleased'],
  ] as const)
    assert.ok(!new ShownText().matches(shown, printed.replace(from, to)), `${from} → ${to}`);
});

test('an id that README.md shows twice is one id', () => {
  const text = new ShownText();
  assert.ok(text.matches(['took lk_aa341, lk_aa341'], 'took lk_bb341, lk_bb341\n'));
  assert.ok(!text.matches(['gave lk_aa341'], 'gave lk_bb342\n'));
  assert.ok(!text.matches(['took lk_aa343, lk_aa343'], 'took lk_bb343, lk_bb344\n'));
  assert.equal(text.command('release lk_aa341'), 'release lk_bb341');
  assert.throws(() => text.command('release lk_aa349'), /stands in no output before/);
});

function read(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

/** Has a home, a data directory and a repository of its own, and a terminal for each name before a prompt. */
class Stranger {
  readonly #cli = new CliFixture();
  readonly #terminals = new Map<string, Terminal>();
  readonly #text = new ShownText();
  readonly #env: Readonly<Record<string, string>>;

  constructor(t: TestContext) {
    const bin = this.#cli.path('bin');
    mkdirSync(bin);
    const program = this.#cli
      .commandLine()
      .map((word) => `'${word}'`)
      .join(' ');
    const script = (name: string, text: string) =>
      writeFileSync(`${bin}/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    script('npx', `[ "$1" = agent-collab ] || exit 64\nshift\nexec ${program} "$@"`);
    script('npm', 'case "$*" in "ci --ignore-scripts" | "run build") ;; *) echo "npm $*" && exit 64 ;; esac');
    this.#env = {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: this.#cli.path('.'),
      AGENT_COLLAB_HOME: this.#cli.home,
    };
    t.after(async () => {
      for (const terminal of this.#terminals.values()) terminal.close();
      await this.#cli.close();
    });
  }

  /** Types the command and compares what it prints, or leaves it running once it waits in line. */
  async take({ line, terminal: name, command, output }: ShownStep, isLeft: boolean): Promise<void> {
    const terminal = this.#terminals.get(name) ?? new Terminal(this.#cli.repository, this.#env);
    this.#terminals.set(name, terminal);
    if (command !== '…') terminal.type(this.#text.command(command));
    if (isLeft) return this.#untilWaiting(terminal, line);
    const printed = (await terminal.output()).replaceAll(this.#cli.path('.'), '~');
    assert.ok(
      this.#text.matches(output, printed),
      `README.md:${line}: ${name}$ ${command}\nprints\n${printed}\nand is shown as\n${output.join('\n')}`,
    );
  }

  async #untilWaiting(terminal: Terminal, line: number): Promise<void> {
    // As an agent that is there already: another one would be in the list of agents.
    const env = { AGENT_COLLAB_AGENT: 'ada' };
    while ((await this.#cli.json(['lock', 'list'], { env })).data.waiters.length === 0)
      assert.ok(!terminal.hasEnded, `README.md:${line}: does not wait: ${terminal.printed}`);
  }
}

/** A shell that goes on from command to command, so that it keeps what is exported in it. */
class Terminal {
  static readonly #end = '-- the command has ended --\n';
  readonly #shell: ChildProcessWithoutNullStreams;
  #printed = '';
  #look = () => {};
  #gone = () => {};

  constructor(cwd: string, env: Readonly<Record<string, string>>) {
    // In a process group of its own: what it started ends with it.
    this.#shell = spawn('/bin/sh', { cwd, env, detached: true });
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text;
      this.#look();
    });
    this.#shell.stdin.on('error', () => {});
    this.#shell.once('close', () => this.#gone());
    this.#shell.stdin.write('exec 2>&1\n');
  }

  type(command: string): void {
    this.#printed = '';
    this.#shell.stdin.write(`{ ${command}\n} < /dev/null; printf '%s\\n' '${Terminal.#end.trimEnd()}'\n`);
  }

  get printed(): string {
    return this.#printed;
  }

  /** Whether the command that was typed last has ended. */
  get hasEnded(): boolean {
    return this.#printed.endsWith(Terminal.#end);
  }

  /** All that the command has printed, when it has ended. */
  output(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        if (this.hasEnded) resolve(this.#printed.slice(0, -Terminal.#end.length));
      };
      this.#gone = () => reject(new Error(`the shell ended:\n${this.#printed}`));
      this.#look();
    });
  }

  close(): void {
    try {
      if (this.#shell.pid !== undefined) process.kill(-this.#shell.pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}
