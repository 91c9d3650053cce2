import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { CollabError } from '../../src/base/errors.ts';
import { type HlcTime, HybridClock } from '../../src/base/hybrid-clock.ts';
import type { AgentId, ProjectId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/log.ts';
import { DeltaService } from '../../src/daemon/delta-service.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import type { Durability } from '../../src/store/delta-store.ts';
import { seededRandom, testSeed } from '../support/seed.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const project = 'github.com/acme/app' as ProjectId;
const agent = 'claude:one' as AgentId;

function service(stores: OpenStores, disk: StoresOnDisk): DeltaService {
  const clock = new HybridClock(systemClock, stores.newest);
  return new DeltaService({ store: stores.deltas, clock, node: disk.key.nodeId, logger: silentLogger });
}

function write(deltas: DeltaService, number: number, durability: Durability = 'accepted') {
  const payload = { path: `src/file-${number % 7}.ts`, content: `text ${number}` };
  return deltas.append({ agent, project, type: 'context', payload }, durability);
}

function onDisk(t: TestContext): StoresOnDisk {
  const disk = new StoresOnDisk();
  t.after(() => disk.remove());
  return disk;
}

async function contents(stores: OpenStores): Promise<string[]> {
  const all = await stores.deltas.getSince({}, { limit: 1_000_000 });
  assert.deepEqual(
    all.map(({ position }) => position),
    all.map((_, at) => at + 1),
    'positions have no gap',
  );
  assert.deepEqual(
    all.map(({ seq }) => seq),
    all.map((_, at) => at + 1),
    'seqs have no gap',
  );
  return all.map(({ payload }) => String(payload.content));
}

describe('offloaded delta store', () => {
  it('shows an accepted delta in every query before it is committed', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const deltas = service(stores, disk);
    const saved = write(deltas, 1);
    const id = `${disk.key.nodeId}:1` as const;
    assert.equal(stores.deltas.vector()[disk.key.nodeId], 1);
    for (const found of [
      await stores.deltas.getSince({}),
      await stores.deltas.getBySource(disk.key.nodeId, 5),
      await stores.deltas.getByPath({ project, path: 'src/file-1.ts' }),
      await stores.deltas.getLatest({}),
    ]) {
      assert.deepEqual(
        found.map((delta) => delta.id),
        [id],
      );
    }
    await saved;
  });

  it('goes on behind the newest delta after it was closed and opened', async (t) => {
    const disk = onDisk(t);
    const first = await disk.open();
    for (let number = 0; number < 50; number++) await write(service(first, disk), number);
    await first.close();
    const second = await disk.open(20);
    const delta = await write(service(second, disk), 50, 'flushed');
    assert.equal(delta.seq, 51);
    assert.equal((await contents(second)).length, 51);
    assert((await second.verify()).sound);
  });

  it('refuses after close, and close may be called twice', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const deltas = service(stores, disk);
    await Promise.all([stores.close(), stores.close()]);
    await assert.rejects(
      write(deltas, 1),
      (error) => error instanceof CollabError && error.code === 'STORE_CLOSED',
    );
  });
});

/** Arms failpoints in the workers of the stores opened here; their successors are not armed. */
async function openArmed(disk: StoresOnDisk, failpoints: string): Promise<OpenStores> {
  process.env.AGENT_COLLAB_FAILPOINTS = failpoints;
  try {
    return await disk.open();
  } finally {
    delete process.env.AGENT_COLLAB_FAILPOINTS;
  }
}

