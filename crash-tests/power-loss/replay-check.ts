/** Whether a recording can be trusted: its replay leads to the very files that the daemon left, and shows every answer that it gave. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskModel } from './disk-model.ts';
import type { Expectation } from './promises.ts';
import type { Recording } from './record.ts';

/** What was answered and is not seen in the trace. Promises that nobody notices cannot be broken. */
export function answersMissed(
  { deltas, aged, fence, events, agedEvents, compaction }: Expectation,
  { promised }: Pick<Recording, 'promised'>,
): readonly string[] {
  const seen = promised.filter(({ id, aged: isAged }) => (isAged ? aged : deltas).has(id)).length;
  const missed: string[] = [];
  if (seen < promised.length)
    missed.push(`the trace shows ${seen} of ${promised.length} shares that were answered`);
  if (aged.size === 0 || deltas.size === 0) missed.push('no old share, or no new one, was answered');
  if (fence === 0) missed.push('the trace shows no grant');
  if (events.size === 0 || agedEvents.size === 0)
    missed.push('the trace shows no old audit event, or no new one');
  if (compaction !== 'done') missed.push('the trace shows no end of a compaction');
  return missed;
}

/** Each difference in a sentence. A replay that overlooks a write would show states that cannot be. */
export function differencesFromDisk(model: DiskModel, watched: string): readonly string[] {
  const found = filesBelow(watched);
  const differences = [...found].flatMap(([path, content]) => {
    const inode = model.names.get(path);
    if (inode === undefined) return [`${path} is there, and not in the replay`];
    if (content === 'directory' || isMapped(path)) return [];
    return inode.cache.subarray(0, inode.cacheSize).equals(content) ? [] : [`${path} has other contents`];
  });
  for (const path of model.names.keys())
    if (path !== '' && !found.has(path)) differences.push(`${path} is in the replay, and not there`);
  return differences;
}

/** Written through a map, which a trace does not show. */
const isMapped = (path: string) => path.endsWith('/lock.mdb');

function filesBelow(watched: string): ReadonlyMap<string, Buffer | 'directory'> {
  const found = new Map<string, Buffer | 'directory'>();
  const walk = (below: string) => {
    for (const entry of readdirSync(join(watched, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        found.set(path, 'directory');
        walk(path);
      } else if (entry.isFile()) found.set(path, readFileSync(join(watched, path)));
    }
  };
  walk('');
  return found;
}
