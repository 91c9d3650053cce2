/** A bench runs in a directory of its own, which is gone afterwards. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchSpec, Row } from './measure.ts';
import type { BenchResult } from './report.ts';

export async function withScratch<T>(use: (scratch: string) => Promise<T> | T): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-collab-bench-'));
  try {
    return await use(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function runBench(bench: BenchSpec, smoke: boolean): Promise<readonly Row[]> {
  return withScratch((scratch) => bench.run({ smoke, scratch }));
}

/** What the process of a bench is told, and what it answers. */
export interface BenchTask {
  readonly name: string;
  readonly smoke: boolean;
}
export type BenchAnswer = Pick<BenchResult, 'rows' | 'peakMiB'>;

/** In a process of its own: its peak memory is its own, and no other bench has warmed or deoptimised the code. */
export async function runBenchInChild(
  { name, about }: BenchSpec,
  smoke: boolean,
): Promise<Omit<BenchResult, 'machine'>> {
  const child = fork(fileURLToPath(new URL('bench-process.ts', import.meta.url)), {
    // The garbage collector can be asked for, where memory is what is measured.
    execArgv: [...process.execArgv, '--expose-gc'],
  });
  child.send({ name, smoke } satisfies BenchTask);
  const [answer, [code]] = await Promise.all([answerOf(child), once(child, 'close')]);
  if (answer === undefined) throw new Error(`the bench ${name} ended with exit code ${code}`);
  return { bench: name, about, ...answer };
}

function answerOf(child: ReturnType<typeof fork>): Promise<BenchAnswer | undefined> {
  return new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer as BenchAnswer));
    child.once('close', () => resolve(undefined));
  });
}
