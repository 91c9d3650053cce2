/**
 * A long answer on its way from a worker to the main thread, in parts that are each decoded in well under a millisecond:
 * structured clone would decode ten thousand records in one go, and the main loop would stand still for that long.
 */
import { setImmediate } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';

/** 100 ordinary records take about 0.3 ms to decode. */
const partRecords = 100;
/** A part of more bytes than this is halved until it is one record. */
const partBytes = 256 * 1024;

/** @param records what structured clone takes. */
export function encodeParts(records: readonly unknown[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < records.length; at += partRecords)
    addPart(parts, records.slice(at, at + partRecords));
  return parts;
}

function addPart(parts: Uint8Array[], records: readonly unknown[]): void {
  const part = serialize(records);
  if (part.length <= partBytes || records.length === 1) {
    parts.push(part);
    return;
  }
  const half = records.length >> 1;
  addPart(parts, records.slice(0, half));
  addPart(parts, records.slice(half));
}

/** Other work of the event loop gets its turn between two parts. */
export async function decodeParts<T>(parts: readonly Uint8Array[]): Promise<readonly T[]> {
  const records: T[] = [];
  for (const [at, part] of parts.entries()) {
    if (at > 0) await setImmediate();
    for (const record of deserialize(part) as readonly T[]) records.push(record);
  }
  return records;
}
