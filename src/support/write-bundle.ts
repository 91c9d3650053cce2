import { open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withFileErrors } from '../backup/file-error.ts';
import { CollabError } from '../base/errors.ts';

/**
 * Where a bundle goes: what was named, or a file of this name in it when that is a directory.
 * @throws USAGE when there is something already. To be asked before the work; `writeBundle` is what makes sure.
 */
export async function bundlePlace(target: string, name: string): Promise<string> {
  const found = await stat(target).catch(() => undefined);
  const path = found?.isDirectory() === true ? join(target, name) : target;
  if ((await stat(path).catch(() => undefined)) !== undefined) throw exists(path);
  return path;
}

/** For its owner alone, and never over another file. @throws USAGE, HOME_UNUSABLE, STORE_UNAVAILABLE; nothing is left then. */
export async function writeBundle(path: string, bytes: Uint8Array): Promise<void> {
  await withFileErrors(dirname(path), async () => {
    const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(path) : error;
    });
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  });
}

function exists(path: string): CollabError {
  return new CollabError('USAGE', `${path} exists already`, {
    next: 'Name another file with --to.',
    details: { path },
  });
}
