/** What the figures of a run depend on, measured or read at its start. */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { quantile } from './measure.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly node: string;
  readonly commit: string;
  /** fdatasync after a write of 4 KiB, in ms. */
  readonly syncP50Ms: number;
  readonly syncP99Ms: number;
}

export function describeMachine(scratch: string, smoke: boolean): Machine {
  const syncs = syncTimesMs(scratch, smoke ? 5 : 300);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    commit: commit(),
    syncP50Ms: quantile(syncs, 0.5),
    syncP99Ms: quantile(syncs, 0.99),
  };
}

/** A `+` behind the commit: the tree holds changes that are in no commit. */
function commit(): string {
  const git = (...args: readonly string[]) =>
    execFileSync('git', args, {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return `${git('rev-parse', '--short', 'HEAD').trim()}${changed ? '+' : ''}`;
  } catch {
    // A tarball without history is benchmarked as well; it just cannot say which commit it is.
    return 'unknown';
  }
}

function syncTimesMs(scratch: string, count: number): readonly number[] {
  const path = join(scratch, 'sync-probe');
  const block = Buffer.alloc(4096, 1);
  const fd = openSync(path, 'w');
  try {
    return Array.from({ length: count }, (_, at) => {
      writeSync(fd, block, 0, block.length, (at % 64) * block.length);
      const start = performance.now();
      fdatasyncSync(fd);
      return performance.now() - start;
    });
  } finally {
    closeSync(fd);
    unlinkSync(path);
  }
}
