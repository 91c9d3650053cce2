/** The audit lane: writes the record of who did what, in batches, on disk before they are released. */
import type { HlcTime } from '../src/base/hybrid-clock.ts';
import type { LaneReport, LaneStart } from '../src/offload/contract.ts';
import { decodeNumber } from '../src/queue/lane-frames.ts';
import { AuditWriter } from '../src/store/audit-log.ts';
import { runLane } from './lane-loop.ts';

export function run(start: LaneStart): Promise<LaneReport> {
  // The pause makes a sync serve some hundred events: nobody waits for this disk.
  const options = { maxFrames: 4096, maxBytes: 4 * 1024 * 1024, lingerMs: 10 };
  return runLane('audit', start, options, async () => {
    const { audit, mapSizeBytes } = start.places;
    const writer = await AuditWriter.open(audit, { mapSizeBytes, create: false });
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
  });
}
