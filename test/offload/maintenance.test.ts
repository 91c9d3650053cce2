import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { CollabError } from '../../src/base/errors.ts';
import { HybridClock, hlcFromMs } from '../../src/base/hybrid-clock.ts';
import type { AgentId, LockId, ProjectId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/log.ts';
import { AuditService } from '../../src/daemon/audit-service.ts';
import { DeltaService } from '../../src/daemon/delta-service.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const project = 'github.com/acme/app' as ProjectId;
const agent = 'claude:one' as AgentId;
const dayMs = 86_400_000;

function onDisk(t: TestContext): StoresOnDisk {
  const disk = new StoresOnDisk();
  t.after(() => disk.remove());
  return disk;
}

function services(stores: OpenStores, disk: StoresOnDisk, clock: Clock = systemClock) {
  const hybrid = new HybridClock(clock, stores.newest);
  const node = disk.key.nodeId;
  return {
    deltas: new DeltaService({ store: stores.deltas, clock: hybrid, node, logger: silentLogger }),
    audit: new AuditService({ store: stores.audit, clock: hybrid, node, logger: silentLogger }),
  };
}

type Services = ReturnType<typeof services>;

function share({ deltas }: Services, number: number, durability: 'accepted' | 'flushed' = 'accepted') {
  const payload = { path: `src/file-${number % 7}.ts`, content: `text ${number} ${'x'.repeat(250)}` };
  return deltas.append({ agent, project, type: 'context', payload }, durability);
}

/** Stores with `old` deltas and events of sixty days ago and `young` ones of now. */
async function fill(disk: StoresOnDisk, stores: OpenStores, old: number, young: number): Promise<Services> {
  const past: Clock = {
    ...systemClock,
    wallMs: () => systemClock.wallMs() - 60 * dayMs,
    monotonicMs: () => 0,
  };
  const then = services(stores, disk, past);
  const now = services(stores, disk);
  for (const [service, from, to] of [
    [then, 0, old],
    [now, old, old + young],
  ] as const) {
    for (let number = from; number < to; number++) {
      void share(service, number);
      service.audit.record({
        action: 'acquired',
        lock: `lk_${number}` as LockId,
        fence: number,
        holder: agent,
        project,
        targets: [`src/file-${number % 7}.ts`],
        intention: `change ${number} ${'y'.repeat(100)}`,
      });
      if (number % 500 === 0) await stores.deltas.committed();
    }
  }
  await stores.deltas.committed();
  return now;
}

async function contents(stores: OpenStores): Promise<string[]> {
  const all = await stores.deltas.getSince({}, { limit: 1_000_000 });
  for (const [at, { position }] of all.entries())
    assert.equal(position, (all[0]?.position ?? 0) + at, 'positions have no gap');
  return all.map(({ payload }) => String(payload.content).split(' ', 2).join(' '));
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `text ${from + at}`);

function bytesOf(disk: StoresOnDisk, store: string): number {
  return statSync(join(disk.root, 'lmdb', store, 'data.mdb')).size;
}

/** Files of the stores that this process has open or mapped although they have no name any more. */
function deletedFiles(disk: StoresOnDisk): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(disk.root) && line.endsWith('(deleted)'));
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 6000; tries++) {
    if (await condition()) return;
    await delay(10);
  }
  assert.fail(`never came true: ${what}`);
}

