import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { encodeAuditEvent } from '../../src/audit/audit-event.ts';
import type { Position } from '../../src/base/ids.ts';
import type { Delta } from '../../src/delta/delta.ts';
import { encodeDeltaBody } from '../../src/delta/delta-body.ts';
import { encodeLogRecord } from '../../src/delta/log-record.ts';
import { startThread } from '../harness/thread.ts';
import type { SinkSpec } from './sink.ts';

export type WorkerRole = 'persist' | 'index' | 'audit';

export interface WorkerStart {
  readonly role: WorkerRole;
  readonly directory: string;
}

/** The same threads doing the same work, each frame sent by `postMessage`. Nothing holds the sender back. */
export const postMessage: SinkSpec = {
  name: 'postMessage',
  async open(directory) {
    const persist = await startWorker('persist', directory);
    const index = await startWorker('index', directory);
    const audit = await startWorker('audit', directory);
    persist.on('message', (position: number) => index.postMessage(position));
    let position = 0;
    return {
      deltas(batch) {
        for (const delta of batch) persist.postMessage(frameOf(delta, ++position as Position));
      },
      events(batch) {
        for (const event of batch) audit.postMessage({ at: event.at, frame: encodeAuditEvent(event) });
      },
      async close() {
        // In this order: what the log has last, the index is told of.
        for (const worker of [persist, index, audit]) {
          const ended = once(worker, 'exit');
          worker.postMessage('close');
          await ended;
        }
      },
    };
  },
};

async function startWorker(role: WorkerRole, directory: string): Promise<Worker> {
  const start: WorkerStart = { role, directory };
  const worker = startThread(new URL('post-message-worker.ts', import.meta.url), start);
  await once(worker, 'message');
  return worker;
}

function frameOf(delta: Delta, position: Position): Uint8Array {
  const { source, seq, time } = delta;
  const parts = encodeLogRecord({ position, source, seq, time, body: encodeDeltaBody(delta) });
  const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
