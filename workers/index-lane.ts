/** The index lane: reads the committed log and keeps the index by source, time and path up to date. */

import type { LaneReport, LaneStart } from '../src/offload/contract.ts';
import { decodeNumber, frameKind } from '../src/queue/lane-frames.ts';
import { DeltaIndexWriter } from '../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../src/store/delta-log.ts';
import { LogView } from '../src/store/log-view.ts';
import { runLane } from './lane-loop.ts';

export function run(start: LaneStart): Promise<LaneReport> {
  // A notice is a number, so one batch takes all there are; the pause lets some hundred deltas share a transaction.
  const options = { maxFrames: 1024, maxBytes: 64 * 1024, lingerMs: 10 };
  return runLane('index', start.queue, options, async () => {
    const { delta, index, mapSizeBytes } = start.places;
    const environment = openDeltaEnvironment(delta, { mapSizeBytes });
    try {
      const writer = await DeltaIndexWriter.open(index, new LogView(environment), { mapSizeBytes });
      return {
        apply: (frames) => {
          if (frames.some(({ kind }) => kind === frameKind.rebuild)) writer.rebuild();
          const notices = frames.filter(({ kind }) => kind === frameKind.committed);
          const upTo = Math.max(0, ...notices.map(({ payload }) => decodeNumber(payload, 0)));
          writer.applyUpTo(upTo);
        },
        close: async () => {
          await writer.close();
          await environment.close();
        },
      };
    } catch (error) {
      await environment.close();
      throw error;
    }
  });
}
