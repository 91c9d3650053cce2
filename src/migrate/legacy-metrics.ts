/** `metrics/usage_YYYY-MM-DD.jsonl` of the older program: read in place, here only to tell what is in them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Skipped } from './legacy-vectors.ts';
import { openPlainFile } from './plain-file.ts';

export interface MetricsSurvey {
  readonly files: number;
  readonly records: number;
  /** Torn and otherwise unreadable lines. They stay where they are. */
  readonly badLines: number;
  readonly tokens: number;
  /** Files that cannot be read. */
  readonly skipped: readonly Skipped[];
}

const metricName = /^usage_\d{4}-\d{2}-\d{2}\.jsonl$/;
const newline = 0x0a;
const chunkBytes = 256 * 1024;
/** A record has some two hundred bytes. A longer line is damage, such as the zeros that a power loss leaves, and is not held in memory. */
const maxLineBytes = 1024 * 1024;

export async function listMetricFiles(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => metricName.test(name)).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

export async function surveyMetrics(directory: string): Promise<MetricsSurvey> {
  const files = await listMetricFiles(directory);
  const skipped: Skipped[] = [];
  let [records, badLines, tokens] = [0, 0, 0];
  for (const file of files) {
    try {
      for await (const line of linesOf(join(directory, file))) {
        if (line?.trim() === '') continue;
        const record = line === undefined ? undefined : readRecord(line);
        if (record === undefined) badLines += 1;
        else {
          records += 1;
          tokens += record.tokens;
        }
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      skipped.push({ file, why: `it cannot be read (${code ?? message})` });
    }
  }
  return { files: files.length, records, badLines, tokens, skipped };
}

/** The lines of a file, the last one with or without its end; undefined for one that is too long. */
async function* linesOf(path: string): AsyncGenerator<string | undefined> {
  const handle = await openPlainFile(path);
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let parts: Buffer[] = [];
    let bytes = 0;
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      let start = 0;
      for (
        let end = chunk.indexOf(newline);
        end !== -1 && end < bytesRead;
        end = chunk.indexOf(newline, start)
      ) {
        yield lineOf([...parts, chunk.subarray(start, end)], bytes + end - start);
        [parts, bytes, start] = [[], 0, end + 1];
      }
      // Copied: the next read takes the place of what is in the chunk.
      if (bytes <= maxLineBytes) parts.push(Buffer.from(chunk.subarray(start, bytesRead)));
      bytes += bytesRead - start;
    }
    if (bytes > 0) yield lineOf(parts, bytes);
  } finally {
    await handle.close();
  }
}

function lineOf(parts: readonly Buffer[], bytes: number): string | undefined {
  return bytes > maxLineBytes ? undefined : Buffer.concat(parts).toString('utf8');
}

/** A record has an id, a time and a number of tokens; whatever else it has is not looked at. */
function readRecord(line: string): { readonly tokens: number } | undefined {
  try {
    const { id, tokens, timestamp } = JSON.parse(line) as Partial<Record<string, unknown>>;
    const sound =
      typeof id === 'string' &&
      Number.isSafeInteger(tokens) &&
      typeof timestamp === 'string' &&
      !Number.isNaN(Date.parse(timestamp));
    return sound ? { tokens: tokens as number } : undefined;
  } catch {
    // Torn by a crash of the older program, or not an object.
    return undefined;
  }
}
