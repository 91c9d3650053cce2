import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DaemonProcess } from '../crash-tests/daemon-process.ts';
import type { ControlClient } from '../src/control/client.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchContext, type BenchSpec, latency } from './harness/measure.ts';
import { payload } from './harness/records.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));
/** An agent may claim 50 times a second (SPEC §3): each takes its burst of 200 and leaves the rest to the next. */
const claimsPerAgent = 150;

/** A client of a daemon in a process of its own, one call at a time on a connection that is kept. */
export const socketCalls: BenchSpec = {
  name: 'socket-calls',
  about: 'one call at a time over the unix socket of an idle daemon',
  async run(context) {
    const daemon = new DaemonProcess(join(context.scratch, 'home'), 'sources');
    await daemon.ready();
    const client = daemon.client();
    try {
      return [
        {
          what: 'share of 300 B, flushed',
          ...(await shares(context, client)),
          targets: [
            { field: 'p50', bound: 'at most', value: 1000 },
            { field: 'p99', bound: 'at most', value: 5000 },
          ],
        },
        {
          what: 'lock acquire and release',
          ...(await locks(context, client)),
          targets: [
            { field: 'p50', bound: 'at most', value: 500 },
            { field: 'p99', bound: 'at most', value: 3000 },
          ],
        },
      ];
    } finally {
      client.close();
      await daemon.stop();
    }
  },
};

async function shares(context: BenchContext, client: ControlClient) {
  let at = 0;
  const checksum = new WorkChecksum();
  const share = async () => {
    const { path, content } = payload(at++);
    const input = { agent: 'bench', cwd, path: String(path), content: String(content) };
    return (await client.call('context.share', input)).data;
  };
  const first = await share();
  checksum.bytes(Buffer.from(`${first.context.path} ${first.context.content} ${first.durability}`));
  return { ...(await latency(context, share)), checksum: checksum.hex };
}

async function locks(context: BenchContext, client: ControlClient) {
  let at = 0;
  const checksum = new WorkChecksum();
  const claim = async () => {
    const agent = `bench-${Math.floor(at++ / claimsPerAgent)}`;
    const input = { agent, cwd, targets: ['src/base/errors.ts:10-20'], intention: 'bench' };
    const { lock } = (await client.call('lock.acquire', input)).data;
    await client.call('lock.release', { id: lock.id, agent, fence: lock.fence });
    return lock;
  };
  checksum.bytes(Buffer.from((await claim()).targets.map(({ text }) => text).join()));
  return { ...(await latency(context, claim)), checksum: checksum.hex };
}
