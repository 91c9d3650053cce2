import { setImmediate } from 'node:timers/promises';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { DeltaRing } from '../delta/delta-ring.ts';
import type { StoreHandles } from '../offload/store-handles.ts';

/** Deltas read in one turn of the event loop: about 1 ms. */
const sliceDeltas = 200;

export interface RingRefill {
  readonly ring: DeltaRing;
  readonly handles: StoreHandles;
  /** The oldest position that the log keeps. */
  readonly floor: number;
  /** Nothing that is older. */
  readonly since: HlcTime;
  readonly isClosing: () => boolean;
}

/**
 * Fills the ring with what stands in the log in front of it, newest first, while the daemon serves: ten thousand deltas take some
 * 50 ms. Ends at what cannot be read, or is lost for good: the ring has no gap.
 * @throws STORE_DAMAGED, STORE_UNAVAILABLE for what cannot be read.
 */
export async function refillRing({ ring, handles, floor, since, isClosing }: RingRefill): Promise<void> {
  for (;;) {
    await setImmediate();
    const to = ring.oldest - 1;
    const room = ring.capacity - ring.size;
    if (isClosing() || room <= 0 || to < floor) return;
    const reader = await handles.deltas();
    const slice = [...reader.records(Math.max(floor, to - Math.min(room, sliceDeltas) + 1), to)];
    for (const record of slice.reverse()) if (record.time < since || !ring.prepend(record)) return;
    if (slice.length === 0) return;
  }
}
