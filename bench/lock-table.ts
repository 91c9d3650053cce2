import { WorkChecksum } from './harness/checksum.ts';
import { claimOf, filledTable, grant } from './harness/locks.ts';
import { type BenchContext, type BenchSpec, latency } from './harness/measure.ts';

export const lockTable: BenchSpec = {
  name: 'lock-table',
  about:
    'acquire and release in the lock table, in process, nothing else going on (main-loop has the lanes busy)',
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

async function measure(context: BenchContext, held: number) {
  const table = filledTable(held);
  const checksum = new WorkChecksum();
  // Free lines of held files, so that each claim has neighbours to be compared with.
  const claims = Array.from({ length: 1000 }, (_, at) => claimOf(at * 7, 'agent-x', 500));
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
