/** A daemon that ends while a backup is made beside it. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clearLeftovers } from '../../src/backup/backup-place.ts';
import { listBackupsIn } from '../../src/backup/list-backups.ts';
import { CollabError } from '../../src/base/errors.ts';
import type { ControlClient } from '../../src/control/client.ts';
import type { ActivityView } from '../../src/control/results.ts';
import { CliFixture } from '../cli/cli-fixture.ts';
import { started } from './command-fixture.ts';

describe('a backup beside a daemon that ends', () => {
  const cli = new CliFixture();
  let client: ControlClient;
  before(async () => {
    // However fast the disk is, this backup is not done before it is stopped.
    client = await started(cli, { AGENT_COLLAB_FAILPOINTS: 'backup.copied=stall' });
  });
  after(async () => {
    client.close();
    await cli.close();
  });

  it('ends with it, which does not wait for it, and leaves nothing that the next one does not clear', async () => {
    // Something to copy for a while.
    const big = Buffer.alloc(8 * 2 ** 20, 'vectors ');
    for (let number = 0; number < 24; number++)
      writeFileSync(join(cli.home, 'vectors', `big-${number}.json`), big);
    const to = cli.path('stopped');
    const { total, failure } = await underWay(client, to);
    assert(total > big.length * 24);
    const stopped = await cli.json(['daemon', 'stop']);
    assert.deepEqual([stopped.exit, stopped.data?.stopped], [0, true]);
    const error = await failure;
    assert(error instanceof CollabError, 'the call was answered as if all were well');
    assert(['STORE_UNAVAILABLE', 'DAEMON_UNREACHABLE', 'DAEMON_CLOSING'].includes(error.code), error.code);
    const [left] = await listBackupsIn(to);
    assert.equal(left?.state, 'incomplete');
    assert.match(left.why, /no manifest/, 'its process lives on');
    assert.deepEqual(await clearLeftovers(to), [left.name]);
    assert.deepEqual(readdirSync(to), []);
  });

  it('ends also when the daemon is killed', async () => {
    client.close();
    client = await started(cli);
    const to = cli.path('killed');
    const { failure } = await underWay(client, to);
    process.kill(cli.daemonPid() ?? 0, 'SIGKILL');
    assert((await failure) instanceof CollabError);
    // The kernel tells the one that copies; its lock on the marker goes with it.
    while ((await clearLeftovers(to)).length === 0);
    const { exit, error } = await cli.json(['backup', '--to', to]);
    assert.equal(exit, 0, JSON.stringify(error));
    assert.deepEqual(
      (await listBackupsIn(to)).map(({ state }) => state),
      ['complete'],
    );
  });
});

/** Resolves once a backup has begun to copy. */
async function underWay(client: ControlClient, to: string) {
  const failure = client.call('backup', { to }).then(
    () => undefined,
    (error: unknown) => error,
  );
  let activity: ActivityView | null = null;
  while (activity === null || activity.done === 0) ({ activity } = (await client.call('status', {})).data);
  return { total: activity.total, failure };
}
