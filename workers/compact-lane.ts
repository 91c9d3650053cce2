/** The compact lane: drops what is too old, in bounded transactions, so that the persist lane never waits long for its turn. */
import type { HlcTime } from '../src/base/hybrid-clock.ts';
import type { LaneReport, LaneStart } from '../src/offload/contract.ts';
import { decodeNumber } from '../src/queue/lane-frames.ts';
import { openAuditTables } from '../src/store/audit-tables.ts';
import { openIndexEnvironment } from '../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../src/store/delta-log.ts';
import { IndexTables } from '../src/store/index-tables.ts';
import { LogView } from '../src/store/log-view.ts';
import { compactAudit, compactLog } from '../src/store/retention.ts';
import { type LaneWork, runLane } from './lane-loop.ts';

export function run(start: LaneStart): Promise<LaneReport> {
  return runLane('compact', start.queue, { maxFrames: 1, maxBytes: 64, lingerMs: 0 }, async () =>
    openWork(start),
  );
}

async function openWork({ places }: LaneStart): Promise<LaneWork> {
  const { mapSizeBytes } = places;
  const delta = openDeltaEnvironment(places.delta, { mapSizeBytes });
  const index = openIndexEnvironment(places.index, { mapSizeBytes });
  const audit = await openAuditTables(places.audit, { mapSizeBytes });
  return {
    apply: (frames) => {
      for (const { payload } of frames) {
        const deltasBefore = decodeNumber(payload, 0) as HlcTime;
        const auditBefore = decodeNumber(payload, 1) as HlcTime;
        if (deltasBefore > 0)
          for (const _ of compactLog(new LogView(delta), new IndexTables(index), deltasBefore));
        if (auditBefore > 0) for (const _ of compactAudit(audit, auditBefore));
      }
    },
    close: async () => {
      await audit.environment.close();
      await index.close();
      await delta.close();
    },
  };
}
