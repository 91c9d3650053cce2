import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import { systemClock } from '../../src/base/clock.ts';
import { CollabError } from '../../src/base/errors.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import type { StorePlaces } from '../../src/offload/contract.ts';
import { Lane } from '../../src/offload/lane.ts';
import { encodeNumbers, frameKind } from '../../src/queue/lane-frames.ts';
import { AuditReader, AuditWriter } from '../../src/store/audit-log.ts';
import { StoresOnDisk } from './offload-fixture.ts';

/** An audit lane on stores that are there, and a way to look at what it has committed. */
async function auditLane(t: TestContext) {
  const disk = new StoresOnDisk();
  t.after(() => disk.remove());
  const { deltaStore: delta, indexStore: index, auditStore: audit } = homePaths(disk.root);
  await (await AuditWriter.open(audit, { mapSizeBytes: 2 ** 30 })).close();
  const places: StorePlaces = { delta, index, audit, mapSizeBytes: 2 ** 30, node: disk.key.nodeId };
  const failures: string[] = [];
  const lane = new Lane(
    'audit',
    { places },
    {
      clock: systemClock,
      logger: silentLogger,
      onFailed: (_, error) => failures.push(error.message),
    },
  );
  t.after(() => lane.close());
  const push = (at: number) => {
    const frame = encodeAuditEvent({ at: at as HlcTime, action: 'violation', node: disk.key.nodeId });
    const ticket = lane.queue.tryPushParts([encodeNumbers(at), frame], frameKind.event);
    assert(typeof ticket === 'number');
    return ticket;
  };
  const recorded = async () => {
    const reader = await AuditReader.open(audit, { mapSizeBytes: 2 ** 30, create: false });
    const count = reader.count();
    await reader.close();
    return count;
  };
  return { lane, push, recorded, failures };
}

describe('a lane that is paused', () => {
  it('lets go of its store, takes frames, and applies them when it is resumed', async (t) => {
    const { lane, push, recorded } = await auditLane(t);
    await lane.committed(push(1));
    await lane.pause();
    assert.equal(lane.state.state, 'paused');
    const ticket = push(2);
    let isCommitted = false;
    const waiting = lane.committed(ticket).then(() => {
      isCommitted = true;
    });
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    assert.equal(isCommitted, false);
    assert.equal(await recorded(), 1);
    lane.resume();
    await waiting;
    assert.equal(lane.state.state, 'running');
    assert.equal(lane.restarts, 0, 'a pause is no death');
    assert.equal(await recorded(), 2);
  });

  it('may be paused and resumed more than once at a time', async (t) => {
    const { lane, push, recorded } = await auditLane(t);
    await Promise.all([lane.pause(), lane.pause()]);
    lane.resume();
    lane.resume();
    await lane.committed(push(1));
    await lane.pause();
    lane.resume();
    await lane.pause();
    lane.resume();
    await lane.committed(push(2));
    assert.equal(await recorded(), 2);
  });

  it('is resumed before it has begun to pause, and goes on', async (t) => {
    const { lane, push, recorded } = await auditLane(t);
    const ticket = push(1);
    const paused = lane.pause();
    lane.resume();
    await lane.committed(ticket);
    await paused.catch((error: unknown) => {
      assert(error instanceof CollabError && error.code === 'STORE_UNAVAILABLE', String(error));
    });
    assert.equal(await recorded(), 1);
  });

  it('applies what it took when it is closed', async (t) => {
    const { lane, push, recorded } = await auditLane(t);
    await lane.pause();
    for (let at = 1; at <= 10; at++) push(at);
    await Promise.all([lane.close(), lane.close()]);
    assert.equal(lane.state.state, 'closed');
    assert.equal(await recorded(), 10);
    await assert.rejects(lane.pause(), { code: 'STORE_CLOSED' });
  });

  it('neither counts as dead nor loses frames over many pauses under load', async (t) => {
    const { lane, push, recorded, failures } = await auditLane(t);
    let at = 0;
    for (let turn = 0; turn < 10; turn++) {
      for (let count = 0; count < 50; count++) push(++at);
      await lane.pause();
      for (let count = 0; count < 50; count++) push(++at);
      lane.resume();
    }
    await lane.committed(push(++at));
    assert.equal(await recorded(), at);
    assert.deepEqual({ restarts: lane.restarts, failures }, { restarts: 0, failures: [] });
  });
});
