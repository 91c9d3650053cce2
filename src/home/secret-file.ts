import { open } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';

export interface SecretFile {
  readonly text: string;
  /** Permission bits as they were found; the file is for its owner alone by now. */
  readonly mode: number;
}

/**
 * A file of the data directory that is this node's own: bounded, and closed to others if it was open to them. Undefined when there is none.
 * @throws what `invalid` makes of a sentence about the file, which never tells what is in it.
 */
export async function readSecretFile(
  path: string,
  maxBytes: number,
  invalid: (path: string, what: string) => CollabError,
): Promise<SecretFile | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size, mode } = await file.stat();
      if (size > maxBytes) throw invalid(path, `is ${size} bytes long`);
      if ((mode & 0o077) !== 0) await file.chmod(0o600);
      return { text: await file.readFile('utf8'), mode: mode & 0o777 };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CollabError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    throw invalid(path, `cannot be read (${code ?? 'unknown error'})`);
  }
}

/** As `readSecretFile`, of a file that holds JSON. */
export async function readSecretJson(
  path: string,
  maxBytes: number,
  invalid: (path: string, what: string) => CollabError,
): Promise<{ readonly value: unknown; readonly mode: number } | undefined> {
  const found = await readSecretFile(path, maxBytes, invalid);
  if (found === undefined) return undefined;
  try {
    return { value: JSON.parse(found.text), mode: found.mode };
  } catch {
    // Without the cause: the message of JSON.parse quotes the text.
    throw invalid(path, 'is not JSON');
  }
}