describe('compact copies', () => {
  it('give back what retention freed, while deltas come in, and lose nothing', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const now = await fill(disk, stores, 6000, 2000);
    const cutoff = hlcFromMs(systemClock.wallMs() - 30 * dayMs);
    await stores.deltas.compact(cutoff);
    await stores.audit.compact(cutoff);
    const before = {
      delta: bytesOf(disk, 'delta'),
      index: bytesOf(disk, 'index'),
      audit: bytesOf(disk, 'audit'),
    };

    let number = 8000;
    let done = false;
    const writer = (async () => {
      // Few: what is written meanwhile makes the files grow again.
      while (!done && number < 8040) await share(now, number++, 'flushed');
    })();
    const result = await stores.reclaim();
    done = true;
    await writer;

    assert.deepEqual(result.stores, ['delta', 'index', 'audit']);
    for (const [store, bytes] of Object.entries(before)) {
      // A slow disk lets more come in meanwhile: what counts is that the dropped ones' room is gone.
      const kept = (store === 'audit' ? 2000 : number - 6000) / 8000;
      const most = bytes * kept * 1.6;
      assert.ok(
        bytesOf(disk, store) < most,
        `${store}: ${bytesOf(disk, store)} of ${bytes}, ${kept} are kept`,
      );
    }
    assert.ok(result.bytes > 0 && number > 8001);
    assert.deepEqual(await contents(stores), numbers(6000, number));
    const verified = await stores.verify();
    assert.deepEqual(verified.problems, []);
    const { events } = await stores.audit.query({ holder: agent, limit: 10_000 });
    assert.equal(events.length, 2000);
    assert.deepEqual(deletedFiles(disk), [], 'nothing keeps the old files');
    assert.deepEqual(readdirSync(join(disk.root, 'lmdb')).sort(), ['audit', 'delta', 'index']);

    await stores.close();
    const again = await disk.open();
    assert.deepEqual(await contents(again), numbers(6000, number));
    assert.deepEqual(again.findings, []);
  });

  it('are not made of files that are mostly in use', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    await fill(disk, stores, 0, 3000);
    // The index merges its runs, and may well have left more free pages than it uses.
    const reclaimed = (await stores.reclaim()).stores.filter((store) => store !== 'index');
    assert.deepEqual(reclaimed, []);
  });
});

describe('a store that is deleted under the daemon', () => {
  for (const what of ['lmdb', 'lmdb/delta', 'lmdb/index', 'lmdb/audit'] as const) {
    it(`is made again when ${what} goes`, async (t) => {
      const disk = onDisk(t);
      const stores = await disk.open();
      const now = await fill(disk, stores, 0, 600);
      rmSync(join(disk.root, what), { recursive: true });
      await share(now, 600, 'flushed');
      const { deltaStore, indexStore, auditStore } = homePaths(disk.root);
      const files = [deltaStore, indexStore, auditStore].map((place) => join(place, 'data.mdb'));
      await until(() => files.every((file) => existsSync(file)), 'the files are there');
      await until(() => stores.activity === null, 'the work is over');
      await share(now, 601, 'flushed');
      assert.deepEqual(await contents(stores), numbers(0, 602));
      assert.equal((await stores.audit.query({ holder: agent, limit: 10_000 })).events.length, 600);
      assert.deepEqual((await stores.verify()).problems, []);
      assert.deepEqual(stores.warnings(), []);
      await stores.close();
      const again = await disk.open();
      assert.deepEqual(await contents(again), numbers(0, 602));
    });
  }
});

describe('stores that were deleted a moment ago', () => {
  async function justDeleted(t: TestContext) {
    const disk = onDisk(t);
    const stores = await disk.open();
    await fill(disk, stores, 0, 300);
    rmSync(join(disk.root, 'lmdb'), { recursive: true });
    return { disk, stores };
  }

  it('are brought back before they are closed', async (t) => {
    const { disk, stores } = await justDeleted(t);
    await stores.close();
    const again = await disk.open();
    assert.deepEqual(await contents(again), numbers(0, 300));
    assert.equal((await again.audit.query({ holder: agent, limit: 1000 })).events.length, 300);
  });

  it('are brought back before anything is done with their files', async (t) => {
    const { stores } = await justDeleted(t);
    assert.deepEqual((await stores.verify()).problems, []);
  });
});

