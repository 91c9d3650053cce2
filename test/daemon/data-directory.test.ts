import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { verifyStopped } from '../../src/daemon/offline-verify.ts';
import { code, Place } from './daemon-fixture.ts';

describe('daemon: one per data directory', () => {
  it('refuses a second one and names the first', async (t) => {
    const place = new Place(t);
    await place.start();
    await assert.rejects(Daemon.open({ home: place.home, logger: silentLogger }), (error) => {
      return (
        error instanceof CollabError && error.code === 'DAEMON_RUNNING' && error.details?.pid === process.pid
      );
    });
  });

  it('answers a claim that waits when it is stopped, refuses new ones, and stops in time', async (t) => {
    const running = await new Place(t).start();
    await running.acquire('ada', 'src/a.ts');
    const waiting = running.acquire('ben', 'src/a.ts', { waitMs: 30_000 });
    const refused = assert.rejects(
      waiting,
      (error) => error instanceof CollabError && error.details?.reason === 'cancelled',
    );
    while ((await running.client.call('status', {})).data.locks.waiting === 0);
    await running.client.call('shutdown', {});
    await refused;
    await running.daemon.closed;
    await assert.rejects(running.acquire('ben', 'src/a.ts'), code('DAEMON_UNREACHABLE'));
  });

  it('says that it is closing to a request on a connection that was open before', async (t) => {
    const running = await new Place(t).start();
    const calls = Array.from({ length: 20 }, () => running.client.call('status', {}));
    await Promise.all(calls);
    const closing = running.daemon.close();
    await assert.rejects(running.acquire('ben', 'src/a.ts'), (error) => {
      return error instanceof CollabError && ['DAEMON_CLOSING', 'DAEMON_UNREACHABLE'].includes(error.code);
    });
    await closing;
  });

  it('makes its files for its owner alone', async (t) => {
    const place = new Place(t);
    await place.start();
    for (const file of ['daemon.json', 'key.json', 'lmdb/delta/data.mdb', 'daemon.sock']) {
      assert.equal(statSync(join(place.home, file)).mode & 0o077, 0, file);
    }
  });

  it('refuses to begin a log anew beside a trail that had another one', async (t) => {
    const place = new Place(t);
    const first = await place.start();
    await first.acquire('ada', 'src/a.ts');
    await first.client.call('audit', {});
    await first.close();
    rmSync(join(place.home, 'lmdb', 'delta'), { recursive: true });
    await assert.rejects(Daemon.open({ home: place.home, logger: silentLogger }), code('STORE_DAMAGED'));
  });

  it('finds damage that LMDB itself dies of, and lives', async (t) => {
    const place = new Place(t);
    const running = await place.start();
    for (let number = 0; number < 50; number++) await running.share('ada', 'src/a.ts', `text ${number}`);
    await running.client.call('compact', {});
    await running.close();
    const file = join(place.home, 'lmdb', 'index', 'data.mdb');
    const bytes = readFileSync(file);
    bytes.fill(0xff, 2 * 4096);
    writeFileSync(file, bytes);
    const { sound, problems } = await verifyStopped(place.home);
    assert.equal(sound, false);
    assert(problems.length > 0);
  });

  it('refuses a directory that is a file, settings of a wrong type and a foreign key, each with its code', async (t) => {
    const place = new Place(t);
    const open = (home: string) => Daemon.open({ home, logger: silentLogger });
    const file = join(place.root, 'file');
    writeFileSync(file, '');
    await assert.rejects(open(file), code('HOME_UNUSABLE'));
    writeFileSync(join(place.home, 'config.json'), '{"port":"many"}');
    await assert.rejects(open(place.home), code('CONFIG_INVALID'));
    writeFileSync(join(place.home, 'config.json'), '{}');
    writeFileSync(join(place.home, 'key.json'), '{"type":"Ed25519"}');
    await assert.rejects(open(place.home), code('KEY_INVALID'));
  });
});