describe('lanes', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const lanes = ['persist', 'index', 'audit'];
  const places = ['taken', 'applied', 'released'];
  // Each lane dies once, in another place each time.
  const armings = places.map((_, shift) =>
    lanes
      .map((lane, at) => {
        const action = random.pick(['exit', 'throw']);
        return `${lane}.${places[(at + shift) % 3]}=${action}@${random.int(1, 4)}`;
      })
      .join(','),
  );

  for (const armed of [...armings, `log.append=throw@${random.int(1, 5)}`]) {
    it(`lose and repeat nothing when workers die at ${armed} (seed ${seed})`, async (t) => {
      const disk = onDisk(t);
      const stores = await openArmed(disk, armed);
      const deltas = service(stores, disk);
      let count = 0;
      const next = async (durability: Durability) => {
        await write(deltas, count, durability).catch(interruptedOnly);
        stores.audit.log({ at: count as HlcTime, action: 'violation', node: disk.key.nodeId });
        count += 1;
      };
      while (count < 300) await next(random.pick(['accepted', 'flushed']));
      // A lane that took everything in few batches has not come to its failpoint yet: each round here gives it one more.
      while (restarts(stores) < armed.split(',').length) {
        await next('flushed');
        await stores.audit.query({});
      }
      await stores.deltas.committed();
      assert.deepEqual(await contents(stores), texts(count));
      await stores.close();

      const again = await disk.open();
      assert.deepEqual(await contents(again), texts(count));
      assert.equal((await again.audit.query({ limit: 10_000 })).events.length, count);
      assert.deepEqual((await again.verify()).problems, []);
    });
  }

  it('tell a follower every delta once and in order, also when the worker dies in between', async (t) => {
    const disk = onDisk(t);
    const stores = await openArmed(disk, 'persist.applied=exit@3');
    const deltas = service(stores, disk);
    const told: number[] = [];
    const stop = deltas.subscribe(({ seq }) => told.push(seq));
    const count = 50;
    for (let number = 0; number < count; number++) await write(deltas, number, 'flushed');
    while (told.length < count) await setImmediate();
    stop();
    assert.deepEqual(
      told,
      Array.from({ length: count }, (_, at) => at + 1),
    );
    assert.equal(restarts(stores), 1);
  });

  it('keep the fences that are reserved, also through a full queue', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const text = 'x'.repeat(200_000);
    const flood = Array.from({ length: 200 }, (_, number) =>
      service(stores, disk).append({ agent, project, type: 'custom', payload: { number, text } }, 'accepted'),
    );
    const upTo = stores.fences.reservedUntil + 1000;
    await stores.reserveFences(upTo);
    await Promise.all(flood);
    await stores.close();
    const again = await disk.open();
    assert(again.fences.startFloor > upTo, 'a restart begins behind what was reserved');
  });

  it('pin no old snapshot while they are idle: freed pages are used again', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const before = (await stores.audit.stats()).diskBytes;
    for (let at = 1; at <= 150; at++) {
      await stores.audit.logAsync({ at: at as HlcTime, action: 'violation', node: disk.key.nodeId });
    }
    const grown = (await stores.audit.stats()).diskBytes - before;
    assert(grown < 1024 * 1024, `150 events took ${grown} bytes`);
  });

  it('turn the store read-only after three deaths within a minute, and say why', async (t) => {
    const disk = onDisk(t);
    process.env.AGENT_COLLAB_FAILPOINTS = 'persist.taken=exit';
    t.after(() => {
      delete process.env.AGENT_COLLAB_FAILPOINTS;
    });
    const stores = await disk.open();
    const deltas = service(stores, disk);
    await assert.rejects(write(deltas, 0, 'flushed'), CollabError);
    while (stores.readOnlyReason() === undefined) await setImmediate();
    assert.match(stores.readOnlyReason() ?? '', /persist lane failed/);
    assert.equal(stores.lanes().persist.state, 'failed');
    await assert.rejects(
      write(deltas, 1),
      (error) => error instanceof CollabError && error.code === 'STORE_READ_ONLY',
    );
    assert.deepEqual(await contents(stores), ['text 0'], 'what was accepted can still be read');
  });
});

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `text ${number}`);
}

function restarts(stores: OpenStores): number {
  return Object.values(stores.lanes()).reduce((sum, lane) => sum + lane.restarts, 0);
}

/** A save that is interrupted is applied later; its promise says that nobody knows when. */
function interruptedOnly(error: unknown): void {
  assert(error instanceof CollabError && error.code === 'STORE_UNAVAILABLE', String(error));
  assert.equal(error.details?.accepted, true);
}
