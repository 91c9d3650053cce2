/** What became of a file lately, in words, from the `file_change` deltas of the log. */
import { hlcToMs } from '../base/hybrid-clock.ts';
import type { StoredDelta } from '../delta/delta.ts';
import type { AgentRecord } from './agent-memory.ts';
import type { AgentLog, PlacedPath } from './ports.ts';

const changesTold = 3;

/** The newest changes of the file by others, newest first; empty when none was recorded. */
export async function describeChanges(
  { project, path }: PlacedPath,
  record: AgentRecord,
  log: AgentLog,
): Promise<readonly string[]> {
  const changes = await log.byPath({ project, path, type: 'file_change', limit: 10 });
  const own = changes.findIndex((change) => change.agent === record.id);
  return changes.slice(0, own === -1 ? changesTold : Math.min(own, changesTold)).map(changeText);
}

/** `claude:b changed lines 3-9 at 12:30:00Z`. Payloads may come from other versions: what is odd is left out. */
export function changeText(delta: StoredDelta): string {
  const { change, lines } = delta.payload;
  const ranges = Array.isArray(lines) ? lines.flatMap(rangeText).slice(0, 8) : [];
  const what =
    change === 'delete'
      ? 'deleted it'
      : change === 'create'
        ? 'wrote it'
        : `changed ${ranges.length === 0 ? 'it' : `lines ${ranges.join(', ')}`}`;
  return `${delta.agent} ${what} at ${new Date(hlcToMs(delta.time)).toISOString()}`;
}

function rangeText(line: unknown): readonly string[] {
  if (typeof line !== 'object' || line === null) return [];
  const { start, added } = line as { readonly start?: unknown; readonly added?: unknown };
  if (typeof start !== 'number' || typeof added !== 'number') return [];
  return [added <= 1 ? `${start}` : `${start}-${start + added - 1}`];
}
