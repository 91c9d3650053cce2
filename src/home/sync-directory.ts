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
    await syncPath(path);
  } catch (error) {
    throwUnlessUnsupported(error);
  }
}

/** A file, or a directory where that must be possible. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
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
