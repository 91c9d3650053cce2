/** A file of the log as it goes into a bundle. */
import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type PlainLimits, plainValue, type Redaction } from '../base/plain-value.ts';

/** A file of ours has 4 MiB; of a larger one, of an older version, the end counts. */
const maxBytes = 8 * 1024 * 1024;
/** Between two looks of everybody else at the thread. */
const linesPerTurn = 500;
const lineLimits: PlainLimits = { depth: 12, entries: 10_000, chars: 512 * 1024 };

/** Undefined when there is no such file. @throws what the file system says. */
export async function readLogPart(path: string, redaction: Redaction): Promise<string | undefined> {
  const text = await readEnd(path);
  if (text === undefined) return undefined;
  const shown: string[] = [];
  let raw: string[] = [];
  const flush = () => {
    // Together: a key may stand in several lines.
    if (raw.length > 0) shown.push(redaction.text(raw.join('\n')));
    raw = [];
  };
  for (const [at, line] of text.split('\n').entries()) {
    if (at % linesPerTurn === 0) await nextTurn();
    const entry = parsed(line);
    if (entry === undefined) {
      raw.push(line);
      continue;
    }
    flush();
    shown.push(JSON.stringify(plainValue(entry, redaction, lineLimits)));
  }
  flush();
  return shown.join('\n');
}

function parsed(line: string): object | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as object;
  } catch {
    return undefined;
  }
}

async function readEnd(path: string): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : `[the first ${start} bytes are left out]${text.slice(text.indexOf('\n'))}`;
  } finally {
    await file.close();
  }
}