describe('a store that is deleted before its lanes have opened it', () => {
  it('is made again from what the start had opened', async (t) => {
    const disk = onDisk(t);
    const first = await disk.open();
    await fill(disk, first, 0, 50);
    await first.close();
    const stores = await disk.open();
    rmSync(join(disk.root, 'lmdb'), { recursive: true });
    const { deltaStore, indexStore, auditStore } = homePaths(disk.root);
    const files = [deltaStore, indexStore, auditStore].map((place) => join(place, 'data.mdb'));
    await until(() => files.every((file) => existsSync(file)), 'the files are there');
    await until(() => stores.activity === null, 'the work is over');
    await until(() => stores.lanes().persist.state === 'running', 'the lanes go on');
    await share(services(stores, disk), 50, 'flushed');
    assert.deepEqual(await contents(stores), numbers(0, 51));
    assert.equal((await stores.audit.query({ holder: agent, limit: 1000 })).events.length, 50);
    assert.deepEqual((await stores.verify()).problems, []);
  });
});

describe('a store in whose place another file was put', () => {
  it('is made again from what is open, and the other file is kept', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const now = await fill(disk, stores, 0, 300);
    // Answered by the compact lane: it has opened what it will copy from.
    await stores.deltas.compact(hlcFromMs(0));
    const { deltaStore } = homePaths(disk.root);
    const file = join(deltaStore, 'data.mdb');
    const other = Buffer.from('a file of somebody else');
    writeFileSync(`${file}.other`, other);
    renameSync(`${file}.other`, file);
    await until(() => statSync(file).size > other.length, 'the store is back');
    await until(() => stores.activity === null, 'the work is over');
    await share(now, 300, 'flushed');
    assert.deepEqual(await contents(stores), numbers(0, 301));
    const damaged = join(disk.root, 'lmdb', 'damaged');
    const [kept = ''] = readdirSync(damaged);
    assert.match(kept, /-delta-foreign$/);
    assert.deepEqual(readFileSync(join(damaged, kept, 'data.mdb')), other);
    await stores.close();
    const again = await disk.open();
    assert.deepEqual(await contents(again), numbers(0, 301));
  });
});

describe('work on the stores', () => {
  it('is done one at a time, shows in the activity, and is refused once the stores close', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    await fill(disk, stores, 0, 2000);
    const order: string[] = [];
    const verified = stores.verify().then(() => order.push('verify'));
    const reclaimed = stores.reclaim().then(() => order.push('reclaim'));
    await until(() => stores.activity?.what === 'verify', 'the verification shows');
    await Promise.all([verified, reclaimed]);
    assert.deepEqual(order, ['verify', 'reclaim']);
    assert.equal(stores.activity, null);
    await stores.close();
    await assert.rejects(stores.verify(), { code: 'STORE_CLOSED' });
  });

  it('goes on with the next when one fails, and lets the lanes go on', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    const now = await fill(disk, stores, 0, 10);
    const failing = stores.inTurn('fails', async () => {
      throw new Error('boom');
    });
    const verified = stores.verify();
    await assert.rejects(failing, /boom/);
    assert.equal((await verified).sound, true);
    assert.equal(stores.activity, null);
    await share(now, 10, 'flushed');
  });

  it('tells who is under way that the stores close, and leaves them whole', async (t) => {
    const disk = onDisk(t);
    const stores = await disk.open();
    await fill(disk, stores, 3000, 1000);
    const cutoff = hlcFromMs(systemClock.wallMs() - 30 * dayMs);
    await stores.deltas.compact(cutoff);
    let stopped = false;
    const under = stores.inTurn('waits for the stop', async (_, stopping) => {
      stopping.addEventListener('abort', () => {
        stopped = true;
      });
      await until(() => stopped, 'it is told');
    });
    await until(() => stores.activity !== null, 'it has begun');
    const reclaimed = stores.reclaim().then(
      () => 'done',
      (error: CollabError) => error.code,
    );
    await stores.close();
    await under;
    assert.ok(stopped);
    assert.equal(await reclaimed, 'STORE_CLOSED');
    const again = await disk.open();
    assert.deepEqual(await contents(again), numbers(3000, 4000));
    assert.deepEqual(again.findings, []);
  });
});
