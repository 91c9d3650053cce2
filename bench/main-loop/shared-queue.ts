import { lanesReady, openBenchStores } from '../harness/bench-stores.ts';
import type { SinkSpec } from './sink.ts';

/** The product: frames in SharedArrayBuffer queues, a lane each for the log, its index and the audit trail. */
export const sharedQueue: SinkSpec = {
  name: 'shared queues',
  async open(directory) {
    const stores = await openBenchStores(directory);
    await lanesReady(stores);
    return {
      async deltas(batch) {
        await stores.deltas.saveBatch(
          batch.map((delta) => ({ delta })),
          'accepted',
        );
      },
      events(batch) {
        for (const event of batch) stores.audit.log(event);
      },
      close: () => stores.close(),
    };
  },
};
