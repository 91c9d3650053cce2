/** `backup` and `restore` as people and scripts meet them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fixture, used } from './command-fixture.ts';

describe('agent-collab backup and restore', () => {
  it('say what to do where nothing is, and make nothing', async (t) => {
    const cli = fixture(t);
    const backup = await cli.json(['backup']);
    assert.deepEqual([backup.exit, backup.error?.code], [5, 'HOME_UNUSABLE']);
    assert.match(backup.error?.message ?? '', /there is no data directory at/);
    const restore = await cli.json(['restore', 'x']);
    assert.deepEqual([restore.exit, restore.error?.code], [5, 'HOME_UNUSABLE']);
    const which = await cli.json(['restore']);
    assert.deepEqual([which.exit, which.error?.code, which.error?.details.backups], [2, 'USAGE', []]);
    assert.match(which.error?.next ?? '', /agent-collab backup/);
    const list = await cli.json(['backup', '--list']);
    assert.deepEqual([list.exit, list.data.backups], [0, []]);
    assert.match(
      (await cli.run(['backup', '--list'])).stdout,
      /^there are no backups in .*agent-collab backup\n$/,
    );
    assert.equal(existsSync(cli.home), false);
  });

  it('go there and back without a daemon, and say where everything is', async (t) => {
    const cli = await used(t);
    const made = await cli.json(['backup']);
    assert.equal(made.exit, 0, JSON.stringify(made.error));
    const { name, directory, createdAt, files, bytes, checksum, stores, leftOut, durationMs } = made.data;
    assert.match(name, /^\d{8}-\d{6}$/);
    assert.equal(directory, join(cli.home, 'backups', name));
    assert(files >= 3 && bytes > 0 && durationMs >= 0 && !Number.isNaN(Date.parse(createdAt)));
    assert.match(checksum, /^[0-9a-f]{64}$/);
    assert.deepEqual([stores.sound, stores.deltas, stores.problems], [true, 1, []]);
    assert.deepEqual(
      leftOut.map(({ path }: { path: string }) => path),
      ['lmdb/index', 'logs'],
    );

    await cli.json(['context', 'share', 'src/login.ts', '-m', 'the second', '--agent', 'ann']);
    const refused = await cli.json(['restore', name]);
    assert.deepEqual([refused.exit, refused.error?.code], [5, 'DAEMON_RUNNING']);
    assert.match(refused.error?.next ?? '', /agent-collab daemon stop/);
    await cli.json(['daemon', 'stop']);
    const restored = await cli.json(['restore', name]);
    assert.equal(restored.exit, 0, JSON.stringify(restored.error));
    const { safety, resumed } = restored.data;
    assert.deepEqual([restored.data.name, restored.data.files, resumed], [name, files, false]);
    const contents = async () => {
      const { data } = await cli.json(['context', 'list']);
      return data.contexts.map(({ content }: { content: string }) => content);
    };
    assert.deepEqual(await contents(), ['the first']);

    const list = await cli.json(['backup', '--list']);
    const listed = list.data.backups.map((one: { name: string; state: string; reason: string }) => [
      one.name,
      one.state,
      one.reason,
    ]);
    assert.deepEqual(listed, [
      [safety, 'complete', 'before-restore'],
      [name, 'complete', 'manual'],
    ]);
    assert.match(
      (await cli.run(['backup', '--list'])).stdout,
      /NAME +MADE +WHY +SIZE +STATE[\s\S]*before-restore/,
    );
    await cli.json(['daemon', 'stop']);
    const back = await cli.run(['restore', safety]);
    assert.equal(back.code, 0, back.stderr);
    for (const part of [
      /restored +\S*before-restore/,
      /what was there is backup/,
      /agent-collab daemon start/,
    ])
      assert.match(back.stdout, part);
    assert.deepEqual(await contents(), ['the second', 'the first']);
  });

  it('take a directory relative to the current one, list it, and tell how to restore from it', async (t) => {
    const cli = await used(t);
    const made = await cli.run(['backup', '--to', '../disk']);
    assert.equal(made.code, 0, made.stderr);
    assert.match(
      made.stdout,
      /put it into .*backups, then: agent-collab daemon stop && agent-collab restore/,
    );
    const list = await cli.json(['backup', '--list', '--to', '../disk']);
    assert.equal(list.data.directory, cli.path('disk'));
    assert.deepEqual(
      list.data.backups.map(({ state }: { state: string }) => state),
      ['complete'],
    );
    const inside = await cli.json(['backup', '--to', join(cli.home, 'x')]);
    assert.deepEqual([inside.exit, inside.error?.code], [2, 'INVALID_ARGUMENT']);
    const file = await cli.json(['backup', '--to', 'src/login.ts']);
    assert.deepEqual([file.exit, file.error?.code], [5, 'HOME_UNUSABLE']);
    assert.match(file.error?.next ?? '', /another place/);
  });

  it('refuse a name that is none, with the names that there are', async (t) => {
    const cli = await used(t);
    const { data } = await cli.json(['backup']);
    for (const [name, code, exit] of [
      ['../backups', 'INVALID_ARGUMENT', 2],
      ['.', 'INVALID_ARGUMENT', 2],
      ['yesterday', 'NOT_FOUND', 2],
    ] as const) {
      const { error, exit: ended } = await cli.json(['restore', name]);
      assert.deepEqual([ended, error?.code], [exit, code], name);
    }
    assert.match((await cli.json(['restore', 'yesterday'])).error?.next ?? '', new RegExp(data.name));
    assert.match((await cli.json(['restore'])).error?.next ?? '', new RegExp(data.name));
  });
});
