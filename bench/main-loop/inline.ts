import { join } from 'node:path';
import { LmdbAuditStore } from '../../src/store/lmdb-audit-store.ts';
import { LmdbDeltaStore } from '../../src/store/lmdb-delta-store.ts';
import { nodeKey } from '../harness/records.ts';
import type { SinkSpec } from './sink.ts';

/** The same work, done where it arises: a transaction and a sync for what each turn brings. */
export const inline: SinkSpec = {
  name: 'inline',
  async open(directory) {
    const { nodeId: node, privateKey } = nodeKey;
    const deltas = await LmdbDeltaStore.open(directory, { node, privateKey });
    const audit = await LmdbAuditStore.open(join(directory, 'audit'));
    return {
      async deltas(batch) {
        await deltas.saveBatch(batch.map((delta) => ({ delta })));
      },
      events(batch) {
        for (const event of batch) audit.log(event);
      },
      async close() {
        await deltas.close();
        await audit.close();
      },
    };
  },
};
