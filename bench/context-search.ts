import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonProcess } from '../crash-tests/daemon-process.ts';
import type { ControlClient } from '../src/control/client.ts';
import { normalize, offlineModel } from '../src/search/embedding-provider.ts';
import { offlineDimension } from '../src/search/sentence-encoder.ts';
import { VectorFile } from '../src/search/vector-file.ts';
import { seededRandom } from '../test/support/seed.ts';
import { WorkChecksum } from './harness/checksum.ts';
import { type BenchSpec, latency } from './harness/measure.ts';
import { type Query, readData } from './search-quality.ts';

/** Shares under way at once while the log is filled. */
const together = 64;

/**
 * Search in many contexts, over the socket. Their vectors are drawn and put into the file that a daemon finds at its start: to make
 * 10 000 takes minutes, and a search takes as long whatever they are. Those of the queries are made.
 */
export const contextSearch: BenchSpec = {
  name: 'context-search',
  about: 'search by words and vectors over the socket, a daemon with many contexts, and shares beside it',
  async run(context) {
    const count = context.smoke ? 200 : 10_000;
    const home = join(context.scratch, 'home');
    const cwd = context.scratch;
    const daemon = new DaemonProcess(home, 'sources');
    await daemon.ready();
    const client = daemon.client();
    const other = daemon.client();
    const queries = readData<Query>('queries');
    const checksum = new WorkChecksum();
    let at = 0;
    const ask = async () => {
      const { query } = queries[at++ % queries.length] ?? { query: 'lock' };
      return client.call('context.search', { query, limit: 10 });
    };
    const share = () =>
      other.call('context.share', { agent: 'b', cwd, path: 'src/new.ts', content: 'shared beside a search' });
    try {
      const ids = await fill(client, cwd, count);
      writeVectors(home, ids);
      const alone = await latency(context, share);
      const before = memoryOf(daemon.pid);
      const { data } = await ask();
      checksum.bytes(Buffer.from(`${data.method} ${data.vectors.embedded >= count}`));
      while ((await ask()).data.vectors.embedded < count) {
        // Those shared by the measurement before are made now.
      }
      const searched = await latency(context, ask);
      const bytes = memoryOf(daemon.pid) - before;
      let isOver = false;
      const beside = (async () => {
        while (!isOver) await ask();
      })();
      const shared = await latency(context, share);
      isOver = true;
      await beside;
      return [
        {
          what: `search in ${count} contexts`,
          ...searched,
          bytes,
          checksum: checksum.hex,
          targets: [{ field: 'p99', bound: 'at most', value: 50_000 }],
        },
        { what: 'share, nobody searches', ...alone, checksum: checksum.hex, targets: [] },
        {
          what: 'share beside searches without a pause (ratio: p50 to that)',
          ...shared,
          ratio: shared.p50 / alone.p50,
          checksum: checksum.hex,
          targets: [],
        },
      ];
    } finally {
      client.close();
      other.close();
      await daemon.stop();
    }
  },
};

async function fill(client: ControlClient, cwd: string, count: number): Promise<readonly string[]> {
  const entries = readData<{ readonly path: string; readonly content: string }>('entries');
  const ids: string[] = [];
  for (let from = 0; from < count; from += together) {
    const shared = Array.from({ length: Math.min(together, count - from) }, (_, one) => {
      const { path = '.', content = '' } = entries[(from + one) % entries.length] ?? {};
      // Half of one and half of another: no two contexts are the same.
      const rest = entries[(7 * (from + one) + Math.floor((from + one) / entries.length)) % entries.length];
      return client.call('context.share', {
        agent: 'a',
        cwd,
        path,
        content: `${content} ${rest?.content.slice(0, 100)}`,
        durability: 'committed',
      });
    });
    for (const { data } of await Promise.all(shared)) ids.push(data.context.id);
  }
  return ids;
}

function writeVectors(home: string, ids: readonly string[]): void {
  const random = seededRandom(8);
  mkdirSync(join(home, 'vectors'), { recursive: true });
  const file = new VectorFile({
    path: join(home, 'vectors', 'context.vec'),
    model: `offline ${offlineModel}`,
  });
  file.append(
    ids.map((id) => {
      const vector = normalize(Float32Array.from({ length: offlineDimension }, () => random.next() - 0.5));
      return [`${id}#0`, vector] as const;
    }),
  );
  file.close();
}

/** Resident, in bytes; 0 where there is no /proc. */
function memoryOf(pid: number): number {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
