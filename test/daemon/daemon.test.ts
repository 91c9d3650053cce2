import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CollabError } from '../../src/base/errors.ts';
import type { StreamEvent } from '../../src/control/results.ts';
import { code, Place } from './daemon-fixture.ts';

describe('daemon: locks over the socket', () => {
  it('denies an overlapping claim with the holder, its intention and what to do', async (t) => {
    const place = new Place(t);
    const running = await place.start();
    const lock = await running.acquire('ada', 'src/a.ts:1-2');
    assert.equal(lock.assurance, 'cluster');
    await assert.rejects(running.acquire('ben', './src/../src/a.ts:2-9'), (error) => {
      assert(error instanceof CollabError);
      assert.equal(error.code, 'LOCK_DENIED');
      const { holder, intention, overlap, lockId, reason } = error.details ?? {};
      assert.deepEqual(
        { holder, intention, overlap, lockId, reason },
        { holder: 'ada', intention: 'ada works', overlap: 'partial', lockId: lock.id, reason: 'held' },
      );
      assert(error.next);
      return true;
    });
    const free = await running.acquire('ben', 'src/a.ts:3-9');
    assert(free.fence > lock.fence);
  });

  it('grants a waiting claim when the holder releases, with a higher fence', async (t) => {
    const running = await new Place(t).start();
    const first = await running.acquire('ada', 'src/a.ts');
    const waiting = running.acquire('ben', 'src/a.ts', { waitMs: 30_000 });
    while ((await running.client.call('status', {})).data.locks.waiting === 0);
    await running.client.call('lock.release', { id: first.id, agent: 'ada', fence: first.fence });
    const second = await waiting;
    assert.equal(second.holder, 'ben');
    assert(second.fence > first.fence);
  });

  it('ends a wait at its time, and frees its place when the client hangs up', async (t) => {
    const place = new Place(t);
    const running = await place.start();
    await running.acquire('ada', 'src/a.ts');
    await assert.rejects(running.acquire('ben', 'src/a.ts', { waitMs: 20 }), (error) => {
      return error instanceof CollabError && error.details?.reason === 'timeout';
    });
    const hangUp = new AbortController();
    const waiting = running.client.call(
      'lock.acquire',
      { agent: 'ben', cwd: place.repo, targets: ['src/a.ts'], intention: 'never', waitMs: 30_000 },
      { signal: hangUp.signal },
    );
    const ended = assert.rejects(waiting, { name: 'AbortError' });
    while ((await running.client.call('status', {})).data.locks.waiting === 0);
    hangUp.abort();
    await ended;
    while ((await running.client.call('status', {})).data.locks.waiting > 0);
  });

  it('refuses the claim that would close a cycle of waiting agents', async (t) => {
    const running = await new Place(t).start();
    await running.acquire('ada', 'one');
    await running.acquire('ben', 'two');
    const waiting = running.acquire('ada', 'two', { waitMs: 30_000 });
    while ((await running.client.call('status', {})).data.locks.waiting === 0);
    await assert.rejects(running.acquire('ben', 'one', { waitMs: 30_000 }), code('LOCK_DEADLOCK'));
    const [held] = (await running.client.call('lock.list', { holder: 'ben' })).data.locks;
    await running.client.call('lock.release', { id: held?.id ?? '', agent: 'ben' });
    assert.equal((await waiting).holder, 'ada');
  });

  it('limits the rate of one agent and not of another', async (t) => {
    const running = await new Place(t, { locks: { ratePerSecond: 1, rateBurst: 2 } }).start();
    await running.acquire('ada', 'one');
    await running.acquire('ada', 'two');
    await assert.rejects(running.acquire('ada', 'three'), code('LOCK_RATE_LIMITED'));
    await running.acquire('ben', 'four');
  });

  it('refuses another agent, a wrong fence, and a lock that has ended', async (t) => {
    const running = await new Place(t).start();
    const { id, fence } = await running.acquire('ada', 'src/a.ts');
    const call = running.client.call.bind(running.client);
    await assert.rejects(call('lock.release', { id, agent: 'ben' }), code('LOCK_NOT_HOLDER'));
    await assert.rejects(
      call('lock.renew', { id, agent: 'ada', fence: fence + 1 }),
      code('LOCK_STALE_FENCE'),
    );
    assert.equal((await call('lock.check', { id, fence })).data.valid, true);
    await call('lock.release', { id, agent: 'ada' });
    await assert.rejects(call('lock.check', { id, fence }), code('LOCK_NOT_HELD'));
  });

  it('tells the holder of a forced release once, with its next answer', async (t) => {
    const running = await new Place(t).start();
    const { id } = await running.acquire('ada', 'src/a.ts');
    await running.client.call('lock.force', { id, by: 'root', reason: 'on holiday' });
    assert.deepEqual(running.notices, []);
    await running.acquire('ada', 'other');
    assert.deepEqual(
      running.notices.map(({ kind, lockId }) => ({ kind, lockId })),
      [{ kind: 'forced', lockId: id }],
    );
    await running.acquire('ada', 'third');
    assert.equal(running.notices.length, 1);
  });

  it('takes a directory as everything in it', async (t) => {
    const place = new Place(t);
    const running = await place.start();
    const lock = await running.acquire('ada', 'src');
    assert.deepEqual(
      lock.targets.map(({ text }) => text),
      ['src/**'],
    );
    await assert.rejects(running.acquire('ben', 'src/a.ts:1-2'), code('LOCK_DENIED'));
    await assert.rejects(running.acquire('ben', 'src:1-2'), code('INVALID_ARGUMENT'));
    const list = async (path: string) =>
      (await running.client.call('lock.list', { cwd: place.repo, path })).data.locks.map(({ id }) => id);
    assert.deepEqual(await list('src/a.ts'), [lock.id]);
    assert.deepEqual(await list('.'), [lock.id]);
    assert.deepEqual(await list('other'), []);
  });

  it('takes a file by its whole name before it reads lines or a symbol out of it', async (t) => {
    const place = new Place(t);
    const running = await place.start();
    for (const name of ['ha#sh.ts', 'at 10:30', 'c:1-2']) {
      writeFileSync(join(place.repo, name), '');
      const { targets } = await running.acquire('ada', name);
      assert.deepEqual(targets[0], { path: name, scope: { kind: 'file' }, text: name });
    }
    await assert.rejects(running.acquire('ada', 'src/a.ts:abc'), code('INVALID_ARGUMENT'));
    const [lines] = (await running.acquire('ben', 'src/a.ts:1-2')).targets;
    assert.deepEqual(lines?.scope, { kind: 'lines', start: 1, end: 2 });
  });

  it('refuses what no lock can be about, with a stable code, and goes on', async (t) => {
    const running = await new Place(t).start();
    const cases: readonly (readonly [
      string,
      'INVALID_ARGUMENT' | 'INVALID_PATH' | 'PATH_OUTSIDE_PROJECT',
    ])[] = [
      ['../../etc/passwd', 'PATH_OUTSIDE_PROJECT'],
      ['a\0b', 'INVALID_PATH'],
      [`${'d/'.repeat(2100)}x`, 'INVALID_PATH'],
      ['src/a.ts:20-10', 'INVALID_ARGUMENT'],
      ['src/a.ts:0-10', 'INVALID_ARGUMENT'],
      ['src/a.ts:1-99999999999999', 'INVALID_ARGUMENT'],
      ['src/a.ts:NaN-5', 'INVALID_ARGUMENT'],
      ['src/a.ts#nothing:x', 'INVALID_ARGUMENT'],
      ['.git/config', 'INVALID_PATH'],
    ];
    for (const [target, expected] of cases)
      await assert.rejects(running.acquire('ada', target), code(expected), target);
    for (const ttlMs of [0, -1, 365 * 86_400_000]) {
      await assert.rejects(running.acquire('ada', 'src/a.ts', { ttlMs }), code('INVALID_ARGUMENT'));
    }
    await assert.rejects(
      running.acquire('ada', 'x', { intention: 'x'.repeat(100_000) }),
      code('INVALID_ARGUMENT'),
    );
    await running.acquire('ada', 'src/a.ts');
  });
});

