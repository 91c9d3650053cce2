/** The index lane: reads the committed log and keeps the index by source, time and path up to date. */
import type { LaneStart } from '../src/offload/contract.ts';
import { DeltaIndexWriter } from '../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../src/store/delta-log.ts';
import { LogView } from '../src/store/log-view.ts';
import type { LaneLoopOptions, LaneWork } from './lane-loop.ts';

// A notice is a number, so one batch takes all there are; the pause lets some hundred deltas share a transaction.
export const options: LaneLoopOptions = {
  maxFrames: 1024,
  maxBytes: 64 * 1024,
  lingerMs: 10,
  nice: 15,
};

export async function open({ places }: LaneStart): Promise<LaneWork> {
  const { delta, index, mapSizeBytes } = places;
  const environment = openDeltaEnvironment(delta, { mapSizeBytes, create: false });
  try {
    const writer = await DeltaIndexWriter.open(index, new LogView(environment), {
      mapSizeBytes,
      create: false,
    });
    return {
      // Whatever the notice said: the log tells how far to go.
      apply: () => catchUp(writer),
      // A notice that found the queue full was dropped. Whatever it said is done here.
      idle: () => {
        for (const _ of catchUp(writer));
      },
      environments: [environment, writer.tables.environment],
      close: async () => {
        await writer.close();
        await environment.close();
      },
    };
  } catch (error) {
    await environment.close();
    throw error;
  }
}

/** As far as the log goes, whatever the notice said; a transaction between two yields. */
function* catchUp(writer: DeltaIndexWriter): Generator<number> {
  for (let applied = writer.applied(); ; ) {
    const done = writer.applyBatch(applied, Number.MAX_SAFE_INTEGER);
    const isTidy = !writer.tidy(done !== applied);
    if (done === applied && isTidy) break;
    applied = done;
    yield done;
  }
}
