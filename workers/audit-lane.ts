/** The audit lane: writes the record of who did what, in batches, on disk before they are released. */
import type { HlcTime } from '../src/base/hybrid-clock.ts';
import type { LaneStart } from '../src/offload/contract.ts';
import { decodeNumber } from '../src/queue/lane-frames.ts';
import { AuditWriter } from '../src/store/audit-log.ts';
import type { LaneLoopOptions, LaneWork } from './lane-loop.ts';

// The pause makes a sync serve some hundred events: nobody waits for this disk.
export const options: LaneLoopOptions = {
  maxFrames: 4096,
  maxBytes: 4 * 1024 * 1024,
  lingerMs: 10,
  nice: 15,
};

export async function open({ places }: LaneStart): Promise<LaneWork> {
  const writer = await AuditWriter.open(places.audit, { mapSizeBytes: places.mapSizeBytes, create: false });
  return {
    apply: (frames) => {
      writer.append(
        frames.map(({ payload }) => ({
          at: decodeNumber(payload, 0) as HlcTime,
          frame: payload.subarray(8),
        })),
      );
    },
    environments: [writer.tables.environment],
    close: () => writer.close(),
  };
}
