/** The compact lane: drops what is too old, in bounded transactions, so that the persist lane never waits long for its turn. */
import type { HlcTime } from '../src/base/hybrid-clock.ts';
import type { LaneReport, LaneStart } from '../src/offload/contract.ts';
import { decodeNumber } from '../src/queue/lane-frames.ts';
import { openAuditTables } from '../src/store/audit-tables.ts';
import { openIndexEnvironment } from '../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../src/store/delta-log.ts';
import type { Environment } from '../src/store/environment.ts';
import { IndexTables } from '../src/store/index-tables.ts';
import { LogView } from '../src/store/log-view.ts';
import { compactAudit, compactLog } from '../src/store/retention.ts';
import { type LaneWork, runLane } from './lane-loop.ts';

export function run(start: LaneStart): Promise<LaneReport> {
  return runLane('compact', start.queue, { maxFrames: 1, maxBytes: 64, lingerMs: 0 }, () => open(start));
}

async function open({ places }: LaneStart): Promise<LaneWork> {
  const { mapSizeBytes } = places;
  const environments: Environment[] = [];
  const close = async () => {
    for (const environment of environments.splice(0).reverse()) await environment.close();
  };
  try {
    const delta = openDeltaEnvironment(places.delta, { mapSizeBytes });
    environments.push(delta);
    const index = openIndexEnvironment(places.index, { mapSizeBytes });
    environments.push(index);
    const audit = await openAuditTables(places.audit, { mapSizeBytes });
    environments.push(audit.environment);
    return {
      *apply(frames) {
        for (const { payload } of frames) {
          const deltasBefore = decodeNumber(payload, 0) as HlcTime;
          const auditBefore = decodeNumber(payload, 1) as HlcTime;
          if (deltasBefore > 0) yield* compactLog(new LogView(delta), new IndexTables(index), deltasBefore);
          if (auditBefore > 0) yield* compactAudit(audit, auditBefore);
        }
      },
      environments,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
