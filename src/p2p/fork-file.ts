/** Evidence of forks, kept for whoever has to decide about the node: JSON lines, each with what was signed. Not secret, and bounded. */
import { appendFile, stat } from 'node:fs/promises';
import type { Fork } from './replica.ts';
import { encodeRun } from './run.ts';

const maxFileBytes = 4 * 1024 * 1024;
/** A run of over so many bytes is named by its hash chain's end alone. */
const maxRunBytes = 256 * 1024;

export async function appendFork(
  path: string,
  { source, seq, known, run }: Fork,
  nowMs: number,
): Promise<void> {
  const size = await stat(path).then(
    (it) => it.size,
    () => 0,
  );
  if (size > maxFileBytes) return;
  const encoded = encodeRun(run);
  const line = {
    at: new Date(nowMs).toISOString(),
    source,
    seq,
    /** The hash of the delta that this node has. */
    known: Buffer.from(known).toString('hex'),
    /** The signed run that holds or builds on another one, in the form of p2p/run.ts. */
    run: encoded.length > maxRunBytes ? null : encoded.toString('base64'),
    signature: run.signature === undefined ? null : Buffer.from(run.signature).toString('base64'),
  };
  await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 });
}
