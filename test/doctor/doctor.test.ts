/** `doctor` on real directories, by the program: each thing that it calls bad was made bad before. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CliFixture, type EnvelopeOf } from '../cli/cli-fixture.ts';

interface Seen {
  readonly check: string;
  readonly state: string;
  readonly says: string;
  readonly next?: string;
}

function findings({ data, error }: EnvelopeOf): ReadonlyMap<string, Seen> {
  const listed: readonly Seen[] = data?.findings ?? error?.details?.findings ?? [];
  return new Map(listed.map((one) => [one.check, one]));
}

const states = (envelope: EnvelopeOf, ...wanted: readonly string[]) =>
  [...findings(envelope).values()].filter(({ state }) => wanted.includes(state)).map(({ check }) => check);

/** Every page but the two meta pages, so that whatever is in use is hit. */
function scribble(file: string): void {
  const bytes = readFileSync(file);
  for (let at = 8192; at < bytes.length; at += 4096) bytes[at + 18] = (bytes[at + 18] ?? 0) ^ 0x40;
  writeFileSync(file, bytes);
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (condition()) return;
    await delay(10);
  }
  assert.fail(`never came true: ${what}`);
}

describe('doctor', () => {
  const cli = new CliFixture();
  const template = cli.path('template');
  const share = (text: string) => cli.json(['context', 'share', 'src/login.ts', '-m', text]);
  const stop = () => cli.run(['daemon', 'stop']);
  /** The directory as it was when its daemon had ended in order. */
  const reset = () => {
    rmSync(cli.home, { recursive: true, force: true });
    cpSync(template, cli.home, { recursive: true });
  };

  before(async () => {
    for (let number = 0; number < 20; number++) await share(`text ${number}`);
    await stop();
    cpSync(cli.home, template, { recursive: true });
  });
  after(() => cli.close());

  it('finds nothing where nothing is, and makes nothing', async () => {
    const nowhere = { AGENT_COLLAB_HOME: cli.path('nowhere') };
    const told = await cli.json(['doctor'], { env: nowhere });
    assert.deepEqual([told.exit, told.data.healthy], [0, true]);
    assert.equal(existsSync(cli.path('nowhere')), false);
  });

  it('tells of each store what was read, stopped and running, and starts no daemon', async () => {
    reset();
    const stopped = await cli.json(['doctor']);
    assert.deepEqual([stopped.exit, states(stopped, 'bad')], [0, []]);
    assert.match(findings(stopped).get('delta')?.says ?? '', /^20 deltas read/);
    assert.equal(cli.daemonPid(), undefined);
    await share('one more');
    const running = await cli.json(['doctor']);
    assert.match(findings(running).get('delta')?.says ?? '', /^21 deltas read/);
    assert.match(findings(running).get('index')?.says ?? '', /^\d+ entries read, equal/);
    assert.match(findings(running).get('daemon')?.says ?? '', new RegExp(`^pid ${cli.daemonPid()} answers`));
    await stop();
  });

  it('tells how the clients are connected, and how to connect them and take that back', async () => {
    reset();
    // As the client itself would have made it.
    mkdirSync(cli.path('.claude'));
    await cli.json(['daemon', 'start']);
    const seen = findings(await cli.json(['doctor'])).get('clients');
    assert.deepEqual([seen?.state, seen?.says], ['warn', 'Claude Code is not connected']);
    assert.match(seen?.next ?? '', /setup claude\. .*setup claude --remove/);
    assert.equal((await cli.json(['setup', 'claude'])).exit, 0);
    const after = findings(await cli.json(['doctor'])).get('clients');
    assert.deepEqual([after?.state, after?.says], ['ok', 'Claude Code is connected']);
    for (const name of ['.claude', '.claude.json']) rmSync(cli.path(name), { recursive: true, force: true });
    assert.equal(findings(await cli.json(['doctor'])).get('clients')?.state, 'ok');
    await stop();
    assert.match(findings(await cli.json(['doctor'])).get('clients')?.says ?? '', /^not compared/);
  });

  it('finds another program of the name on the PATH', async () => {
    reset();
    const bin = cli.path('bin');
    mkdirSync(bin);
    const own = findings(await cli.json(['doctor'])).get('program');
    assert.match(own?.says ?? '', /^version \d+\.\d+\.\d+ at .*main\.[jt]s, on Node \d/);
    assert.equal(own?.state, 'ok');
    writeFileSync(join(bin, 'agent-collab'), '');
    const env = { PATH: `${bin}:${process.env.PATH ?? ''}` };
    const other = findings(await cli.json(['doctor'], { env })).get('program');
    assert.equal(other?.state, 'warn');
    assert.ok(other?.says.endsWith(`another one, ${join(bin, 'agent-collab')}`), other?.says);
  });

  it('finds a clock that was set back behind what was written', async () => {
    reset();
    assert.equal(findings(await cli.json(['doctor'])).get('clock')?.state, 'ok');
    const later = new Date(Date.now() + 3_600_000);
    utimesSync(join(cli.home, 'key.json'), later, later);
    const seen = findings(await cli.json(['doctor'])).get('clock');
    assert.equal(seen?.state, 'warn');
    assert.match(seen?.says ?? '', /key\.json was written (?:1h|59m \d+s|59m) later than that$/);
  });

  for (const store of ['delta', 'index', 'audit'] as const) {
    it(`finds damage in the ${store} store and mends it with --fix, keeping the damaged file`, async () => {
      reset();
      scribble(join(cli.home, 'lmdb', store, 'data.mdb'));
      const found = await cli.json(['doctor']);
      assert.deepEqual([found.exit, found.error?.code], [5, 'UNHEALTHY']);
      assert.ok(states(found, 'bad').includes(store), JSON.stringify(found.error));
      assert.match(found.error?.next ?? '', /doctor --fix/);
      const fixed = await cli.json(['doctor', '--fix']);
      assert.equal(fixed.exit, 0, JSON.stringify(fixed.error));
      assert.equal(findings(fixed).get(store)?.state, 'ok');
      assert.equal(findings(fixed).get('set-aside')?.state, 'warn');
      assert.match(fixed.data.fixed.join(), new RegExp(`wrote .*${store}.* anew`));
      const kept = readdirSync(join(cli.home, 'lmdb', 'damaged'));
      assert.equal(kept.length, 1);
      assert.match(kept[0] ?? '', new RegExp(`-${store}$`));
    });
  }

  it('tells of a daemon that did not end in order, twice the same, and --fix clears what it left', async () => {
    reset();
    await share('before the kill');
    const pid = cli.daemonPid();
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    await until(() => !existsSync(`/proc/${pid}`), 'the daemon is gone');
    for (let turn = 0; turn < 2; turn++) {
      const told = await cli.json(['doctor']);
      assert.equal(told.exit, 0);
      assert.match(
        findings(told).get('daemon')?.says ?? '',
        new RegExp(`pid ${pid}, .*did not end in order`),
      );
    }
    const fixed = await cli.json(['doctor', '--fix']);
    assert.match(fixed.data.fixed.join(), new RegExp(`pid ${pid}, which is gone`));
    assert.equal(findings(fixed).get('daemon')?.state, 'ok');
    assert.equal(existsSync(join(cli.home, 'daemon.json')), false);
  });

  it('finds a directory that others may read, and closes it with --fix', async () => {
    reset();
    chmodSync(cli.home, 0o755);
    chmodSync(join(cli.home, 'key.json'), 0o644);
    const found = await cli.json(['doctor']);
    assert.match(findings(found).get('directory')?.says ?? '', /\. \(mode 755\), key\.json \(mode 644\)/);
    assert.equal((await cli.json(['doctor', '--fix'])).exit, 0);
    assert.equal(statSync(join(cli.home, 'key.json')).mode & 0o777, 0o600);
  });

  it('finds settings and a key that cannot be read, and says what to do', async () => {
    reset();
    writeFileSync(join(cli.home, 'config.json'), '{"port":', { mode: 0o600 });
    writeFileSync(join(cli.home, 'key.json'), '{}', { mode: 0o600 });
    const found = await cli.json(['doctor']);
    assert.deepEqual(states(found, 'bad'), ['settings', 'identity']);
    for (const check of ['settings', 'identity']) assert.ok(findings(found).get(check)?.next, check);
  });

  it('finds a restore that cannot be read', async () => {
    reset();
    writeFileSync(join(cli.home, 'restore.json'), '{"format":1', { mode: 0o600 });
    const found = await cli.json(['doctor']);
    assert.equal(findings(found).get('restore')?.state, 'bad');
  });

  it('warns while there is no backup, and counts those that there are', async () => {
    reset();
    assert.equal(findings(await cli.json(['doctor'])).get('backups')?.state, 'warn');
    assert.equal((await cli.json(['backup'])).exit, 0);
    const after = findings(await cli.json(['doctor'])).get('backups');
    assert.deepEqual([after?.state, after?.says.startsWith('1, the newest')], ['ok', true]);
  });

  it('names data of the older program', async () => {
    reset();
    mkdirSync(join(cli.home, 'vectors'), { recursive: true });
    writeFileSync(join(cli.home, 'vectors', 'default.json'), '{"name":"default","documents":{}}');
    const told = findings(await cli.json(['doctor'])).get('migration');
    assert.deepEqual([told?.state, told?.next], ['warn', 'Run: agent-collab migrate start.']);
  });

  it('shows people every finding and fails with the ones that are bad', async () => {
    reset();
    scribble(join(cli.home, 'lmdb', 'index', 'data.mdb'));
    const { code, stdout, stderr } = await cli.run(['doctor']);
    assert.equal(code, 5);
    assert.match(stdout, /^ok +program/);
    assert.match(stdout, /\nok +directory/);
    assert.match(stdout, /\nBAD +index +damaged: /);
    assert.match(stderr, /^error: not in order: index\nnext: Run: agent-collab doctor --fix\./);
  });
});
