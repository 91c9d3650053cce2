import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeCluster, preparePeer } from '../crash-tests/cluster.ts';
import { DaemonProcess } from '../crash-tests/daemon-process.ts';
import type { ControlClient } from '../src/control/client.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchContext, type BenchSpec, latency } from './harness/measure.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));
/** An agent may claim 50 times a second (SPEC §3): each takes its burst of 200 and leaves the rest to the next. */
const claimsPerAgent = 150;
const pollMs = 50;

/** A client of one of three nodes: what it costs that they agree. */
export const clusterLocks: BenchSpec = {
  name: 'cluster-locks',
  about:
    'a grant over the unix socket of one of three nodes that agree on it, on loopback; and of one that is alone',
  async run(context) {
    const names = ['ann', 'bob', 'cy'];
    const daemons = names.map((name) => {
      const home = join(context.scratch, name);
      preparePeer(home, name);
      return new DaemonProcess(home, 'sources');
    });
    const [first] = daemons;
    try {
      for (const daemon of daemons) await daemon.ready();
      const client = first?.client();
      if (client === undefined) throw new Error('no daemon');
      const alone = await grants(context, client);
      await makeCluster(daemons);
      await agreed(client, names.length);
      const together = await grants(context, client);
      client.close();
      return [
        { what: 'alone', ...alone, targets: [] },
        {
          what: 'three nodes',
          ...together,
          targets: [{ field: 'p50', bound: 'at most', value: 5000 }],
        },
      ];
    } finally {
      for (const daemon of daemons) await daemon.stop();
    }
  },
};

async function agreed(client: ControlClient, members: number): Promise<void> {
  for (;;) {
    const { agreement } = (await client.call('status', {})).data.locks;
    if (agreement?.members === members && agreement.majority) return;
    await delay(pollMs);
  }
}

/** The claim alone is measured: the release answers at once. */
async function grants(context: BenchContext, client: ControlClient) {
  let at = 0;
  const checksum = new WorkChecksum();
  let held: { readonly id: string; readonly agent: string } | undefined;
  const release = async () => {
    if (held !== undefined) await client.call('lock.release', held);
    held = undefined;
  };
  const claim = async () => {
    const agent = `bench-${Math.floor(at++ / claimsPerAgent)}`;
    const input = { agent, cwd, targets: [`src/${at % 50}.ts`], intention: 'bench' };
    const { lock } = (await client.call('lock.acquire', input)).data;
    if (lock.assurance !== 'cluster') throw new Error('a grant without a majority');
    held = { id: lock.id, agent };
    return lock;
  };
  checksum.bytes(Buffer.from((await claim()).assurance));
  await release();
  return { ...(await latency(context, claim, { afterEach: release })), checksum: checksum.hex };
}
