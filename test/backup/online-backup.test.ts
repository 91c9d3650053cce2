/** A backup beside the daemon of a build, or of the sources when no build is current. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { verifyBackup } from '../../src/backup/backup.ts';
import { listBackups } from '../../src/backup/list-backups.ts';
import { readManifest } from '../../src/backup/manifest.ts';
import { CollabError } from '../../src/base/errors.ts';
import type { ControlClient } from '../../src/control/client.ts';
import { CliFixture } from '../cli/cli-fixture.ts';
import { started } from './command-fixture.ts';

/** Shares, locks and unlocks until it is told to end. @returns what was acknowledged as flushed, in order. */
function work(client: ControlClient, cwd: string, agent: string) {
  const flushed: { readonly id: string; readonly content: string }[] = [];
  let working = true;
  const run = async (): Promise<void> => {
    for (let number = 0; working; number++) {
      const path = `src/${agent}-${number % 5}.ts`;
      const claim = { agent, cwd, targets: [path], intention: 'edits it' };
      const { lock } = (await client.call('lock.acquire', claim)).data;
      const content = `${agent} says ${number} ${'x'.repeat(200)}`;
      const { context } = (await client.call('context.share', { agent, cwd, path, content })).data;
      flushed.push({ id: context.id, content });
      await client.call('lock.release', { id: lock.id, agent });
    }
  };
  const running = run();
  const end = () => {
    working = false;
    return running;
  };
  return { flushed, end };
}

describe('a backup beside a daemon that agents use', () => {
  const cli = new CliFixture();
  const elsewhere = new CliFixture();
  let client: ControlClient;
  before(async () => {
    client = await started(cli);
  });
  after(async () => {
    client.close();
    await cli.close();
    await elsewhere.close();
  });

  it('holds all that was flushed before it began, without a gap, and can be served elsewhere', async () => {
    const workers = ['ann', 'bob', 'carl'].map((agent) => work(client, cli.repository, agent));
    while (workers.some(({ flushed }) => flushed.length < 40)) await client.call('status', {});
    const before = workers.flatMap(({ flushed }) => flushed);
    const { data, exit, error } = await cli.json(['backup', '--to', cli.path('disk')]);
    for (const { end } of workers) await end();
    assert.equal(exit, 0, JSON.stringify(error));
    const all = workers.flatMap(({ flushed }) => flushed);
    assert(all.length > before.length, 'nobody had to wait for the backup');
    assert.deepEqual([data.stores.sound, data.stores.problems], [true, []]);
    assert(data.stores.deltas >= before.length && data.stores.auditEvents > 0);
    assert.equal((await verifyBackup(data.directory)).sound, true);

    const stored = (await readManifest(data.directory)).tree.entries.map(({ path }) => path);
    for (const name of ['key.json', 'lmdb/delta/data.mdb', 'lmdb/audit/data.mdb'])
      assert(stored.includes(name), name);
    for (const name of ['daemon.json', 'daemon.sock', 'lmdb/index', 'lmdb/delta/lock.mdb'])
      assert.equal(stored.includes(name), false, name);

    mkdirSync(join(elsewhere.home, 'backups'), { recursive: true });
    cpSync(data.directory, join(elsewhere.home, 'backups', data.name), { recursive: true });
    const restored = await elsewhere.json(['restore', data.name]);
    assert.equal(restored.exit, 0, JSON.stringify(restored.error));
    const other = await started(elsewhere);
    const limit = data.stores.deltas + 10;
    const { deltas } = (await other.call('log', { limit })).data;
    const positions = deltas.map(({ position }) => position).toSorted((a, b) => a - b);
    assert.deepEqual(
      positions,
      Array.from({ length: data.stores.deltas }, (_, at) => at + 1),
    );
    const contents = new Map(
      deltas.map(({ id, payload }) => [id, (payload as { readonly content?: string }).content]),
    );
    for (const { id, content } of before) assert.equal(contents.get(id), content);
    for (const { id, content } of all) if (contents.has(id)) assert.equal(contents.get(id), content);
    const { sound, problems } = (await other.call('verify', {})).data;
    assert.deepEqual({ sound, problems }, { sound: true, problems: [] });
    other.close();
  });

  it('is shown by status while it runs, and what else is done to the stores waits for its turn', async (t) => {
    const other = new CliFixture();
    t.after(() => other.close());
    // The process that copies comes to a stand until it is killed.
    const stalled = await started(other, { AGENT_COLLAB_FAILPOINTS: 'backup.settled=stall' });
    const failure = stalled.call('backup', {}).then(
      () => undefined,
      (error: unknown) => error,
    );
    const activity = async () => (await stalled.call('status', {})).data.activity;
    while (((await activity())?.done ?? 0) === 0);
    let verified = false;
    const verify = stalled.call('verify', {}).then(({ data }) => {
      verified = true;
      return data;
    });
    for (let look = 0; look < 20; look++) assert.equal((await activity())?.what, 'backup');
    assert.equal(verified, false);
    const [made] = await listBackups(other.home);
    assert(made?.state === 'incomplete');
    process.kill(Number(/process (\d+) is making it/.exec(made.why)?.[1]), 'SIGKILL');
    const error = await failure;
    assert(error instanceof CollabError);
    assert.equal(error.code, 'STORE_UNAVAILABLE');
    assert.equal((await verify).sound, true);
    assert.equal(await activity(), null);
    stalled.close();
  });
});
