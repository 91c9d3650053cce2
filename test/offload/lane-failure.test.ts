/** What becomes of a lane whose worker dies or fails, by the policy of the lane (lane-policy.ts). */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { CollabError } from '../../src/base/errors.ts';
import { type HlcTime, HybridClock, hlcFromMs } from '../../src/base/hybrid-clock.ts';
import type { AgentId, ProjectId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/log.ts';
import { DeltaService } from '../../src/daemon/delta-service.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import type { LaneName } from '../../src/offload/contract.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const project = 'github.com/acme/app' as ProjectId;
const agent = 'claude:one' as AgentId;
const variable = 'AGENT_COLLAB_FAILPOINTS';

/** Stores whose workers, and their successors, are armed until the test is over. */
async function openArmed(t: TestContext, failpoints: string) {
  const disk = new StoresOnDisk();
  t.after(() => disk.remove());
  process.env[variable] = failpoints;
  t.after(() => {
    delete process.env[variable];
  });
  return { disk, stores: await disk.open() };
}

function serviceOf(stores: OpenStores, disk: StoresOnDisk): DeltaService {
  const clock = new HybridClock(systemClock, stores.newest);
  return new DeltaService({ store: stores.deltas, clock, node: disk.key.nodeId, logger: silentLogger });
}

function share(deltas: DeltaService, number: number) {
  const payload = { path: `src/${number % 3}.ts`, content: `content number ${number}` };
  return deltas.append({ agent, project, type: 'context', payload }, 'flushed');
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1500; tries++) {
    if (condition()) return;
    await delay(10);
  }
  assert.fail(`never came true: ${what}`);
}

const failed = (stores: OpenStores, lane: LaneName) => () => stores.lanes()[lane].state === 'failed';
const coded = (code: string) => (error: unknown) => error instanceof CollabError && error.code === code;

describe('a lane whose worker dies three times within a minute', () => {
  it('turns the stores read-only and says why; what is there is still found without its index', async (t) => {
    const { disk, stores } = await openArmed(t, 'index.taken=exit@1+');
    const deltas = serviceOf(stores, disk);
    await share(deltas, 0).catch(() => undefined);
    await until(failed(stores, 'index'), 'the index lane failed');
    assert.match(stores.readOnlyReason() ?? '', /^the index lane failed: the worker of the index lane died/);
    assert.ok(stores.warnings().some((warning) => warning.includes('index lane failed')));
    await assert.rejects(share(deltas, 1), coded('STORE_READ_ONLY'));
    const found = await stores.deltas.getByPath({ project, path: 'src/0.ts' });
    assert.deepEqual(
      found.map(({ payload }) => payload.content),
      ['content number 0'],
    );
  });

  it('counts what was in the queue of the audit lane as lost, and what comes after it', async (t) => {
    const { disk, stores } = await openArmed(t, 'audit.taken=exit@1+');
    const log = (at: number) =>
      stores.audit.logAsync({ at: at as HlcTime, action: 'violation', node: disk.key.nodeId });
    const answers = Array.from({ length: 20 }, (_, at) => log(at + 1));
    await until(failed(stores, 'audit'), 'the audit lane failed');
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['lost']));
    assert.equal(await log(21), 'lost');
    const { lost, pending } = await stores.audit.stats();
    assert.deepEqual({ lost, pending }, { lost: 21, pending: 0 });
    const { events, behind } = await stores.audit.query({});
    assert.deepEqual(events, [], 'a question is answered all the same');
    assert.match(behind?.message ?? '', /^the worker of the audit lane died/, 'and says what it may lack');
  });

  it('counts none as lost that was recorded before', async (t) => {
    const { disk, stores } = await openArmed(t, 'audit.taken=exit@3+');
    const log = (at: number) =>
      stores.audit.logAsync({ at: at as HlcTime, action: 'violation', node: disk.key.nodeId });
    const answers: string[] = [];
    for (let at = 1; !failed(stores, 'audit')(); at++) answers.push(await log(at));
    const recorded = answers.filter((answer) => answer === 'recorded').length;
    assert.ok(recorded >= 2, `${recorded} were recorded before the first death`);
    assert.equal((await stores.audit.stats()).lost, answers.length - recorded);
    delete process.env[variable];
    await stores.close();
    const again = await disk.open();
    assert.equal((await again.audit.query({ limit: 1000 })).events.length, recorded);
  });

  it('does not hold up a close, and the next start has everything', async (t) => {
    const { disk, stores } = await openArmed(t, 'persist.taken=exit@4+');
    const deltas = serviceOf(stores, disk);
    let shared = 0;
    for (; !failed(stores, 'persist')(); shared++)
      if (
        await share(deltas, shared).then(
          () => false,
          () => true,
        )
      )
        break;
    await until(failed(stores, 'persist'), 'the persist lane failed');
    assert.ok(shared >= 3);
    delete process.env[variable];
    await stores.close();
    const again = await disk.open();
    assert.equal(again.readOnlyReason(), undefined);
    assert.ok((await again.deltas.getSince({})).length >= shared);
    await share(serviceOf(again, disk), 1000);
  });
});

describe('a batch that fails while its worker lives on', () => {
  it('of the compact lane is answered to who asked, and the next request is served', async (t) => {
    const { disk, stores } = await openArmed(t, 'compact.taken=throw');
    const deltas = serviceOf(stores, disk);
    await share(deltas, 0);
    delete process.env[variable];
    const cutoff = hlcFromMs(systemClock.wallMs() + 60_000);
    await assert.rejects(stores.deltas.compact(cutoff), /failpoint compact\.taken/);
    const { state, restarts } = stores.lanes().compact;
    assert.deepEqual({ state, restarts }, { state: 'running', restarts: 0 });
    assert.equal(stores.readOnlyReason(), undefined);
    assert.equal((await stores.deltas.compact(cutoff)).dropped, 1);
  });

  it('of the index lane is tried again until a repair has mended what it stumbled over', async (t) => {
    const disk = new StoresOnDisk();
    t.after(() => disk.remove());
    const first = await disk.open();
    for (let number = 0; number < 5; number++) await share(serviceOf(first, disk), number);
    await first.close();
    damage(disk, 'content number 2');
    rmSync(join(disk.root, 'lmdb', 'index'), { recursive: true });
    const stores = await disk.open();
    await until(() => stores.lanes().index.state === 'restarting', 'the index lane stumbles');
    assert.equal(stores.lanes().index.error?.code, 'STORE_DAMAGED');
    assert.equal(stores.readOnlyReason(), undefined, 'damage is no death');
    await share(serviceOf(stores, disk), 5);
    const { sound, repaired } = await stores.repair();
    assert.deepEqual({ sound, lost: repaired?.lost.deltas }, { sound: true, lost: 1 });
    await until(() => stores.lanes().index.state === 'running', 'the index lane runs');
    assert.equal((await stores.deltas.getSince({})).length, 5);
    assert.deepEqual((await stores.verify()).problems, []);
  });
});

/** Alters a text wherever it stands in the log's file. */
function damage(disk: StoresOnDisk, text: string): void {
  const file = join(disk.root, 'lmdb', 'delta', 'data.mdb');
  const bytes = readFileSync(file);
  let found = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    found += 1;
  }
  assert.ok(found > 0, `"${text}" stands in the file`);
  writeFileSync(file, bytes);
}
