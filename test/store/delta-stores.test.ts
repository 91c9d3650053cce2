import { LmdbDeltaStore } from '../../src/store/lmdb-delta-store.ts';
import { MemoryDeltaStore } from '../../src/store/memory-delta-store.ts';
import { deltaStoreContract } from './delta-store-contract.ts';
import { tempDirectory, testNode } from './store-fixture.ts';

const own = testNode('own');

deltaStoreContract('MemoryDeltaStore', () => ({ own, open: async () => new MemoryDeltaStore() }), {
  durable: false,
});

for (const indexLag of [0, 2, 1_000_000]) {
  const place = (directory: string) => ({
    own,
    open: () => LmdbDeltaStore.open(directory, { node: own.id, privateKey: own.privateKey, indexLag }),
  });
  deltaStoreContract(
    `LmdbDeltaStore with an index ${indexLag} deltas behind`,
    (t) => place(tempDirectory(t)),
    {
      durable: true,
    },
  );
}
