/** What commands do when no daemon runs and none may be started. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { version } from '../../src/base/version.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { OwnerLock } from '../../src/home/owner-lock.ts';
import { CliFixture, finished } from './cli-fixture.ts';

describe('without a daemon', { concurrency: 2 }, () => {
  const cli = new CliFixture();
  after(() => cli.close());
  const env = { AGENT_COLLAB_NO_AUTOSTART: '1' };

  it('status fails with 4, says how to start one, and makes no data directory', async () => {
    const unmade = { AGENT_COLLAB_HOME: cli.path('unmade') };
    const result = await cli.run(['status'], { env: unmade });
    assert.deepEqual([result.code, result.stdout], [4, '']);
    assert.equal(existsSync(cli.path('unmade')), false);
    assert.match(result.stderr, /^error: no daemon serves .*\nnext: .*agent-collab daemon start/);
    const json = await cli.json(['daemon', 'status']);
    assert.deepEqual([json.exit, json.ok, json.error?.code], [4, false, 'DAEMON_UNREACHABLE']);
  });

  it('a client command fails with 4 when it may not start one', async () => {
    const json = await cli.json(['lock', 'list'], { env });
    assert.deepEqual([json.exit, json.error?.code], [4, 'DAEMON_UNREACHABLE']);
  });

  it('a bare call says what to do next and is no failure', async () => {
    const result = await cli.run([]);
    assert.equal(result.code, 0);
    assert.match(result.stdout, /No daemon runs[\s\S]*next: agent-collab daemon start/);
    assert.deepEqual((await cli.json([])).data, {
      status: null,
      situation: 'no-daemon',
      next: 'agent-collab daemon start',
      why: 'no daemon runs',
    });
  });

  it('version and --version print the version', async () => {
    for (const args of [['version'], ['--version']]) {
      assert.equal((await cli.run(args)).stdout, `${version}\n`);
      assert.equal((await cli.json(args)).data.version, version);
    }
  });

  it('a wrong line fails with 2, in JSON wherever --json stands', async () => {
    const human = await cli.run(['lock', 'aquire']);
    assert.deepEqual([human.code, human.stdout], [2, '']);
    assert.match(human.stderr, /^error: unknown command "lock aquire"\nnext: Did you mean/);
    for (const args of [
      ['--nope'],
      ['lock', 'acquire', 'a', '--ttl', '-1', '-m', 'x'],
      ['lock', 'acquire', 'a', '-m'],
      ['lock', 'acquire', 'a', '-m', 'x', '--ttl', 'NaN'],
    ]) {
      const json = await cli.json(args);
      assert.deepEqual([json.exit, json.error?.code], [2, 'USAGE'], args.join(' '));
      assert.ok(json.error?.next, args.join(' '));
    }
  });

  it('help is one document with --json', async () => {
    assert.match((await cli.json(['why', '--help'])).data.help, /agent-collab why/);
  });

  it('context share wants exactly one text that is text', async () => {
    writeFileSync(cli.path('latin1.txt'), Buffer.from([0x66, 0xfc, 0x72]));
    const share = (args: string[], input?: Buffer) =>
      cli.json(['context', 'share', 'src/login.ts', ...args], { env, ...(input ? { input } : {}) });
    assert.match((await share([])).error?.message ?? '', /no text/);
    assert.match((await share(['-', '-m', 'x'])).error?.message ?? '', /more than one place/);
    assert.match((await share(['--file', cli.path('none.txt')])).error?.message ?? '', /does not exist/);
    assert.match((await share(['--file', cli.path('.')])).error?.message ?? '', /is a directory/);
    assert.match((await share(['--file', cli.path('latin1.txt')])).error?.message ?? '', /not UTF-8/);
    assert.match((await share(['-'], Buffer.from([0xff, 0xfe]))).error?.message ?? '', /not UTF-8/);
    assert.match((await share(['-'], Buffer.alloc(0))).error?.message ?? '', /is empty/);
    assert.equal((await share(['-'], Buffer.alloc(1_100_000, 'x'))).error?.code, 'DELTA_TOO_LARGE');
    assert.match((await share(['text'])).error?.message ?? '', /"text" is one argument too many/);
  });

  it('the settings are changed in the file', async () => {
    const home = { AGENT_COLLAB_HOME: cli.path('settings') };
    assert.equal((await cli.json(['config', 'get', 'port'], { env: home })).data.value, 0);
    const set = await cli.json(['config', 'set', 'locks.defaultTtlMs', '5m'], { env: home });
    assert.deepEqual(set.data, { key: 'locks.defaultTtlMs', value: 300_000, restart: false });
    assert.match(
      (await cli.run(['config', 'show'], { env: home })).stdout,
      /locks\.defaultTtlMs +300000 +file/,
    );
    const refused = await cli.json(['config', 'set', 'port', 'many'], { env: home });
    assert.deepEqual([refused.exit, refused.error?.code], [2, 'CONFIG_INVALID']);
    await cli.json(['config', 'reset'], { env: home });
    assert.equal(
      (await cli.json(['config', 'get', 'locks.defaultTtlMs'], { env: home })).data.from,
      'default',
    );
  });

  it('stop leaves alone what works on the directory and is no daemon', async () => {
    const home = cli.path('busy');
    mkdirSync(home, { mode: 0o700 });
    const owner = await OwnerLock.tryAcquire(homePaths(home), 'keep', 'backup');
    assert.ok(owner instanceof OwnerLock);
    const json = await cli.json(['daemon', 'stop'], { env: { AGENT_COLLAB_HOME: home } });
    assert.deepEqual(
      [json.exit, json.error?.code, json.error?.details.pid],
      [5, 'DAEMON_RUNNING', process.pid],
    );
    assert.match(json.error?.message ?? '', /\(backup\)/);
    await owner.close();
  });

  it('stopping what does not run is no failure', async () => {
    const result = await cli.run(['daemon', 'stop']);
    assert.deepEqual([result.code, result.stdout], [0, 'no daemon was running\n']);
  });

  it('a daemon that cannot start tells why, with the code of its own error', async () => {
    writeFileSync(cli.path('file'), 'not a directory');
    const json = await cli.json(['lock', 'list'], { env: { AGENT_COLLAB_HOME: cli.path('file') } });
    assert.deepEqual([json.exit, json.error?.code], [5, 'HOME_UNUSABLE']);
    mkdirSync(cli.path('bad'));
    writeFileSync(join(cli.path('bad'), 'config.json'), '{"port":"many"}');
    const invalid = await cli.json(['daemon', 'start'], { env: { AGENT_COLLAB_HOME: cli.path('bad') } });
    assert.deepEqual([invalid.exit, invalid.error?.code], [2, 'CONFIG_INVALID']);
  });

  it('says nothing when its reader is gone', async () => {
    const child = cli.spawn(['--help']);
    child.stdout.destroy();
    const { stderr } = await finished(child);
    assert.equal(stderr, '');
  });
});
