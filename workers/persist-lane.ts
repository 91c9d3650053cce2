/** The persist lane: hashes, signs and writes deltas, one transaction a batch, on disk before it is released. */
import { createPrivateKey } from 'node:crypto';
import { signHash } from '../src/delta/delta-frame.ts';
import { decodeLogRecord, type LogRecord } from '../src/delta/log-record.ts';
import { decodeSkippedHead } from '../src/delta/skipped-head.ts';
import type { PersistStart } from '../src/offload/contract.ts';
import { decodeNumber, frameKind } from '../src/queue/lane-frames.ts';
import { DeltaLogWriter } from '../src/store/delta-log.ts';
import type { LaneLoopOptions, LaneWork } from './lane-loop.ts';

// 4096 small deltas take about 10 ms: long enough to make a sync cheap, short enough for who waits behind.
export const options: LaneLoopOptions = { maxFrames: 4096, maxBytes: 4 * 1024 * 1024, lingerMs: 0, nice: 5 };

export async function open({ places, privateKey }: PersistStart): Promise<LaneWork> {
  const { delta, mapSizeBytes, node } = places;
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
  const log = await DeltaLogWriter.open(delta, { node, mapSizeBytes, create: false });
  return {
    apply: (frames) => {
      let records: LogRecord[] = [];
      const append = () => {
        if (records.length > 0) log.append(records, (hash) => signHash(hash, key));
        records = [];
      };
      for (const { kind, payload } of frames) {
        if (kind === frameKind.record) records.push(decodeLogRecord(payload));
        if (kind !== frameKind.skip) continue;
        // What comes behind it counts on it.
        append();
        const { source, head } = decodeSkippedHead(payload);
        log.skip(source, head.seq, head.hash);
      }
      append();
      for (const { kind, payload } of frames)
        if (kind === frameKind.fences) log.reserveFences(decodeNumber(payload, 0));
    },
    environments: [log.view.environment],
    close: () => log.close(),
  };
}
