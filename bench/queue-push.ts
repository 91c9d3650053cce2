import { attachConsumer } from '../src/queue/queue-consumer.ts';
import { createQueue } from '../src/queue/queue-producer.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, latency } from './harness/measure.ts';

const capacity = 2 ** 20;
const frameBytes = 300;

/** The consumer drains in the same thread, outside what is timed as a push only in that its cost is shared by many. */
export const queuePush: BenchSpec = {
  name: 'queue-push',
  about: 'push of a 300-byte frame into a shared queue, drained in batches by the same thread',
  async run(context) {
    const queue = createQueue(capacity);
    const consumer = attachConsumer(queue.buffer);
    const frame = Uint8Array.from({ length: frameBytes }, (_, at) => at);
    const checksum = new WorkChecksum();
    queue.tryPush(frame, 1);
    checksum.bytes(consumer.take(1, capacity).frames[0]?.payload ?? new Uint8Array(0));
    let pushed = 0;
    let taken = 0;
    const timing = await latency(
      context,
      () => {
        if (typeof queue.tryPush(frame, 1) === 'string') {
          taken += consumer.take(100_000, capacity).frames.length;
          consumer.release();
          queue.tryPush(frame, 1);
        }
        pushed += 1;
      },
      { batch: 100 },
    );
    taken += consumer.take(100_000, capacity).frames.length;
    if (taken !== pushed) throw new Error(`${pushed} frames were pushed and ${taken} came out`);
    return [{ what: 'push of 300 B', ...timing, checksum: checksum.hex, targets: [] }];
  },
};
