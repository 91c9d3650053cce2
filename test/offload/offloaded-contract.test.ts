/** The daemon's stores keep the same contracts as those that run in one thread. */
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openLmdbStores } from '../../src/daemon/lmdb-stores.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { NodeKey } from '../../src/home/node-key.ts';
import { auditStoreContract } from '../store/audit-store-contract.ts';
import { deltaStoreContract } from '../store/delta-store-contract.ts';
import { tempDirectory, testNode } from '../store/store-fixture.ts';

const own = testNode('own');
const key = NodeKey.fromPkcs8(own.privateKey.export({ format: 'der', type: 'pkcs8' }));

function open(directory: string): Promise<OpenStores> {
  return openLmdbStores({
    paths: homePaths(directory),
    key,
    clock: systemClock,
    logger: silentLogger,
    mapSizeBytes: 2 ** 30,
    ringCapacity: 8,
  });
}

/** A store whose close takes the lanes down with it, so that it can be opened again. */
function closingAll<Name extends 'deltas' | 'audit'>(stores: OpenStores, name: Name): OpenStores[Name] {
  return new Proxy(stores[name], {
    get: (store, property) => {
      if (property === 'close' || property === Symbol.asyncDispose) return () => stores.close();
      const value: unknown = Reflect.get(store, property, store);
      return typeof value === 'function' ? value.bind(store) : value;
    },
  });
}

deltaStoreContract(
  'OffloadedDeltaStore',
  (t) => {
    const directory = tempDirectory(t);
    return { own, open: async () => closingAll(await open(directory), 'deltas') };
  },
  { durable: true },
);

auditStoreContract(
  'OffloadedAuditStore',
  (t) => {
    const directory = tempDirectory(t);
    return { open: async () => closingAll(await open(directory), 'audit') };
  },
  { durable: true },
);
