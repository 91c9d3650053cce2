import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { randomHex } from '../base/random.ts';

/** Above what a full file system still takes into the file's own entry. */
const probeBytes = 4096;

/**
 * Writes a file into a directory, syncs and removes it: only that shows that the disk takes something now. What a killed process leaves of
 * it is a temporary file like others (atomic-file.ts).
 * @returns how long the write and its sync took, in ms. @throws what the file system says.
 */
export async function probeWrite(directory: string, bytes = probeBytes): Promise<number> {
  const path = join(directory, `.probe.${process.pid}.${randomHex(6)}.tmp`);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      const startMs = systemClock.monotonicMs();
      await file.writeFile(Buffer.alloc(bytes, 1));
      await file.datasync();
      return systemClock.monotonicMs() - startMs;
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true }).catch(() => {}); // the next start clears it away
  }
}
