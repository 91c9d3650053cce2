/** `run --memory`: nothing on disk, the same interfaces. Everything is gone when the process ends. */
import type { Clock } from '../base/clock.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { LaneView, VerifyView } from '../control/results.ts';
import { MemoryAuditStore } from '../store/memory-audit-store.ts';
import { MemoryDeltaStore } from '../store/memory-delta-store.ts';
import type { OpenStores } from './stores.ts';

const nothingToVerify: VerifyView = { sound: true, checked: {}, problems: [], problemCount: 0 };

/** There are no lanes: what is accepted is stored at once. */
const noLane: LaneView = { state: 'running', pendingBytes: 0, capacityBytes: 0, restarts: 0 };

export function createMemoryStores(options: { readonly clock: Clock }): OpenStores {
  const deltas = new MemoryDeltaStore();
  const audit = new MemoryAuditStore();
  const closing = new AbortController();
  // With nothing on disk, the wall clock is what rises from one run to the next: a millisecond never saw two grants' worth.
  const startFloor = Math.max(1, Math.floor(options.clock.wallMs()));
  return {
    kind: 'memory',
    deltas,
    audit,
    log: undefined,
    fences: { startFloor, reservedUntil: Number.MAX_SAFE_INTEGER },
    newest: 0 as HlcTime,
    findings: [],
    started: { head: 0, indexed: 0 },
    reserveFences: async () => {},
    lanes: () => ({ persist: noLane, index: noLane, audit: noLane, compact: noLane }),
    warnings: () => ['everything is kept in memory (--memory): it is gone when the daemon stops'],
    readOnlyReason: () => undefined,
    activity: null,
    usedBytes: async () => 0,
    reclaim: async () => ({ stores: [], bytes: 0, stalledMs: 0 }),
    verify: async () => nothingToVerify,
    repair: async () => nothingToVerify,
    // No file of a store is open: whatever is done to a directory beside it may be done at any time.
    inTurn: (_what, work) => work(() => {}, closing.signal),
    close: async () => {
      closing.abort();
      await deltas.close();
      await audit.close();
    },
  };
}
