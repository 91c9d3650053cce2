/** Daemons of one cluster. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonProcess } from './daemon-process.ts';

/** Before the first start on a data directory: how its node is called, and where the others reach it. */
export function preparePeer(home: string, name: string, listen = '127.0.0.1'): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'config.json'), JSON.stringify({ peers: { name, listen, mdns: false } }));
}

/** The first makes a cluster and lets the others in. */
export async function makeCluster([first, ...rest]: readonly Pick<DaemonProcess, 'client'>[]): Promise<void> {
  if (first === undefined) return;
  const inviter = first.client();
  try {
    await inviter.call('cluster.init', { name: 'test' });
    for (const daemon of rest) {
      const { token } = (await inviter.call('cluster.invite', {})).data;
      const client = daemon.client();
      await client.call('cluster.join', { token }).finally(() => client.close());
    }
  } finally {
    inviter.close();
  }
}
