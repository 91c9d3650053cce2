import type { Position } from '../src/base/ids.ts';
import { encodeDeltaBody } from '../src/delta/delta-body.ts';
import { encodeLogRecord } from '../src/delta/log-record.ts';
import { attachConsumer } from '../src/queue/queue-consumer.ts';
import { createQueue } from '../src/queue/queue-producer.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, latency } from './harness/measure.ts';
import { deltaOf, nodeKey } from './harness/records.ts';

const capacity = 2 ** 22;

/** What an append costs the main thread: encode the body once, and copy the record into the queue of the persist lane. */
export const deltaAppend: BenchSpec = {
  name: 'delta-append',
  about: 'main-thread cost of a delta of 300 B: encode, and push into the queue',
  async run(context) {
    const source = nodeKey.nodeId;
    const deltas = Array.from({ length: 1000 }, (_, at) => deltaOf(source, at + 1, at));
    const checksum = new WorkChecksum();
    for (const delta of deltas) checksum.bytes(encodeDeltaBody(delta));
    const queue = createQueue(capacity);
    const consumer = attachConsumer(queue.buffer);
    let at = 0;
    const next = () => deltas[at++ % deltas.length] ?? deltaOf(source, 1, 0);
    const encode = await latency(context, () => encodeDeltaBody(next()), { batch: 20 });
    const append = await latency(
      context,
      () => {
        const delta = next();
        const parts = encodeLogRecord({
          position: at as Position,
          source,
          seq: delta.seq,
          time: delta.time,
          body: encodeDeltaBody(delta),
        });
        if (typeof queue.tryPushParts(parts, 1) === 'number') return;
        consumer.take(100_000, capacity);
        consumer.release();
      },
      { batch: 20 },
    );
    return [
      { what: 'encode of a body', ...encode, checksum: checksum.hex, targets: [] },
      {
        what: 'encode and push',
        ...append,
        checksum: checksum.hex,
        targets: [{ field: 'p50', bound: 'at most', value: 3 }],
      },
    ];
  },
};
