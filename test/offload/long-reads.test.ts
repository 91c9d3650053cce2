/** What a query looks at, and not what it gives, decides where it runs: the main loop goes on meanwhile. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, NodeId, ProjectId } from '../../src/base/ids.ts';
import { listLog } from '../../src/daemon/log-listing.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import { type Delta, deltaId } from '../../src/delta/delta.ts';
import { testNode } from '../store/store-fixture.ts';
import { StoresOnDisk } from './offload-fixture.ts';

const big = 'github.com/acme/big' as ProjectId;
const small = 'github.com/acme/small' as ProjectId;
const agent = 'claude:one' as AgentId;
const bigDeltas = 30_000;
const smallDeltas = 5;
const batchDeltas = 500;
/** The loop may stand still for 5 ms; a slow machine adds its own. On the main thread each of these takes over 100 ms. */
const longestStallMs = 60;
const timerMs = 1;

describe('long reads', () => {
  const disk = new StoresOnDisk();
  let stores: OpenStores;
  before(async () => {
    stores = await disk.open(100);
    await fill(stores, disk.key.nodeId);
    // The first read starts the worker, which takes its time.
    await stores.deltas.getLatest({ limit: 10_000 });
  });
  after(() => disk.remove());

  it('lists a small project behind a big one completely', async () => {
    const page = await unstalled(() => listLog(stores.deltas, { project: small, limit: 50 }));
    assert.deepEqual(
      page.deltas.map(({ position }) => position),
      [5, 4, 3, 2, 1],
    );
    assert.equal(page.before, undefined);
  });

  it('finds a tag behind more contexts than one page has', async () => {
    const listing = { type: 'context', tag: 'rare', limit: 2 } as const;
    const first = await unstalled(() => listLog(stores.deltas, listing));
    const second = await unstalled(() => listLog(stores.deltas, { ...listing, before: first.before }));
    assert.deepEqual(
      [first, second].map(({ deltas }) => deltas.map(({ seq }) => seq)),
      [
        [5, 4],
        [3, 2],
      ],
    );
  });

  it('lists a subtree of many paths and pages through all of it', async () => {
    let found = 0;
    let before: number | undefined;
    do {
      const listing = { project: big, path: 'src', before, limit: 10_000, sources: [disk.key.nodeId] };
      const page = await unstalled(() => listLog(stores.deltas, listing));
      found += page.deltas.length;
      before = page.before;
    } while (before !== undefined);
    assert.equal(found, bigDeltas);
  });

  it('looks for what is not there', async () => {
    const nobody = testNode('nobody').id;
    const listings = [
      { sources: [nobody], limit: 50 },
      { sources: [], limit: 50 },
      { sources: [nobody, testNode('no one').id], limit: 50 },
      { project: big, type: 'usage', limit: 50 },
    ] as const;
    for (const listing of listings)
      assert.deepEqual(await unstalled(() => listLog(stores.deltas, listing)), { deltas: [] });
    assert.equal(await stores.deltas.get(deltaId(nobody, 1)), undefined);
  });

  it('answers an audit query for a small project, and one for many events', async () => {
    const page = await unstalled(() => stores.audit.query({ project: small }));
    assert.equal(page.events.length, smallDeltas);
    const first = await unstalled(() => stores.audit.query({ limit: 10_000 }));
    assert.equal(first.events.length, 10_000);
    assert.equal(first.cursor, first.events.at(-1)?.at);
    assert(first.cursor !== undefined);
    const next = await stores.audit.query({ limit: 1, cursor: first.cursor });
    assert.equal(next.events[0]?.fence, (first.events.at(-1)?.fence ?? 0) - 1);
  });

  it('sees in a worker what was only accepted when it was asked', async () => {
    const saved = stores.deltas.saveBatch(
      batch(disk.key.nodeId, bigDeltas + smallDeltas, 3, small),
      'accepted',
    );
    const page = await listLog(stores.deltas, { project: small, limit: 50 });
    assert.equal(page.deltas.length, smallDeltas + 3);
    await saved;
  });

  it('answers queries beside verifications', async () => {
    const verified = [stores.verify(), stores.verify(), stores.verify()];
    let left = verified.length;
    for (const one of verified) one.then(() => left--);
    await listLog(stores.deltas, { project: small, limit: 50 });
    assert(left > 0, 'the query did not wait for the verifications');
    for (const { sound } of await Promise.all(verified)) assert(sound);
  });
});

/** Asserts that the event loop does not stand still for long while `ask` runs: a query that blocks does so every time, a loaded machine not. */
async function unstalled<T>(ask: () => Promise<T>): Promise<T> {
  const stallsMs: number[] = [];
  for (;;) {
    const { answer, stallMs } = await measured(ask);
    if (stallMs < longestStallMs) return answer;
    stallsMs.push(Math.round(stallMs));
    assert(stallsMs.length < 3, `the main loop stood still for ${stallsMs.join(', ')} ms`);
  }
}

async function measured<T>(ask: () => Promise<T>): Promise<{ readonly answer: T; readonly stallMs: number }> {
  let stallMs = 0;
  let [lookedMs, waitedMs] = [performance.now(), waitedForCoreMs()];
  const look = () => {
    const [nowMs, waitMs] = [performance.now(), waitedForCoreMs()];
    // While no core was free for this thread, it was not the query that held it up.
    stallMs = Math.max(stallMs, nowMs - lookedMs - timerMs - (waitMs - waitedMs));
    [lookedMs, waitedMs] = [nowMs, waitMs];
  };
  const timer = setInterval(look, timerMs);
  try {
    const answer = await ask();
    await new Promise((resolve) => setTimeout(resolve, 5));
    look();
    return { answer, stallMs };
  } finally {
    clearInterval(timer);
  }
}

/** Of this thread since its start, where Linux tells. */
function waitedForCoreMs(): number {
  const file = `/proc/self/task/${process.pid}/schedstat`;
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split(' ')[1]) / 1e6 : 0;
}

/** The small project first, so that everything else lies before it in a listing. */
async function fill(stores: OpenStores, node: NodeId): Promise<void> {
  await stores.deltas.saveBatch(batch(node, 0, smallDeltas, small));
  for (let at = 0; at < bigDeltas; at += batchDeltas)
    await stores.deltas.saveBatch(batch(node, smallDeltas + at, batchDeltas, big), 'committed');
  for (let at = 0; at < smallDeltas + bigDeltas; at++)
    stores.audit.log(event(node, at + 1, at < smallDeltas ? small : big));
  while ((await stores.deltas.stats()).indexed < smallDeltas + bigDeltas)
    await new Promise((resolve) => setImmediate(resolve));
  await stores.audit.query({ limit: 1 });
}

function batch(node: NodeId, from: number, count: number, project: ProjectId) {
  return Array.from({ length: count }, (_, at) => ({ delta: delta(node, from + at + 1, project) }));
}

function delta(source: NodeId, seq: number, project: ProjectId): Delta {
  const tags = project === small ? ['rare'] : ['common'];
  const payload = { path: `src/file-${seq}.ts`, content: `text ${seq}`, tags };
  const time = (2 ** 40 + seq) as HlcTime;
  return { id: deltaId(source, seq), source, seq, time, agent, project, type: 'context', deps: {}, payload };
}

function event(node: NodeId, number: number, project: ProjectId): AuditEvent {
  const at = (2 ** 40 + number) as HlcTime;
  return { at, action: 'acquired', node, holder: agent, fence: number, project, targets: ['src/a.ts'] };
}
