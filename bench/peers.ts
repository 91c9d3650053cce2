/** Side by side with what others would have taken: the same records, the same machine, each side in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WorkChecksum } from './harness/checksum.ts';
import {
  type BenchContext,
  type BenchSpec,
  figuresOf,
  inTurns,
  median,
  type Row,
  spreadOf,
} from './harness/measure.ts';
import { payload, type Shape } from './harness/records.ts';
import type { Peer } from './peers/peer.ts';
import type { PeerSizes, PeerTask, PeerTimes } from './peers/peer-process.ts';
import { peers } from './peers/sides.ts';

const sizes: Readonly<Record<'full' | 'smoke', PeerSizes>> = {
  full: { single: 1000, batched: 50_000, batch: 1000, queries: 100 },
  smoke: { single: 10, batched: 2000, batch: 1000, queries: 3 },
};

/** better-sqlite3 may be missing: see optional/package.json. */
const present = peers.filter(({ name }) => {
  if (!name.startsWith('better-sqlite3')) return true;
  try {
    // Opened, since the package can be there without its compiled part.
    const Database = createRequire(import.meta.url)('better-sqlite3') as new (
      path: string,
    ) => { close(): void };
    new Database(':memory:').close();
    return true;
  } catch {
    return false;
  }
});
const absent = peers.filter((peer) => !present.includes(peer)).map(({ name }) => name);

function peersBench(name: string, shape: Shape): BenchSpec {
  const missing = absent.length > 0 ? `; not installed here: ${absent.join(', ')}` : '';
  return {
    name,
    about: `${shape.bytes} B of ${shape.text} JSON beside other stores; ratio: how many times as fast, or small, agent-collab is${missing}`,
    run: (context) => compare(context, shape),
  };
}

export const peersSmall = peersBench('peers-300', { bytes: 300, text: 'compressible' });
export const peersSmallNoise = peersBench('peers-300-noise', { bytes: 300, text: 'incompressible' });
export const peersLarge = peersBench('peers-1024', { bytes: 1024, text: 'compressible' });
export const peersLargeNoise = peersBench('peers-1024-noise', { bytes: 1024, text: 'incompressible' });

async function compare(context: BenchContext, shape: Shape): Promise<readonly Row[]> {
  const size = sizes[context.smoke ? 'smoke' : 'full'];
  const sides = present.map((peer) => new Side(peer));
  try {
    const results = await inTurns(
      context,
      sides.map((side) => (repetition: number) => side.run(context, shape, size, repetition)),
    );
    const checksum = new WorkChecksum();
    for (let at = 0; at < size.single + size.batched; at += 97)
      checksum.bytes(Buffer.from(JSON.stringify(payload(at, shape))));
    return phases(size).flatMap((phase) => rowsOf(phase, results, checksum.hex));
  } finally {
    for (const side of sides) side.close();
  }
}

/** One side's process, which all its repetitions share. */
class Side {
  readonly #peer: Peer;
  readonly #child: ChildProcess;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#child = fork(fileURLToPath(new URL('peers/peer-process.ts', import.meta.url)));
  }

  async run(
    { scratch }: BenchContext,
    shape: Shape,
    sizes: PeerSizes,
    repetition: number,
  ): Promise<PeerTimes> {
    const side = this.#peer.name;
    const directory = join(scratch, `${present.indexOf(this.#peer)}-${repetition}`);
    this.#child.send({ side, directory, shape, sizes } satisfies PeerTask);
    const ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the process of ${side} ended with exit code ${code}`);
    });
    const [times] = (await Promise.race([once(this.#child, 'message'), ended])) as [PeerTimes];
    return times;
  }

  close(): void {
    this.#child.removeAllListeners();
    this.#child.kill();
  }
}

interface Phase {
  readonly what: string;
  /** What makes the ratio: the less the better. */
  readonly cost: (times: PeerTimes) => number | undefined;
  readonly figures: (all: readonly PeerTimes[]) => Partial<Row>;
}

function phases({ batched, batch }: PeerSizes): readonly Phase[] {
  const perCall = (what: string, pick: (times: PeerTimes) => readonly number[]): Phase => ({
    what,
    cost: (times) => (pick(times).length === 0 ? undefined : median(pick(times))),
    figures: (all) => {
      const { p50, p99 } = figuresOf(all.flatMap(pick));
      return { p50, p99 };
    },
  });
  const once = (what: string, field: 'bytes' | 'p50', pick: (times: PeerTimes) => number): Phase => ({
    what,
    cost: pick,
    figures: (all) => ({ [field]: median(all.map(pick)) }),
  });
  return [
    perCall('append one by one', ({ single }) => single),
    {
      what: `append in batches of ${batch}`,
      cost: ({ batchedUs }) => batchedUs,
      figures: (all) => ({ rate: median(all.map(({ batchedUs }) => batched / (batchedUs / 1e6))) }),
    },
    perCall('range of 1000', ({ range }) => range),
    perCall('last 100 of a source', ({ last }) => last),
    once('open and answer', 'p50', ({ loadUs }) => loadUs),
    once('on disk', 'bytes', ({ diskBytes }) => diskBytes),
    once('peak memory', 'bytes', ({ peakBytes }) => peakBytes),
  ];
}

function rowsOf(phase: Phase, results: readonly (readonly PeerTimes[])[], checksum: string): readonly Row[] {
  const ours = costs(phase, results[0] ?? []);
  return present.flatMap(({ name }, side) => {
    const all = results[side] ?? [];
    const own = costs(phase, all);
    if (own.length === 0) return [];
    return [
      {
        what: `${phase.what}: ${name}`,
        ...phase.figures(all),
        ratio: median(own) / median(ours),
        spread: spreadOf(own),
        checksum,
        targets: [],
      },
    ];
  });
}

function costs(phase: Phase, all: readonly PeerTimes[]): readonly number[] {
  return all.map(phase.cost).filter((cost) => cost !== undefined);
}
