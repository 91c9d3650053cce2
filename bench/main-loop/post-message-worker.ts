/** A thread of `postMessage`: what has arrived in one turn of its event loop is one transaction. */
import { join } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { signHash } from '../../src/delta/delta-frame.ts';
import { decodeLogRecord } from '../../src/delta/log-record.ts';
import { type AuditRecord, AuditWriter } from '../../src/store/audit-log.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { DeltaLogWriter, openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { LogView } from '../../src/store/log-view.ts';
import { nodeKey } from '../harness/records.ts';
import type { WorkerRole, WorkerStart } from './post-message.ts';

interface Work {
  apply(batch: readonly unknown[]): void;
  close(): Promise<void>;
}

const { role, directory } = workerData as WorkerStart;
const port = parentPort;
if (port === null) throw new Error('this is the module of a thread');

const open: Readonly<Record<WorkerRole, () => Promise<Work>>> = {
  async persist() {
    const log = await DeltaLogWriter.open(join(directory, 'delta'), { node: nodeKey.nodeId });
    const sign = (hash: Uint8Array) => signHash(hash, nodeKey.privateKey);
    return {
      apply(batch) {
        const { head } = log.append(
          batch.map((frame) => decodeLogRecord(frame as Uint8Array)),
          sign,
        );
        port.postMessage(head);
      },
      close: () => log.close(),
    };
  },
  async index() {
    const environment = openDeltaEnvironment(join(directory, 'delta'));
    const writer = await DeltaIndexWriter.open(join(directory, 'index'), new LogView(environment));
    return {
      apply: (batch) => void writer.applyUpTo(batch.at(-1) as number),
      async close() {
        await writer.close();
        await environment.close();
      },
    };
  },
  async audit() {
    const writer = await AuditWriter.open(join(directory, 'audit'), {});
    return {
      apply: (batch) => writer.append(batch as readonly AuditRecord[]),
      close: () => writer.close(),
    };
  },
};

async function run(port: MessagePort): Promise<void> {
  const work = await open[role]();
  let waiting: unknown[] = [];
  const apply = async () => {
    const batch = waiting;
    waiting = [];
    const over = batch.at(-1) === 'close';
    const frames = over ? batch.slice(0, -1) : batch;
    if (frames.length > 0) work.apply(frames);
    if (!over) return;
    await work.close();
    port.close();
  };
  port.on('message', (message: unknown) => {
    if (waiting.length === 0) setImmediate(() => void apply());
    waiting.push(message);
  });
  port.postMessage('ready');
}

void run(port);
