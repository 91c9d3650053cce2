import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openLmdbStores } from '../../src/daemon/lmdb-stores.ts';
import type { OpenStores } from '../../src/daemon/stores.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { NodeKey } from '../../src/home/node-key.ts';

/** A directory and a key that outlive the stores opened on them. */
export class StoresOnDisk {
  readonly root = mkdtempSync(join(tmpdir(), 'agent-collab-offload-'));
  readonly #opened: OpenStores[] = [];
  readonly key = NodeKey.fromPkcs8(
    generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
  );

  async open(ringCapacity = 1000): Promise<OpenStores> {
    const stores = await openLmdbStores({
      paths: homePaths(this.root),
      key: this.key,
      clock: systemClock,
      logger: silentLogger,
      mapSizeBytes: 2 ** 30,
      ringCapacity,
    });
    this.#opened.push(stores);
    return stores;
  }

  async remove(): Promise<void> {
    for (const stores of this.#opened) await stores.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
