/** A start after an unclean end says what it found and did, in one line. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { summarize } from '../../src/daemon/start-summary.ts';
import { CliFixture } from '../cli/cli-fixture.ts';

const leftBehind = { pid: 4711, startedAt: '2026-01-02T03:04:05.000Z' };
const whole = { head: 7, indexed: 7 };

describe('the summary of a start', () => {
  it('is empty after an end in order', () => {
    assert.deepEqual(
      summarize({ leftBehind: undefined, kind: 'lmdb', started: whole, findings: [], lostLocks: 0 }),
      [],
    );
  });

  it('is one line after an unclean end: who, what was checked, where the log ends, how far the index is, which locks ended', () => {
    const [line, ...more] = summarize({
      leftBehind,
      kind: 'lmdb',
      started: { head: 7, indexed: 4 },
      findings: [],
      lostLocks: 2,
    });
    assert.equal(
      line,
      'the daemon before (pid 4711, started 2026-01-02T03:04:05.000Z) did not end in order: ' +
        'every page of the stores was checked and is sound; the log ends at 7; ' +
        'the index is 3 behind and catches up; 2 locks ended with it, and the holders will be told',
    );
    assert.deepEqual(more, []);
  });

  it('does not call sound what had to be mended', () => {
    const lines = summarize({
      leftBehind,
      kind: 'lmdb',
      started: whole,
      findings: ['repaired'],
      lostLocks: 1,
    });
    assert.match(lines[0] ?? '', /were checked and mended; .* 1 lock ended/);
    assert.deepEqual(lines.slice(1), ['repaired']);
  });

  it('tells what was mended and which locks were lost without an unclean end, too', () => {
    const parts = { kind: 'lmdb', started: whole, findings: ['repaired'], lostLocks: 1 } as const;
    const lines = summarize({ leftBehind: undefined, ...parts });
    assert.deepEqual(lines, ['repaired', '1 lock ended with the process before; the holders will be told']);
  });
});

describe('a daemon that was killed', () => {
  const cli = new CliFixture();
  after(() => cli.close());

  const kill = async () => {
    const pid = cli.daemonPid();
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    for (let tries = 0; existsSync(`/proc/${pid}`) && tries < 500; tries++) await delay(10);
    return pid;
  };

  it('is told of by the next start, whichever command makes it, once', async () => {
    await cli.json(['context', 'share', 'src/login.ts', '-m', 'before']);
    await cli.json(['lock', 'acquire', 'src/login.ts', '-m', 'before', '--agent', 'ann']);
    // The question waits for the record of the grant.
    await cli.json(['audit']);
    const first = await kill();
    const { data } = await cli.json(['daemon', 'start']);
    assert.equal(data.summary.length, 1);
    assert.match(
      data.summary[0],
      new RegExp(`^the daemon before \\(pid ${first}, .*the log ends at 1; .*1 lock ended with it`),
    );
    const second = await kill();
    const listed = await cli.run(['lock', 'list']);
    assert.match(listed.stderr, new RegExp(`^note: the daemon before \\(pid ${second}, `));
    assert.match(readFileSync(join(cli.home, 'logs', 'daemon.log'), 'utf8'), new RegExp(`pid ${second}, `));
    await cli.run(['daemon', 'stop']);
    assert.deepEqual((await cli.json(['daemon', 'start'])).data.summary, []);
  });

  it('and whose store was damaged is told of with what was repaired and where the damaged file is kept', async () => {
    await kill();
    const file = join(cli.home, 'lmdb', 'audit', 'data.mdb');
    const bytes = readFileSync(file);
    for (let at = 8192; at < bytes.length; at += 4096) bytes[at + 18] = (bytes[at + 18] ?? 0) ^ 0x40;
    writeFileSync(file, bytes);
    rmSync(join(cli.home, 'lmdb', 'audit', 'lock.mdb'), { force: true });
    const { data } = await cli.json(['daemon', 'start']);
    assert.equal(data.summary.length, 2);
    assert.match(data.summary[0], /were checked and mended/);
    assert.match(data.summary[1], /damage was found and repaired in audit .*kept in .*damaged.*-audit$/);
    assert.equal((await cli.json(['verify'])).data.sound, true);
  });
});