describe('daemon: deltas and audit', () => {
  it('has shared context, its log and its audit after it was stopped and started', async (t) => {
    const place = new Place(t);
    const first = await place.start();
    const shared = await first.share('ada', 'src/a.ts', 'two is a number');
    const lock = await first.acquire('ada', 'src/a.ts');
    await first.close();

    const second = await place.start();
    const { client } = second;
    const { contexts } = (await client.call('context.list', { cwd: place.repo, path: 'src' })).data;
    assert.deepEqual(contexts, [shared]);
    assert.equal(
      (await client.call('context.show', { id: shared.id })).data.context.content,
      'two is a number',
    );
    const [delta] = (await client.call('log', { cwd: place.repo })).data.deltas;
    assert.deepEqual([delta?.id, delta?.prev], [shared.id, '0'.repeat(64)]);
    const { events } = (await client.call('audit', { cwd: place.repo })).data;
    assert.deepEqual(
      events.map(({ action }) => action),
      ['lost', 'acquired'],
    );
    await assert.rejects(
      client.call('lock.check', { id: lock.id, fence: lock.fence, agent: 'ada' }),
      code('LOCK_NOT_HELD'),
    );
    assert.deepEqual(
      second.notices.map(({ kind, lockId }) => ({ kind, lockId })),
      [{ kind: 'restart', lockId: lock.id }],
    );
    assert((await second.acquire('ada', 'src/a.ts')).fence > lock.fence);
    assert.deepEqual((await client.call('verify', {})).data.problems, []);
  });

  it('tells a lost lease also after a second restart, whatever the name of its file', async (t) => {
    const place = new Place(t);
    const name = 'Screenshot at 10:30:15.png';
    const first = await place.start();
    const { data } = await first.client.call('lock.acquire', {
      agent: 'ada',
      cwd: place.repo,
      targets: [{ path: name }],
      intention: 'draw',
    });
    const forced = await first.acquire('ben', 'src/a.ts');
    await first.client.call('lock.force', { id: forced.id, by: 'root', reason: 'on holiday' });
    await first.close();
    await (await place.start()).close();

    const third = await place.start();
    await third.acquire('ada', 'x');
    await third.acquire('ben', 'y');
    assert.deepEqual(
      third.notices.map(({ kind, lockId, targets }) => ({ kind, lockId, targets })),
      [
        { kind: 'restart', lockId: data.lock.id, targets: [name] },
        { kind: 'forced', lockId: forced.id, targets: ['src/a.ts'] },
      ],
    );
  });

  it('streams deltas and audit events in order once they are committed', async (t) => {
    const running = await new Place(t).start();
    const stop = new AbortController();
    const seen: StreamEvent[] = [];
    let open: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const reading = (async () => {
      for await (const event of running.client.events(['delta', 'audit'], stop.signal, open)) {
        seen.push(event);
        if (seen.length === 6) return;
      }
    })();
    await opened;
    for (const number of [1, 2, 3]) {
      await running.share('ada', 'src/a.ts', `text ${number}`);
      await running.acquire('ada', `file-${number}`);
    }
    await reading;
    stop.abort();
    assert.deepEqual(
      seen.flatMap((event) => (event.kind === 'delta' ? [event.data.payload.content] : [])),
      ['text 1', 'text 2', 'text 3'],
    );
    assert.deepEqual(
      seen.flatMap((event) => (event.kind === 'audit' ? [event.data.targets?.[0]] : [])),
      ['file-1', 'file-2', 'file-3'],
    );
  });

  it('refuses a context that is too large or too deep, and takes the next one', async (t) => {
    const place = new Place(t);
    const running = await place.start();
    await assert.rejects(running.share('ada', 'src/a.ts', 'x'.repeat(300_000)), code('DELTA_TOO_LARGE'));
    const { id } = await running.share('ada', 'src/a.ts', 'short');
    assert.match(id, /:1$/, 'the refused one took no seq');
  });

  it('keeps everything in memory when asked to, and says so', async (t) => {
    const place = new Place(t);
    const running = await place.start({ memory: true });
    await running.share('ada', 'src/a.ts', 'gone tomorrow');
    const status = (await running.client.call('status', { cwd: place.repo })).data;
    assert.equal(status.storage, 'memory');
    assert.match(status.warnings.join(), /memory/);
    assert.equal(status.project, 'example.com/acme/app');
    assert.equal(status.deltas.head, 1);
  });
});
