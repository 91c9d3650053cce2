/** `logs` on what real daemons have written. */
import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CliFixture, finished, linesOf } from './cli-fixture.ts';

describe('logs', () => {
  let cli: CliFixture;
  let log: string;
  let stderr: string;
  beforeEach(() => {
    cli = new CliFixture();
    log = join(cli.home, 'logs', 'daemon.log');
    stderr = join(cli.home, 'logs', 'daemon-stderr.log');
  });
  afterEach(() => cli.close());

  const line = (message: string, level = 'info', agoMs = 0, fields = {}) =>
    `${JSON.stringify({ time: new Date(Date.now() - agoMs).toISOString(), level, message, ...fields })}\n`;
  const messages = (data: { entries: readonly { message?: string; raw?: string }[] }) =>
    data.entries.map((entry) => entry.message ?? entry.raw);
  const prepare = (text: string | Buffer) => {
    mkdirSync(join(cli.home, 'logs'), { recursive: true, mode: 0o700 });
    writeFileSync(log, text);
  };
  /** Makes a daemon whose level is debug log one line. */
  const disturb = async () => {
    const socket = connect(join(cli.home, 'daemon.sock'));
    socket.on('error', () => {});
    socket.end('no HTTP\r\n\r\n');
    await once(socket.resume(), 'close');
  };
  const follow = (...args: readonly string[]) => {
    const child = cli.spawn(['logs', '--follow', '--json', ...args]);
    const lines = linesOf(child);
    const next = async () => JSON.parse((await lines.next()).value).data;
    return { child, next };
  };
  async function interrupted(child: ChildProcessWithoutNullStreams): Promise<number | null> {
    const end = finished(child);
    child.kill('SIGINT');
    return (await end).code;
  }

  it('says that there is no log yet, and starts no daemon', async () => {
    const told = await cli.run(['logs']);
    assert.deepEqual([told.code, told.stderr], [0, '']);
    assert.match(told.stdout, /^there is no log yet: .*daemon\.log\nA daemon in the background writes one/);
    assert.deepEqual((await cli.json(['logs'])).data.entries, []);
    assert.equal(existsSync(cli.home), false);
    const foreground = cli.spawn(['run', '--memory']);
    await linesOf(foreground).next();
    assert.match(
      (await cli.run(['logs'])).stdout,
      new RegExp(`pid ${foreground.pid}\\) runs in the foreground`),
    );
  });

  it('shows what a daemon said, while it runs and when it has stopped', async () => {
    await cli.json(['daemon', 'start']);
    const pid = cli.daemonPid();
    const running = await cli.json(['logs']);
    assert.deepEqual(messages(running.data), ['the daemon serves']);
    assert.equal(running.data.entries[0].fields.pid, pid);
    await cli.json(['daemon', 'stop']);
    const { stdout, code } = await cli.run(['logs']);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^\d\d:\d\d:\d\d {2}info {3}the daemon serves {2}pid=\d+ .*\n.* the daemon has stopped {2}pid=\d+\n$/,
    );
    assert.equal(cli.daemonPid(), undefined);
    assert.deepEqual([statSync(log).mode & 0o777, statSync(stderr).mode & 0o777], [0o600, 0o600]);
  });

  it('filters by level, age and number, and says that there is more', async () => {
    prepare(
      line('old', 'error', 7_200_000) +
        'raw after old\n' +
        line('early', 'debug', 60_000) +
        'raw after early\n' +
        line('middle', 'warn', 30_000) +
        line('late', 'info'),
    );
    assert.deepEqual(messages((await cli.json(['logs'])).data).length, 6);
    const recent = await cli.json(['logs', '--since', '10m']);
    assert.deepEqual(messages(recent.data), ['early', 'raw after early', 'middle', 'late']);
    const warned = await cli.json(['logs', '--level', 'warn', '--since', '3h']);
    assert.deepEqual(messages(warned.data), ['old', 'raw after old', 'raw after early', 'middle']);
    const two = await cli.json(['logs', '--limit', '2']);
    assert.deepEqual([messages(two.data), two.data.more], [['middle', 'late'], true]);
    assert.match((await cli.run(['logs', '--limit', '2'])).stdout, /^There is more: --limit 4\n/);
    assert.equal((await cli.json(['logs', '--limit', '0'])).error?.code, 'USAGE');
    assert.equal((await cli.json(['logs', '--level', 'loud'])).error?.code, 'USAGE');
    assert.match(
      (await cli.run(['logs', '--since', '1ms'])).stdout,
      /^nothing in the log of the daemon that fits/,
    );
  });

  it('shows lines that are none, however damaged, and lets none of them act on the terminal', async () => {
    const key = `sk-ant-${randomBytes(24).toString('base64url')}`;
    prepare(
      Buffer.concat([
        Buffer.from(
          'FATAL ERROR: Reached heap limit\n{"time":"x","level":"warn","message":"no time"}\n{"half": \n',
        ),
        Buffer.from([0xff, 0xfe, 0x1b, 0x5b, 0x32, 0x4a, 0x00, 0x0a]),
        Buffer.alloc(1_000_000),
        Buffer.from(`\n[1]\nnull\nwith ${key} in it\n`),
        Buffer.from(
          line('with a stack', 'error', 0, { error: 'Error: boom\n    at one\n    at two', token: 'x' }),
        ),
      ]),
    );
    const { stdout } = await cli.run(['logs']);
    assert.match(stdout, /^FATAL ERROR: Reached heap limit\n\{"time":"x"/);
    assert.match(
      stdout,
      /error {2}with a stack {2}token=\[redacted\]\n {4}error:\n {6}Error: boom\n {6}at one\n {6}at two\n$/,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    assert.ok(stdout.length < 20_000 && !stdout.includes(key), stdout);
    assert.equal((await cli.json(['logs'])).data.entries.length, 9);
  });

  it('fails with a next step when a file cannot be read', async () => {
    mkdirSync(log, { recursive: true });
    const told = await cli.json(['logs']);
    assert.deepEqual(
      [told.exit, told.error?.code, told.error?.details.errno],
      [5, 'HOME_UNUSABLE', 'EISDIR'],
    );
  });

  it('follows a daemon over its rotation, its death and its restart, each line once', async () => {
    await cli.json(['config', 'set', 'logLevel', 'debug']);
    await cli.json(['daemon', 'start']);
    const { child, next } = follow('--limit', '1');
    assert.equal((await next()).message, 'the daemon serves');
    await disturb();
    const disturbed = await next();
    assert.equal(disturbed.message, 'a connection sent no proper HTTP');
    // As full as it may be: the next line of the running daemon goes into another file.
    const room = 4 * 1024 * 1024 - statSync(log).size - line('padding', 'debug', 0, { text: '' }).length;
    appendFileSync(log, line('padding', 'debug', 0, { text: 'x'.repeat(room) }));
    assert.match((await next()).raw, /"padding"/);
    await disturb();
    assert.equal((await next()).message, disturbed.message);
    assert.deepEqual(readdirSync(join(cli.home, 'logs')).sort(), [
      'daemon-stderr.log',
      'daemon.log',
      'daemon.log.1',
    ]);
    assert.ok(statSync(log).size < 1000);
    rmSync(join(cli.home, 'logs'), { recursive: true });
    await disturb();
    assert.equal((await next()).message, disturbed.message);
    process.kill(cli.daemonPid() ?? 0, 'SIGKILL');
    assert.equal((await cli.json(['daemon', 'start'])).exit, 0);
    assert.match((await next()).message, /did not end in order/);
    assert.equal((await next()).message, 'the daemon serves');
    assert.equal(await interrupted(child), 130);
  });

  it('shows what a crash has said past the log at once, and not again when the next daemon takes it over', async () => {
    const key = `sk-ant-${randomBytes(24).toString('base64url')}`;
    prepare('');
    const { child, next } = follow();
    const waiting = once(child.stderr, 'data');
    await waiting;
    writeFileSync(stderr, `FATAL ERROR: ${key}\n1: 0x7f node::Abort()\n`);
    assert.deepEqual(await next(), { raw: 'FATAL ERROR: [redacted: Anthropic key]' });
    assert.deepEqual(await next(), { raw: '1: 0x7f node::Abort()' });
    assert.deepEqual(messages((await cli.json(['logs'])).data), [
      'FATAL ERROR: [redacted: Anthropic key]',
      '1: 0x7f node::Abort()',
    ]);
    await cli.json(['daemon', 'start']);
    assert.equal((await next()).message, 'the daemon serves');
    assert.equal(statSync(stderr).size, 0);
    const kept = await cli.json(['logs']);
    assert.deepEqual(messages(kept.data), [
      'FATAL ERROR: [redacted: Anthropic key]',
      '1: 0x7f node::Abort()',
      'the daemon serves',
    ]);
    assert.equal(kept.data.entries[0].fields.stderr, true);
    assert.ok(!readFileSync(log, 'utf8').includes(key));
    assert.equal(await interrupted(child), 130);
  });

  it('has what native code of the daemon says past it, also at its very end', async () => {
    // Printed by Node's C++ when the process exits, as a fatal error is.
    const env = { NODE_OPTIONS: '--trace-exit' };
    assert.equal((await cli.run(['daemon', 'start'], { env })).code, 0);
    const pid = cli.daemonPid() ?? 0;
    await cli.run(['daemon', 'stop']);
    assert.match(readFileSync(stderr, 'utf8'), /Exited the environment with code 0/);
    const stopped = messages((await cli.json(['logs'])).data);
    assert.deepEqual(stopped.slice(0, 2), ['the daemon serves', 'the daemon has stopped']);
    assert.match(stopped[2] ?? '', new RegExp(`node:${pid}.*Exited the environment with code 0`));
    await cli.run(['daemon', 'start']);
    assert.deepEqual(
      messages((await cli.json(['logs'])).data).slice(0, -1),
      stopped,
      'now in the log itself',
    );
    assert.equal(statSync(stderr).size, 0);
  });

  it('of a daemon whose disk is full goes on when there is room again, and says that lines are missing', async () => {
    prepare('');
    rmSync(log);
    symlinkSync('/dev/full', log);
    await cli.json(['config', 'set', 'logLevel', 'debug']);
    assert.equal((await cli.json(['daemon', 'start'])).exit, 0);
    await disturb();
    assert.equal((await cli.json(['status'])).exit, 0);
    rmSync(log);
    await disturb();
    const { entries } = (await cli.json(['logs'])).data;
    assert.match(entries[0].message, /could not be written before this one/);
    assert.equal(entries[0].fields.lines, 2);
    assert.equal(entries.length, 2);
  });
});
