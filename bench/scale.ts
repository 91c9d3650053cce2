/** How the cost of an operation grows with what there is already. One row a point; `npm run bench:report` draws the curves. */
import { join } from 'node:path';
import type { AgentId, NodeId } from '../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../src/codec/node-id.ts';
import { deltaId } from '../src/delta/delta.ts';
import { LmdbDeltaStore } from '../src/store/lmdb-delta-store.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { claimOf, filledTable, grant } from './harness/locks.ts';
import {
  type BenchContext,
  type BenchSpec,
  figuresOf,
  latency,
  median,
  type Row,
  spreadOf,
} from './harness/measure.ts';
import { deltaOf, nodeKey, recordsOf, sourceOf, timeOf } from './harness/records.ts';

const batchDeltas = 1000;

export const scale: BenchSpec = {
  name: 'scale',
  about: 'the cost of one operation over deltas stored, locks held, waiters, sources and payload bytes',
  async run(context) {
    return [
      ...(await overStored(context)),
      ...(await overHeld(context)),
      ...(await overWaiters(context)),
      ...(await overSources(context)),
      ...(await overPayload(context)),
    ];
  },
};

const sizes = (context: BenchContext, full: readonly number[]) => (context.smoke ? full.slice(0, 2) : full);

async function overStored(context: BenchContext): Promise<readonly Row[]> {
  await using store = await LmdbDeltaStore.open(join(context.scratch, 'stored'), { node: nodeKey.nodeId });
  const rows: Row[] = [];
  let stored = 0;
  for (const n of sizes(context, [1000, 10_000, 100_000, 1_000_000])) {
    // The last twenty batches before each size; of the first there is one.
    const appends: number[] = [];
    while (stored < n) {
      const batch = recordsOf(stored, batchDeltas).map((delta) => ({ delta }));
      appends.push(await us(() => store.saveBatch(batch)));
      stored += batchDeltas;
    }
    const perDelta = appends.slice(-20).map((batch) => batch / batchDeltas);
    rows.push(point('stored: append', n, { p50: median(perDelta), spread: spreadOf(perDelta) }));
    let turn = 0;
    const at = () => (turn++ * 7919) % Math.max(1, n - 1000);
    const range = await latency(context, async () => {
      const from = at();
      expect(await store.getRange(timeOf(from), timeOf(from + 1000)), 1000);
    });
    rows.push(point('stored: range of 1000', n, range));
    const last = await latency(context, async () =>
      expect(await store.getBySource(sourceOf(turn++), 100), 100),
    );
    rows.push(point('stored: last 100 of a source', n, last));
    const byId = await latency(context, async () => {
      const record = at();
      const found = await store.get(deltaId(sourceOf(record), Math.floor(record / 8) + 1));
      if (found === undefined) throw new Error('a delta is missing');
    });
    rows.push(point('stored: get by id', n, byId));
  }
  return rows;
}

async function overHeld(context: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const n of sizes(context, [1, 10, 100, 1000, 10_000, 100_000])) {
    const table = filledTable(n);
    let at = 0;
    const pair = () => {
      const claim = claimOf(at++ % Math.max(n, 1000), 'agent-x', 500);
      table.release(grant(table, claim).id, claim.agent);
    };
    rows.push(point('held: acquire + release', n, await latency(context, pair)));
  }
  return rows;
}

async function overWaiters(context: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const n of sizes(context, [1, 10, 100, 1000])) {
    const table = filledTable(0);
    const line: { id: string; agent: AgentId }[] = [];
    let agents = 0;
    const queue = () => {
      const claim = claimOf(0, `agent-${agents++ % (n + 1)}`);
      const outcome = table.acquireOrWait(claim, 3_600_000, (settled) => {
        if (settled.outcome === 'granted') line.push({ id: settled.lock.id, agent: claim.agent });
      });
      if (outcome.outcome === 'granted') line.push({ id: outcome.lock.id, agent: claim.agent });
    };
    for (let at = 0; at <= n; at += 1) queue();
    const handOver = () => {
      const holder = line.shift();
      if (holder === undefined) throw new Error('nobody holds the lock');
      table.release(holder.id as Parameters<typeof table.release>[0], holder.agent);
      queue();
    };
    rows.push(point('waiters: release, grant to the next, wait again', n, await latency(context, handOver)));
  }
  return rows;
}

async function overSources(context: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const count = context.smoke ? 4 * batchDeltas : 50 * batchDeltas;
  for (const n of sizes(context, [1, 4, 16, 64, 256])) {
    const nodes = Array.from({ length: n }, (_, at) => nodeOf(at));
    await using store = await LmdbDeltaStore.open(join(context.scratch, `sources-${n}`), {
      node: nodeKey.nodeId,
    });
    const source = (at: number): NodeId => nodes[at % n] ?? nodeKey.nodeId;
    const appends: number[] = [];
    for (let from = 0; from < count; from += batchDeltas) {
      const batch = Array.from({ length: batchDeltas }, (_, offset) => {
        const at = from + offset;
        return { delta: deltaOf(source(at), Math.floor(at / n) + 1, at) };
      });
      appends.push((await us(() => store.saveBatch(batch))) / batchDeltas);
    }
    rows.push(point('sources: append', n, { p50: median(appends), spread: spreadOf(appends) }));
    const { head } = await store.stats();
    const seen = Object.fromEntries(
      nodes.map((node, at) => [node, Math.floor((head - 1000 - at - 1) / n) + 1]),
    );
    const since = await latency(context, async () => expect(await store.getSince(seen), 1000));
    rows.push(point('sources: the 1000 newest by version vector', n, since));
  }
  return rows;
}

async function overPayload(context: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let seq = 0;
  await using store = await LmdbDeltaStore.open(join(context.scratch, 'payload'), { node: nodeKey.nodeId });
  for (const n of sizes(context, [100, 1000, 10_000, 100_000, 255_000])) {
    const perBatch = Math.max(1, Math.min(1000, Math.floor(1_000_000 / n)));
    const appends: number[] = [];
    for (let turn = 0; turn < (context.smoke ? 1 : 20); turn += 1) {
      const batch = Array.from({ length: perBatch }, () => {
        seq += 1;
        return { delta: deltaOf(nodeKey.nodeId, seq, seq, { bytes: n, text: 'incompressible' }) };
      });
      appends.push((await us(() => store.saveBatch(batch))) / perBatch);
    }
    rows.push(point('payload: append', n, { ...figuresOf(appends), spread: spreadOf(appends) }));
  }
  return rows;
}

function nodeOf(at: number): NodeId {
  return at === 0
    ? nodeKey.nodeId
    : nodeIdFromPublicKey(
        new Uint8Array(32)
          .fill(1)
          .with(0, at & 255)
          .with(1, at >> 8),
      );
}

function point(what: string, n: number, figures: { p50: number; p99?: number; spread: number }): Row {
  const checksum = new WorkChecksum();
  checksum.bytes(Buffer.from(`${what} ${n}`));
  const { p50, p99, spread } = figures;
  return {
    what: `${what}, ${n.toLocaleString('en-US')}`,
    n,
    p50,
    ...(p99 === undefined ? {} : { p99 }),
    spread,
    checksum: checksum.hex,
    targets: [],
  };
}

async function us(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) * 1000;
}

function expect(found: readonly unknown[], count: number): void {
  if (found.length !== count) throw new Error(`${found.length} deltas were found instead of ${count}`);
}
