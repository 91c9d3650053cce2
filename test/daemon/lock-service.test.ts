import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { LockId } from '../../src/base/ids.ts';
import { LockService } from '../../src/daemon/lock-service.ts';
import { FenceSource } from '../../src/lock/fence.ts';
import type { LockTransition } from '../../src/lock/outcome.ts';
import { code } from './daemon-fixture.ts';

const never = new AbortController().signal;

function service(options: { readonly maxLocks?: number; readonly defaultTtlMs?: number } = {}) {
  const transitions: LockTransition[] = [];
  let expired: () => void = () => {};
  const whenExpired = new Promise<void>((resolve) => {
    expired = resolve;
  });
  let number = 0;
  const locks = new LockService(
    {
      clock: systemClock,
      fences: new FenceSource({ startFloor: 1, reservedUntil: 1000 }),
      newLockId: () => `lk_${++number}` as LockId,
      onTransition: (transition) => {
        transitions.push(transition);
        if (transition.action === 'expired') expired();
      },
    },
    { defaultTtlMs: 60_000, maxTtlMs: 60_000, ...options },
  );
  return { locks, transitions, whenExpired };
}

function claim(agent: string, path: string, rest: object = {}) {
  return { agent, intention: 'test', targets: [{ project: 'p', path }], ...rest };
}

describe('lock service', () => {
  it('refuses more locks than it may hold', async () => {
    const { locks } = service({ maxLocks: 1 });
    await locks.acquire(claim('ada', 'one'), never);
    await assert.rejects(locks.acquire(claim('ada', 'two'), never), code('LOCK_LIMIT'));
    locks.close();
  });

  it('lets a lease end by itself, without anybody calling', async () => {
    const { locks, transitions, whenExpired } = service();
    // The timer does not keep a process alive; a test must.
    const awake = setInterval(() => {}, 1000);
    await locks.acquire(claim('ada', 'one', { ttlMs: 20 }), never);
    await whenExpired;
    clearInterval(awake);
    assert.deepEqual(
      transitions.map(({ action }) => action),
      ['acquired', 'expired'],
    );
    locks.close();
  });

  it('grants a wait that the end of a lease makes possible', async () => {
    const { locks } = service();
    const awake = setInterval(() => {}, 1000);
    await locks.acquire(claim('ada', 'one', { ttlMs: 20 }), never);
    const lock = await locks.acquire(claim('ben', 'one', { waitMs: 30_000 }), never);
    clearInterval(awake);
    assert.equal(lock.holder, 'ben');
    locks.close();
  });
});
