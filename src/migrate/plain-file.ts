import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * For reading; links are followed, as the older program did. A fifo in the place of a file would block an open for ever.
 * @throws NodeJS.ErrnoException
 */
export async function openPlainFile(path: string | Buffer): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  throw Object.assign(new Error('it is no file'), { code: stats.isDirectory() ? 'EISDIR' : 'EINVAL' });
}
