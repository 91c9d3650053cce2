/**
 * The compact lane: drops what is too old and makes compact copies, in bounded transactions, so that the persist lane never waits
 * long for its turn. What fails is answered and left: the next hour's run goes on where this one stopped.
 */
import { rmSync } from 'node:fs';
import { failpoint } from '../src/base/failpoint.ts';
import type { HlcTime } from '../src/base/hybrid-clock.ts';
import type { LaneStart } from '../src/offload/contract.ts';
import { decodeNumber, frameKind } from '../src/queue/lane-frames.ts';
import type { Frame } from '../src/queue/queue-consumer.ts';
import { openAuditTables } from '../src/store/audit-tables.ts';
import { openIndexEnvironment } from '../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../src/store/delta-log.ts';
import type { Environment } from '../src/store/environment.ts';
import { IndexTables } from '../src/store/index-tables.ts';
import { LogView } from '../src/store/log-view.ts';
import { compactAudit, compactLog } from '../src/store/retention.ts';
import {
  copyAudit,
  copyDirectory,
  copyIndex,
  copyLog,
  storeNames,
  tighten,
} from '../src/store/store-copy.ts';
import type { LaneLoopOptions, LaneWork } from './lane-loop.ts';

export const options: LaneLoopOptions = { maxFrames: 1, maxBytes: 64, lingerMs: 0, nice: 15 };

export async function open({ places }: LaneStart): Promise<LaneWork> {
  const { mapSizeBytes } = places;
  const existing = { mapSizeBytes, create: false };
  const environments: Environment[] = [];
  const close = async () => {
    for (const environment of environments.splice(0).reverse()) await environment.close();
  };
  try {
    const delta = openDeltaEnvironment(places.delta, existing);
    environments.push(delta);
    const index = openIndexEnvironment(places.index, existing);
    environments.push(index);
    const audit = await openAuditTables(places.audit, existing);
    environments.push(audit.environment);
    const log = new LogView(delta);
    const retain = function* ({ payload }: Frame) {
      const deltasBefore = decodeNumber(payload, 0) as HlcTime;
      const auditBefore = decodeNumber(payload, 1) as HlcTime;
      const below = decodeNumber(payload, 2);
      if (deltasBefore > 0) yield* compactLog(log, new IndexTables(index), { before: deltasBefore, below });
      if (auditBefore > 0) yield* compactAudit(audit, auditBefore);
    };
    const copy = async function* ({ payload }: Frame) {
      const store = storeNames[decodeNumber(payload, 0)] ?? 'delta';
      const directory = copyDirectory(places[store]);
      const anew = decodeNumber(payload, 1) === 1;
      if (anew) rmSync(directory, { recursive: true, force: true });
      const options = { mapSizeBytes };
      if (store === 'delta') yield* copyLog(log, directory, options);
      else if (store === 'index') yield* copyIndex(log, directory, options);
      else yield* copyAudit(audit, directory, options);
      if (anew) yield* tighten(directory, options);
      failpoint('reclaim.copied');
    };
    return {
      async *apply(frames) {
        for (const frame of frames) yield* frame.kind === frameKind.copy ? copy(frame) : retain(frame);
      },
      environments,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
