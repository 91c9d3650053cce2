import { systemClock } from '../src/base/clock.ts';
import type { AgentId, LockId, ProjectId, RepoPath } from '../src/base/ids.ts';
import type { Claim } from '../src/lock/claim.ts';
import { FenceSource } from '../src/lock/fence.ts';
import { LockTable } from '../src/lock/lock-table.ts';
import { WorkChecksum } from './checksum.ts';
import { type BenchContext, type BenchSpec, latency } from './measure.ts';

const project = 'github.com/acme/app' as ProjectId;

/** Two leases of ten lines in each of many files, as agents that edit hold them. */
function claimOf(at: number, agent: string): Claim {
  const start = (at % 2) * 100 + 1;
  return {
    agent: agent as AgentId,
    targets: [
      {
        project,
        path: `src/module-${(at >> 1) % 100}/file-${at >> 1}.ts` as RepoPath,
        scope: { kind: 'lines', start, end: start + 9 },
      },
    ],
    mode: 'exclusive',
    intention: 'extract the session handling',
    ttlMs: 3_600_000,
    priority: 0,
  };
}

function filledTable(held: number): LockTable {
  let ids = 0;
  const table = new LockTable(
    {
      clock: systemClock,
      fences: new FenceSource({ startFloor: 1, reservedUntil: 2 ** 40 }),
      newLockId: () => String(ids++) as LockId,
      onTransition: () => {},
    },
    // What is measured is a claim, not the limit on how many an agent may make.
    { ratePerSecond: 1e9, rateBurst: 1e9 },
  );
  for (let at = 0; at < held; at += 1) grant(table, claimOf(at, `agent-${at % 100}`));
  return table;
}

function grant(table: LockTable, claim: Claim): { readonly id: LockId; readonly fence: number } {
  const outcome = table.acquire(claim);
  if (outcome.outcome !== 'granted') throw new Error(`a claim that nobody disputes was ${outcome.outcome}`);
  return outcome.lock;
}

async function measure(context: BenchContext, held: number) {
  const table = filledTable(held);
  const checksum = new WorkChecksum();
  // Free lines of held files, so that each claim has neighbours to be compared with.
  const claims = Array.from({ length: 1000 }, (_, at) => {
    const [target] = claimOf(at * 7, 'agent-x').targets;
    if (target === undefined) throw new Error('a claim has a target');
    const scope = { kind: 'lines' as const, start: 500, end: 509 };
    return { ...claimOf(0, 'agent-x'), targets: [{ ...target, scope }] };
  });
  for (const claim of claims) {
    const { id } = grant(table, claim);
    checksum.number(table.release(id, claim.agent).outcome === 'released' ? table.stats().locks : -1);
  }
  let at = 0;
  const timing = await latency(context, () => {
    const claim = claims[at++ % claims.length];
    if (claim === undefined) return;
    table.release(grant(table, claim).id, claim.agent);
  });
  if (table.stats().locks !== held) throw new Error('a lease was left behind');
  return { ...timing, checksum: checksum.hex };
}

export const lockTable: BenchSpec = {
  name: 'lock-table',
  about: 'acquire and release in the lock table, in process',
  async run(context) {
    const held = context.smoke ? 100 : 10_000;
    return [
      { what: 'with no other lease', ...(await measure(context, 0)), targets: [] },
      {
        what: `with ${held} leases`,
        ...(await measure(context, held)),
        targets: [
          { field: 'p50', bound: 'at most', value: 2 },
          { field: 'p99', bound: 'at most', value: 20 },
        ],
      },
    ];
  },
};
