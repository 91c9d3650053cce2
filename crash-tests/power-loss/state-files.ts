/** A crash state as a directory, the way a machine finds it that starts again. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeededRandom } from '../../test/support/seed.ts';
import type { DiskState } from './crash-states.ts';
import { blockBytes } from './disk-model.ts';

/** LMDB's number of the boot that wrote a meta page: 64 bits, the last of the page's contents. */
const bootIdAt = 160;
const bootIdBytes = 8;

export function writeState(directory: string, files: DiskState, random: SeededRandom): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // In the order of their paths, so a directory comes before what is in it.
  for (const [path, content] of files) {
    const to = join(directory, path);
    if (content === 'directory') mkdirSync(to, { mode: 0o700 });
    else writeFileSync(to, asFound(path, content, random), { mode: 0o600 });
  }
}

function asFound(path: string, content: Buffer, random: SeededRandom): Buffer {
  if (path.endsWith('/lock.mdb')) return garbage(content.length, random);
  if (path.endsWith('/data.mdb')) return fromAnotherBoot(content);
  return content;
}

/** It is written through a map, of which a trace shows nothing: so anything may be in it. */
function garbage(length: number, random: SeededRandom): Buffer {
  return Buffer.from(Uint8Array.from({ length }, () => random.int(0, 255)));
}

/**
 * lmdb-js remembers in each meta page in which boot it was written, and may trust an unflushed one of the same boot. Power comes back in another
 * boot, and this machine has not been restarted: so the number is changed.
 */
export function fromAnotherBoot(data: Buffer): Buffer {
  const changed = Buffer.from(data);
  for (const page of [0, blockBytes]) {
    if (changed.length < page + bootIdAt + bootIdBytes) break;
    const bootId = changed.readBigUInt64LE(page + bootIdAt);
    // Zero stands for a meta page that no commit wrote.
    if (bootId !== 0n) changed.writeBigUInt64LE(bootId ^ 0x5a5a_5a5an, page + bootIdAt);
  }
  return changed;
}
