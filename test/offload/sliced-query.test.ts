import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HlcTime } from '../../src/base/hybrid-clock.ts';
import type { AgentId, NodeId, Position, ProjectId, RepoPath } from '../../src/base/ids.ts';
import { nodeIdFromPublicKey } from '../../src/codec/node-id.ts';
import { type Delta, deltaId } from '../../src/delta/delta.ts';
import { emptyVector } from '../../src/delta/version-vector.ts';
import { runInSlices } from '../../src/offload/sliced-query.ts';
import { type DeltaQuery, runQuery } from '../../src/store/delta-queries.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { LmdbDeltaStore } from '../../src/store/lmdb-delta-store.ts';

const sources = [1, 2, 3].map((byte) => nodeIdFromPublicKey(new Uint8Array(32).fill(byte)));
const project = 'p' as ProjectId;
const count = 1700;
const [first, end] = [0 as HlcTime, Number.MAX_SAFE_INTEGER as HlcTime];

/** Seven of one time, from three sources: a slice ends among them. */
function deltas(): readonly Delta[] {
  const seqs = new Map<NodeId, number>();
  return Array.from({ length: count }, (_, at) => {
    const source = sources[at % sources.length] as NodeId;
    const seq = (seqs.get(source) ?? 0) + 1;
    seqs.set(source, seq);
    return {
      id: deltaId(source, seq),
      source,
      seq,
      time: (Math.floor(at / 7) + 1) as HlcTime,
      agent: 'a' as AgentId,
      project: (at % 5 === 0 ? 'other' : project) as ProjectId,
      type: at % 4 === 0 ? 'file_change' : 'context',
      deps: emptyVector,
      payload: { path: `src/${at % 10}.ts` as RepoPath, content: `${at}` },
    };
  });
}

describe('queries in slices', () => {
  const directory = mkdtempSync(join(tmpdir(), 'agent-collab-slices-'));
  let store: LmdbDeltaStore;
  let reader: DeltaReader;

  before(async () => {
    store = await LmdbDeltaStore.open(directory, { node: sources[0] as NodeId });
    await store.saveBatch(deltas().map((delta) => ({ delta })));
    reader = await DeltaReader.open({ delta: join(directory, 'delta'), index: join(directory, 'index') });
  });
  after(async () => {
    await reader.close();
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const run = (query: DeltaQuery, moment: () => unknown = () => 0) =>
    runInSlices(query, { reader: async () => reader, moment });
  const queries: Readonly<Record<string, DeltaQuery>> = {
    'a range with many deltas of one time': { name: 'getRange', arguments: [first, end, { limit: 1000 }] },
    'a range up to its end': { name: 'getRange', arguments: [first, end, { limit: 2000 }] },
    'a range that ends among deltas of one time': {
      name: 'getRange',
      arguments: [first, end, { limit: 503 }],
    },
    'a part of the time': { name: 'getRange', arguments: [50 as HlcTime, 180 as HlcTime, {}] },
    'a range of one project': { name: 'getRange', arguments: [first, end, { project, limit: 700 }] },
    'nothing in a range': { name: 'getRange', arguments: [end, end, {}] },
    'the newest': { name: 'getLatest', arguments: [{ limit: 1000 }, undefined] },
    'all from the newest on': { name: 'getLatest', arguments: [{ limit: 2000 }, undefined] },
    'the newest below a position': { name: 'getLatest', arguments: [{ limit: 600 }, 900 as Position] },
    'the newest of one type': { name: 'getLatest', arguments: [{ type: 'context', limit: 800 }, undefined] },
  };
  for (const [name, query] of Object.entries(queries)) {
    it(`answer as one query does: ${name}`, async () => {
      assert.deepEqual(await run(query), runQuery(reader, query));
    });
  }

  it('leave the event loop a turn between two slices', async () => {
    let turns = 0;
    const timer = setInterval(() => {}, 1000);
    const count = () => {
      turns += 1;
      if (turns < 100) setImmediate(count);
    };
    setImmediate(count);
    await run({ name: 'getRange', arguments: [first, end, { limit: 1000 }] });
    clearInterval(timer);
    assert.ok(turns >= 3 && turns < 100, `${turns} turns`);
  });

  it('are left to others when something comes in between, when they are small or long, or are of another kind', async () => {
    let moment = 0;
    assert.equal(await run({ name: 'getRange', arguments: [first, end, {}] }, () => moment++), undefined);
    for (const limit of [1, 200, 2001])
      assert.equal(await run({ name: 'getRange', arguments: [first, end, { limit }] }), undefined);
    assert.equal(await run({ name: 'getBySource', arguments: [sources[0] as NodeId, 500] }), undefined);
    // Looks at all of the log for what is not there.
    const nothing = { name: 'getRange', arguments: [first, end, { project: 'none' as ProjectId }] } as const;
    assert.equal(await run(nothing), undefined);
  });
});
