import { systemClock } from '../../src/base/clock.ts';
import type { AgentId, LockId, ProjectId, RepoPath } from '../../src/base/ids.ts';
import type { Claim } from '../../src/lock/claim.ts';
import { FenceSource } from '../../src/lock/fence.ts';
import { LockTable } from '../../src/lock/lock-table.ts';

const project = 'github.com/acme/app' as ProjectId;

/** Ten lines of a file: two such leases in each of many files, as agents that edit hold them. */
export function claimOf(at: number, agent: string, start = (at % 2) * 100 + 1): Claim {
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

export function filledTable(held: number): LockTable {
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

export function grant(table: LockTable, claim: Claim): { readonly id: LockId; readonly fence: number } {
  const outcome = table.acquire(claim);
  if (outcome.outcome !== 'granted') throw new Error(`a claim that nobody disputes was ${outcome.outcome}`);
  return outcome.lock;
}
