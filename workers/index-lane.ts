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
    const log = new LogView(environment);
    const writer = await DeltaIndexWriter.open(index, log, {
      mapSizeBytes,
      create: false,
    });
    return {
      // Whatever the notice said: the log tells how far to go.
      apply: () => catchUp(writer, log.head()),
      // A notice that found the queue full was dropped. Whatever it said is done here.
      idle: () => {
        for (const _ of catchUp(writer, log.head()));
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

/**
 * As far as the log goes now, whatever the notice said; a transaction between two yields. Not as far as it goes by then: beside authors
 * who never pause there would be no end to it, and no pause in which deltas gather for the next transaction.
 */
function* catchUp(writer: DeltaIndexWriter, head: number): Generator<number> {
  for (let applied = writer.applied(); ; ) {
    const done = writer.applyBatch(applied, head);
    const isTidy = !writer.tidy(done !== applied);
    if (done === applied && isTidy) break;
    applied = done;
    yield done;
  }
}
