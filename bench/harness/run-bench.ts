import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchSpec, Row } from './measure.ts';

/** Runs one bench in a directory of its own, which is gone afterwards. */
export async function runBench(bench: BenchSpec, smoke: boolean): Promise<readonly Row[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-collab-bench-'));
  try {
    return await bench.run({ smoke, scratch });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
