/** `watch`: its pictures and keys, and the program itself in a real terminal. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, before, describe, it, test } from 'node:test';
import { createScreen } from '../../src/cli/screen.ts';
import { drawFrame } from '../../src/cli/watch/watch-frame.ts';
import { initialState, type Key, pressKey, type WatchState } from '../../src/cli/watch/watch-state.ts';
import { displayWidth } from '../../src/cli/wrap-text.ts';
import type { OverviewView } from '../../src/control/overview-views.ts';
import { program } from '../support/built-program.ts';
import { CliFixture, linesOf } from './cli-fixture.ts';
import { overviewSample, sampleMs } from './overview-sample.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

function draw(
  view: OverviewView | undefined,
  state: Partial<WatchState> = {},
  { width, height }: Size = { width: 100, height: 24 },
  trouble?: string,
): Promise<readonly string[]> {
  const screen = createScreen(width, true, false);
  return drawFrame({ view, trouble, state: { ...initialState, ...state }, screen, height, nowMs: sampleMs });
}

const keys = (words: string, from: WatchState = initialState): WatchState | 'quit' => {
  let state: WatchState | 'quit' = from;
  for (const word of words.split(' ')) {
    if (state === 'quit') break;
    const key: Key = word.startsWith('<') ? { name: word.slice(1, -1) } : { name: word, sequence: word };
    state = pressKey(state, key);
  }
  return state;
};

test('a picture has as many lines as the terminal, and none is wider', async () => {
  const view = overviewSample(200);
  for (const size of [
    { width: 40, height: 5 },
    { width: 60, height: 12 },
    { width: 200, height: 60 },
  ]) {
    for (const panel of ['now', 'leases', 'waiting', 'timeline', 'store', 'usage'] as const) {
      const lines = await draw(view, { panel }, size);
      assert.equal(lines.length, size.height, panel);
      const widest = Math.max(...lines.slice(1, -1).map(displayWidth));
      assert.ok(widest <= size.width, `${panel}: ${widest} of ${size.width}`);
    }
  }
});

test('shows what is held, how long still, who wants it, and what happened', async () => {
  const text = (await draw(overviewSample(2))).join('\n');
  assert.match(text, /agent-collab {2}KooWNode {2}● live/);
  assert.match(text, /^2 held · 1 waiting · 0 agents · 12 deltas$/m);
  assert.match(text, /src\/f1\.ts +agent-1 +work 1 +2m +waiter/);
  assert.match(text, /waiter +src\/f1\.ts +agent-1 holds src\/f1\.ts +5s +30s/);
  assert.match(text, /acquired +agent-1 +src\/f1\.ts +work 1/);
  const store = (await draw(overviewSample(0), { panel: 'store' })).join('\n');
  assert.match(store, /12 deltas; newest 12, 0 not committed, 2 not flushed, 1 not indexed/);
});

test('says what is wrong above all else', async () => {
  const { status } = overviewSample(1);
  const view = overviewSample(1, {
    status: { ...status, readOnly: { reason: 'the disk is full' }, warnings: ['a', 'b', 'c', 'd'] },
  });
  const lines = await draw(view);
  assert.deepEqual(lines.slice(2, 5), [
    'read-only: the disk is full',
    'warning: a',
    'and 3 more: agent-collab status',
  ]);
  assert.match((await draw(view, {}, undefined, 'the daemon stopped'))[0] ?? '', /○ the daemon stopped/);
  assert.match((await draw(undefined))[0] ?? '', /asking the daemon/);
});

test('a filter keeps the rows that hold a text, and scrolling leaves out the first', async () => {
  const view = overviewSample(50);
  const rows = async (state: Partial<WatchState>) =>
    (await draw(view, { panel: 'leases', ...state })).filter((line) => line.startsWith('src/'));
  assert.match((await rows({ filter: 'AGENT-50' })).join(), /^src\/f50\.ts/);
  assert.equal((await rows({ filter: 'agent-50' })).length, 1);
  assert.equal((await rows({ filter: 'no such' })).length, 0);
  assert.match((await rows({ scroll: 10 }))[0] ?? '', /^src\/f11\.ts/);
  assert.match((await rows({ scroll: 9999 }))[0] ?? '', /^src\/f50\.ts/);
});

test('text of others cannot leave its place', async () => {
  const view = overviewSample(1);
  const [one] = view.locks.shown;
  assert.ok(one);
  const hostile = { ...one, holder: '\x1b[2J\x1b]0;title\x07', intention: 'a\r\nb\u202ec' };
  const lines = await draw({ ...view, locks: { shown: [hostile], total: 1 } }, { panel: 'leases' });
  assert.doesNotMatch(lines.join(''), /\p{Cc}|\u202e/u);
  assert.match(lines.join('\n'), /␛\[2J/);
});

test('keys choose panels, scroll, filter, pause, help and leave', () => {
  const after = (words: string, from?: WatchState) => keys(words, from) as WatchState;
  assert.equal(after('3').panel, 'waiting');
  assert.equal(after('<tab> <right>').panel, 'waiting');
  assert.equal(after('<left>').panel, 'usage');
  assert.equal(after('j j <down> k').scroll, 2);
  assert.equal(after('<pagedown> <up> <pageup>').scroll, 0);
  assert.equal(after('j 2').scroll, 0);
  assert.deepEqual([after('p').isPaused, after('p <space>').isPaused], [true, false]);
  assert.equal(after('? q'.slice(0, 1)).showsKeys, true);
  const typing = after('/ q 7 ä');
  assert.deepEqual([typing.isTyping, typing.filter, typing.panel], [true, 'q7ä', 'now']);
  assert.equal(after('<backspace> <return>', typing).filter, 'q7');
  assert.deepEqual(after('<escape>', typing), initialState);
  assert.equal(keys('q'), 'quit');
  assert.equal(pressKey(typing, { name: 'c', ctrl: true }), 'quit');
  assert.equal(after(`/ ${'x '.repeat(150).trim()}`).filter.length, 100);
});

describe('watch', () => {
  const cli = new CliFixture();
  before(async () => {
    assert.equal((await cli.json(['daemon', 'start'])).exit, 0);
    await cli.run(['lock', 'acquire', 'src/login.ts', '-m', 'the first', '--agent', 'ann']);
  });
  after(() => cli.close());

  it('in a pipe shows how things stand, then what happens, and ends with the daemon', async () => {
    const child = cli.spawn(['watch']);
    const lines = linesOf(child);
    const until = async (pattern: RegExp) => {
      for (;;) {
        const { value, done } = await lines.next();
        assert.ok(!done, `ended before ${pattern}`);
        if (pattern.test(value)) return;
      }
    };
    await until(/^leases$/);
    await until(/ {2}src\/login\.ts +ann +the first/);
    await until(/^timeline$/);
    await cli.run(['lock', 'acquire', 'src/other.ts', '-m', 'the second', '--agent', 'bob']);
    await until(/ago .* {2}acquired {2}bob {2}src\/other\.ts {2}the second$/);
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
    assert.equal(child.exitCode, 130);
  });

  it('with --json is one document a line', async () => {
    const child = cli.spawn(['watch', '--json']);
    const { value } = await linesOf(child).next();
    const { ok, data } = JSON.parse(value ?? '') as { ok: boolean; data: OverviewView };
    assert.deepEqual([ok, data.locks.shown.map(({ holder }) => holder).includes('ann')], [true, true]);
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
  });

  it('without a daemon and a terminal says how to start one', async () => {
    const { code, stderr } = await cli.run(['watch'], { env: { AGENT_COLLAB_HOME: cli.path('empty') } });
    assert.equal(code, 4);
    assert.match(stderr, /agent-collab daemon start/);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  it('fills a terminal, follows its keys and its size, and gives it back (needs script of util-linux)', {
    skip: hasScript ? false : 'there is no script',
  }, async () => {
    const { nodeArguments, root, extension } = program();
    const main = `${root}/src/cli/main.${extension}`;
    // The shell waits for a line before it makes the terminal larger, which tells the program in front of it.
    const resize = '{ read -r _ < "$RESIZE"; stty cols 120 rows 40 < /dev/tty; } &';
    const command = `stty cols 80 rows 20; ${resize} "$NODE" ${nodeArguments.map((it) => `"${it}"`).join(' ')} "${main}" watch; echo "code $?"`;
    const fifo = cli.path('resize');
    spawnSync('mkfifo', [fifo]);
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: cli.home,
      TERM: 'xterm-256color',
      SHELL: '/bin/bash',
      AGENT_COLLAB_HOME: cli.home,
      NODE: process.execPath,
      RESIZE: fifo,
    };
    const pty = spawn('script', ['-qefc', command, '/dev/null'], { env, cwd: cli.repository });
    let shown = '';
    const waiting = new Set<() => void>();
    pty.stdout.setEncoding('utf8').on('data', (text: string) => {
      // Escape as its picture: patterns with control characters cannot be read.
      shown += text.replaceAll('\x1b', '␛');
      for (const look of waiting) look();
    });
    /** Resolves with the newest picture that fits. */
    const picture = (pattern: RegExp) =>
      new Promise<string>((resolve) => {
        const look = () => {
          const last = shown.split('␛[H').at(-1) ?? '';
          if (!pattern.test(last)) return;
          waiting.delete(look);
          resolve(last);
        };
        waiting.add(look);
        look();
      });
    await picture(/● live[\s\S]*src\/login\.ts +ann[\s\S]*␛\[J/);
    assert.match(shown, /␛\[\?1049h/);
    pty.stdin.write('4');
    const small = await picture(/\[4 agents[\s\S]*AGENT[\s\S]*␛\[J/);
    assert.equal(small.split('\r\n').length, 20);
    pty.stdin.write('/ann\r');
    await picture(/only: ann[\s\S]*␛\[J/);
    spawnSync('sh', ['-c', `echo go > "${fifo}"`]);
    const large = await picture(/^(?:[^\n]*\n){39}[^\n]*␛\[J/);
    assert.match(large, /\[4 agents/);
    await cli.run(['daemon', 'stop']);
    await picture(/no daemon runs; waiting for one[\s\S]*␛\[J/);
    await cli.run(['daemon', 'start']);
    await picture(/● live[\s\S]*␛\[J/);
    pty.stdin.write('q');
    await picture(/␛\[\?1049l[\s\S]*code 0/);
    await new Promise((resolve) => pty.once('close', resolve));
  });
});
