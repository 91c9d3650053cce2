import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { diskRoom, StorageGuard, storageLevel } from '../../src/daemon/storage-guard.ts';
import { code, Place } from './daemon-fixture.ts';

const gib = 2 ** 30;

describe('storage guard', () => {
  it('warns at 80 % and refuses at 95 % of the limit', () => {
    const level = (storeBytes: number) =>
      storageLevel({ storeBytes, diskBytes: 1000 * gib, freeBytes: 900 * gib }, 1000).level;
    assert.deepEqual([799, 800, 949, 950, 2000].map(level), ['fine', 'warn', 'warn', 'refuse', 'refuse']);
  });

  it('looks at what is free of a disk as well as at its share', () => {
    const level = (diskBytes: number, freeBytes: number) =>
      storageLevel({ storeBytes: 0, diskBytes, freeBytes }, null).level;
    assert.equal(level(2000 * gib, 60 * gib), 'fine', '97 % of a large disk leaves plenty');
    assert.equal(level(20 * gib, 3 * gib), 'warn');
    assert.equal(level(20 * gib, 0.9 * gib), 'refuse');
    assert.equal(level(gib, 0.5 * gib), 'fine', 'half of a small disk');
  });

  it('takes deltas again as soon as there is room, and keeps its mind when it cannot measure', async () => {
    let storeBytes: number | undefined = 100;
    const measure = async () => {
      if (storeBytes === undefined) throw new Error('the disk does not answer');
      return { storeBytes, ...(await diskRoom('.')) };
    };
    const guard = new StorageGuard({ measure, logger: silentLogger }, 100);
    await guard.check();
    assert.equal(guard.refusal?.code, 'STORE_UNAVAILABLE');
    storeBytes = undefined;
    await guard.check();
    assert.equal(guard.refusal?.code, 'STORE_UNAVAILABLE');
    storeBytes = 1;
    await guard.check();
    assert.equal(guard.refusal, undefined);
    assert.deepEqual(guard.warnings, []);
    guard.close();
  });

  it('refuses a share and says so in the status of a daemon that is over its limit, and locks go on', async (t) => {
    const running = await new Place(t, { storage: { maxBytes: 16 * 1024 * 1024 } }).start();
    const text = 'x'.repeat(200_000);
    let shares = 0;
    const share = () => running.share('ada', 'src/a.ts', `${shares++} ${text}`);
    await assert.rejects(async () => {
      for (;;) {
        await share();
        await running.client.call('status', {});
      }
    }, code('STORE_UNAVAILABLE'));
    assert(shares > 10, 'most of the room was used first');
    const { warnings } = (await running.client.call('status', {})).data;
    assert.match(warnings.join(), /of storage\.maxBytes/);
    await running.acquire('ada', 'src/a.ts');
  });
});
