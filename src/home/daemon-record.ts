import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { NodeId } from '../base/ids.ts';
import { writeFileAtomic } from './atomic-file.ts';
import type { HomePaths } from './home-paths.ts';

const recordSchema = z.object({
  pid: z.int().min(1),
  version: z.string().min(1).max(100),
  /** ISO 8601. */
  startedAt: z.iso.datetime(),
  /** TCP port on 127.0.0.1. */
  port: z.int().min(1).max(65_535),
  /** Bearer token of requests over TCP. */
  token: z.string().min(1).max(1000),
  /** Path of the unix socket; null where its path would be too long for one. */
  socket: z.string().min(1).nullable(),
  node: z.string().min(1).max(200),
});

/** What daemon.json says: how to reach the daemon that serves this data directory. */
export type DaemonRecord = Readonly<Omit<z.infer<typeof recordSchema>, 'node'>> & { readonly node: NodeId };

export type DaemonRecordReading =
  | { readonly record: DaemonRecord; readonly reason?: undefined }
  | { readonly record: undefined; readonly reason: string };

/** A record is some 300 bytes. */
const maxRecordBytes = 64 * 1024;

/** Never throws: without a readable record there is no daemon to reach, and `reason` says what is there instead. */
export async function readDaemonRecord(paths: HomePaths): Promise<DaemonRecordReading> {
  let text: string;
  try {
    text = await readBounded(paths.daemonRecord);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return { record: undefined, reason: 'there is no daemon.json' };
    return { record: undefined, reason: `daemon.json cannot be read (${code ?? (error as Error).message})` };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { record: undefined, reason: 'daemon.json is not JSON' };
  }
  const parsed = recordSchema.safeParse(value);
  if (parsed.success) return { record: Object.freeze(parsed.data) as DaemonRecord };
  // The names of the fields only: a value may be the token.
  const fields = [...new Set(parsed.error.issues.map((it) => it.path.join('.') || 'the document'))];
  return { record: undefined, reason: `daemon.json is damaged: ${fields.join(', ')}` };
}

export async function writeDaemonRecord(paths: HomePaths, record: DaemonRecord): Promise<void> {
  const checked = recordSchema.parse(record);
  await writeFileAtomic(paths.daemonRecord, `${JSON.stringify(checked, null, 2)}\n`, { mode: 0o600 });
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const size = (await file.stat()).size;
    if (size > maxRecordBytes) throw new Error(`it is ${size} bytes long`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
