/** The audit lane: writes the record of who did what, in batches, on disk before they are released. */
import type { HlcTime } from '../src/base/hybrid-clock.ts';
import type { LaneStart } from '../src/offload/contract.ts';
import { decodeNumber } from '../src/queue/lane-frames.ts';
import type { Frame } from '../src/queue/queue-consumer.ts';
import { AuditWriter } from '../src/store/audit-log.ts';
import type { LaneLoopOptions, LaneWork } from './lane-loop.ts';

// The pause makes a sync serve some hundred events: nobody waits for this disk.
export const options: LaneLoopOptions = {
  maxFrames: 4096,
  maxBytes: 4 * 1024 * 1024,
  lingerMs: 10,
  nice: 15,
};

/**
 * Beside a burst the index waits, but not for so many events that a query of what it lacks takes more than half a minute. A lane that indexes
 * as it writes takes a tenth as many events, and what the queue then has no room for is lost.
 */
const mostUnindexed = 5_000_000;
/** Events of one step: they write 1500 pages at most, which a disk that is nearly full must have room for (write-probe.ts). */
const indexStep = 512;

export async function open({ places }: LaneStart): Promise<LaneWork> {
  const writer = await AuditWriter.open(places.audit, { mapSizeBytes: places.mapSizeBytes, create: false });
  return {
    apply: (frames, isClosing) => {
      const records = frames.map(({ payload }) => ({
        at: decodeNumber(payload, 0) as HlcTime,
        frame: payload.subarray(8),
      }));
      const waits = isClosing || (isBurst(frames) && writer.unindexed < mostUnindexed);
      writer.append(records, waits ? 0 : Math.max(indexStep, frames.length));
    },
    hasMore: () => writer.isBehind,
    idle: () => {
      if (writer.isBehind) writer.indexOldest(indexStep);
    },
    environments: [writer.tables.environment],
    close: () => writer.close(),
  };
}

/** There is as much in a batch as may be: more is waiting, or nearly so. */
function isBurst(frames: readonly Frame[]): boolean {
  if (frames.length === options.maxFrames) return true;
  const bytes = frames.reduce((sum, { payload }) => sum + payload.length, 0);
  return bytes > options.maxBytes / 2;
}
