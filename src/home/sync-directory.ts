/** A name that was made, moved or removed is on disk once the directory that it stands in is synced. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Windows and some network file systems cannot sync a directory. */
const unsupported: readonly string[] = ['EINVAL', 'EISDIR', 'EPERM', 'EACCES', 'ENOTSUP'];

function throwUnlessUnsupported(error: unknown): void {
  if (!unsupported.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
}

export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    throwUnlessUnsupported(error);
  }
}

/** For where nothing may be awaited. */
export function syncDirectorySync(path: string): void {
  try {
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    throwUnlessUnsupported(error);
  }
}
