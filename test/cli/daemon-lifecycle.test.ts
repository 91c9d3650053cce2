/** Starting, finding, replacing and stopping the daemon. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { version } from '../../src/base/version.ts';
import { prepareHome } from '../../src/home/prepare-home.ts';
import { ControlServer } from '../../src/web/control-server.ts';
import { FakeControlService, fakeNotice } from '../web/fake-control-service.ts';
import { CliFixture, finished, linesOf } from './cli-fixture.ts';

describe('the daemon', () => {
  let cli: CliFixture;
  beforeEach(() => {
    cli = new CliFixture();
  });
  afterEach(() => cli.close());

  it('is started once by several commands at once, and used by all', async () => {
    const results = await Promise.all(
      ['a', 'b', 'c'].map((name) => cli.json(['lock', 'acquire', name, '-m', name])),
    );
    assert.deepEqual(
      results.map(({ exit }) => exit),
      [0, 0, 0],
    );
    assert.equal((await cli.json(['lock', 'list'])).data.locks.length, 3);
    assert.equal((await cli.json(['daemon', 'start'])).data.started, false);
    const pid = cli.daemonPid();
    const restarted = await cli.json(['daemon', 'restart']);
    assert.equal(restarted.data.stopped, pid);
    assert.notEqual(restarted.data.pid, pid);
    assert.equal(restarted.data.token, undefined);
    assert.deepEqual((await cli.json(['daemon', 'stop'])).data, {
      stopped: true,
      pid: restarted.data.pid,
      by: 'request',
    });
    assert.equal(cli.daemonPid(), undefined);
    assert.equal((await cli.json(['verify'])).data.sound, true);
    assert.equal(cli.daemonPid(), undefined, 'verify starts no daemon');
  });

  it('is replaced after it was killed, and its record is followed by nobody', async () => {
    await cli.json(['daemon', 'start']);
    const pid = cli.daemonPid();
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    assert.equal((await cli.json(['status'])).exit, 4);
    assert.equal((await cli.json(['lock', 'list'])).exit, 0);
    assert.notEqual(cli.daemonPid(), pid);
    // A record that names a process which is not the daemon: that process gets no signal.
    await cli.json(['daemon', 'stop']);
    const bystander = cli.spawn(['run', '--memory'], { env: { AGENT_COLLAB_HOME: cli.path('elsewhere') } });
    await linesOf(bystander).next();
    const record = {
      pid: bystander.pid,
      version,
      startedAt: '2026-01-01T00:00:00Z',
      port: 1,
      token: 'x'.repeat(20),
      socket: null,
      node: 'n',
    };
    writeFileSync(join(cli.home, 'daemon.json'), JSON.stringify(record));
    assert.deepEqual((await cli.json(['daemon', 'stop'])).data, { stopped: false });
    assert.equal(bystander.exitCode, null);
  });

  it('runs in the foreground, says so, refuses a second one and ends on SIGTERM', async () => {
    const child = cli.spawn(['run', '--memory']);
    const end = finished(child);
    assert.match((await linesOf(child).next()).value, /^agent-collab .* is ready$/);
    const second = await cli.json(['run']);
    assert.deepEqual(
      [second.exit, second.error?.code, second.error?.details.pid],
      [5, 'DAEMON_RUNNING', child.pid],
    );
    child.kill('SIGTERM');
    const { code, stdout } = await end;
    assert.equal(code, 0);
    for (const part of ['MEMORY', cli.home, 'http://127.0.0.1:', `${child.pid}`, 'next:', 'stopped']) {
      assert.ok(stdout.includes(part), part);
    }
  });

  it('tells in one document that it is ready, and ends when it is asked to', async () => {
    const child = cli.spawn(['run', '--memory', '--json']);
    const end = finished(child);
    const ready = JSON.parse((await linesOf(child).next()).value);
    assert.deepEqual([ready.ok, ready.data.pid, ready.data.storage], [true, child.pid, 'memory']);
    assert.equal(ready.data.token, undefined);
    assert.equal((await cli.json(['daemon', 'stop'])).data.stopped, true);
    const { code, stdout } = await end;
    assert.deepEqual([code, stdout.split('\n').length], [0, 2]);
  });

  it('of an older version is used, with a note on standard error', async () => {
    await withFakeDaemon('0.0.1', async (service) => {
      service.on('lock.list', () => ({ locks: [], waiters: [] }));
      const result = await cli.run(['lock', 'list', '--json']);
      assert.deepEqual(JSON.parse(result.stdout), { ok: true, data: { locks: [], waiters: [] } });
      assert.match(result.stderr, /^note: .*version 0\.0\.1.*agent-collab daemon restart/);
    });
  });

  it('gives its notices to people and to scripts, with refusals too', async () => {
    await withFakeDaemon(version, async (service) => {
      const refuse = () => service.notices.set('ann', [fakeNotice('lk_9')]);
      refuse();
      const check = ['lock', 'check', 'lk_9', '--agent', 'ann'];
      service.on('lock.check', () => ({ valid: false, reason: 'expired', message: 'it has expired' }));
      const json = await cli.json(check);
      assert.deepEqual(
        [json.exit, json.error?.code, json.error?.details.reason],
        [3, 'LOCK_NOT_HELD', 'expired'],
      );
      assert.deepEqual(
        json.notices?.map(({ lockId }) => lockId),
        ['lk_9'],
      );
      refuse();
      assert.match((await cli.run(check)).stderr, /error: it has expired[\s\S]*notice: .*lk_9/);
    });
  });

  it('that finds damage makes verify fail with 5 and the list of it', async () => {
    await withFakeDaemon(version, async (service) => {
      const problems = [{ store: 'delta', where: 'position 7', what: 'fails its checksum' }];
      service.on('verify', () => ({ sound: false, checked: { deltas: 9 }, problems, problemCount: 1 }));
      const json = await cli.json(['verify']);
      assert.deepEqual([json.exit, json.error?.code], [5, 'VERIFY_FAILED']);
      assert.deepEqual(json.error?.details.problems, problems);
      assert.match((await cli.run(['verify'])).stderr, /delta: position 7: fails its checksum/);
    });
  });

  /** A server in this process, which answers as the test says. */
  async function withFakeDaemon(
    itsVersion: string,
    body: (service: FakeControlService) => Promise<void>,
  ): Promise<void> {
    const service = new FakeControlService();
    const { paths } = await prepareHome(cli.home);
    const token = 't'.repeat(32);
    await using server = await ControlServer.open({
      service,
      socketPath: paths.daemonSocket,
      port: 0,
      token,
      logger: silentLogger,
    });
    const startedAt = '2026-01-01T00:00:00Z';
    const record = { pid: process.pid, version: itsVersion, startedAt, port: server.port, token, node: 'n' };
    writeFileSync(paths.daemonRecord, JSON.stringify({ ...record, socket: server.socketPath }));
    await body(service);
  }
});
