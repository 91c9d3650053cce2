/** Connects clients: plans what changes in which file, writes it, and looks whether it works. */
import { access, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CollabError, encodeError, toCollabError, type WireError } from '../base/errors.ts';
import { writeFileAtomic } from '../home/atomic-file.ts';
import type { Client, ClientFile, SetupEntries } from './clients.ts';

export interface PlannedFile {
  readonly path: string;
  readonly what: ClientFile['what'];
  readonly before: string;
  readonly after: string;
}

export interface ClientReport {
  readonly client: Client['name'];
  readonly title: string;
  /** `drifted`: some of ours is there, but not as it should be. */
  readonly state: 'connected' | 'drifted' | 'absent' | 'failed';
  readonly files: readonly {
    readonly path: string;
    readonly what: ClientFile['what'];
    readonly changes: boolean;
  }[];
  readonly note?: string;
  readonly error?: WireError;
}

export async function isInstalled(client: Client): Promise<boolean> {
  const found = await Promise.all(
    client.signs.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** @param entries undefined: ours are taken out. @throws CLIENT_CONFIG_INVALID; nothing was written then. */
export async function plan(
  client: Client,
  entries: SetupEntries | undefined,
): Promise<readonly PlannedFile[]> {
  return Promise.all(
    client.files.map(async ({ path, what, edit }) => {
      const before = await readOrEmpty(path);
      // A file that is not there has nothing of ours to take out.
      const after = before === '' && entries === undefined ? before : edit(before, entries);
      return { path, what, before, after };
    }),
  );
}

/** All files of a client are planned before the first is written. */
export async function write(files: readonly PlannedFile[]): Promise<void> {
  for (const { path, before, after } of files) {
    if (before === after) continue;
    await mkdir(dirname(path), { recursive: true });
    const mode = await modeOf(path);
    await writeFileAtomic(path, after, { mode });
  }
}

/** Whether anything of ours is in the client's settings. One whose settings cannot be read counts as connected: `setup status` tells. */
export async function hasOurs(client: Client): Promise<boolean> {
  try {
    return (await plan(client, undefined)).some(({ before, after }) => before !== after);
  } catch {
    return true;
  }
}

/** How the client stands against what it should have. */
export async function inspect(client: Client, entries: SetupEntries): Promise<ClientReport> {
  try {
    const [wanted, gone] = [await plan(client, entries), await plan(client, undefined)];
    const isAbsent = gone.every(({ before, after }) => before === after);
    const isWhole = wanted.every(({ before, after }) => before === after);
    return report(client, isWhole ? 'connected' : isAbsent ? 'absent' : 'drifted', wanted);
  } catch (error) {
    return failed(client, error);
  }
}

export function report(
  client: Client,
  state: ClientReport['state'],
  files: readonly PlannedFile[],
): ClientReport {
  return {
    client: client.name,
    title: client.title,
    state,
    files: files.map(({ path, what, before, after }) => ({ path, what, changes: before !== after })),
    ...(client.note === undefined ? {} : { note: client.note }),
  };
}

export function failed(client: Client, error: unknown): ClientReport {
  return {
    client: client.name,
    title: client.title,
    state: 'failed',
    files: [],
    error: encodeError(toCollabError(error)),
  };
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new CollabError('CLIENT_CONFIG_INVALID', `${path} cannot be read`, {
      next: 'Look at its owner and its permissions.',
      details: { file: path },
      cause,
    });
  }
}

async function modeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ mode }) => mode & 0o777,
    () => 0o600,
  );
}
