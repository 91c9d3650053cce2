/** After a write: records what changed, lets line ranges follow their text, and remembers what the agent has seen by that. */
import type { HookEvent } from '../hook/hook-event.ts';
import { type LineHunk, lineHunks } from '../hook/line-diff.ts';
import type { AgentMemory, AgentRecord, CallFile } from './agent-memory.ts';
import type { FileLook, FileLooks } from './file-look.ts';
import type { AgentLocks, AgentLog } from './ports.ts';
import { callKey } from './write-check.ts';

/** Places of a change that a delta lists; a change of more places is one of the whole file. */
const maxHunksTold = 200;

export interface WriteRecordParts {
  readonly locks: AgentLocks;
  readonly log: AgentLog;
  readonly memory: AgentMemory;
  readonly files: FileLooks;
}

/** @returns the paths that changed. */
export async function recordWrite(
  event: HookEvent,
  record: AgentRecord,
  { locks, log, memory, files }: WriteRecordParts,
): Promise<readonly string[]> {
  const call = memory.end(record, callKey(event));
  const changed: string[] = [];
  for (const file of call?.files ?? []) {
    if (file.before.hash === 'glob' || file.before.isDirectory) continue;
    const after = await files.at(file.absolute);
    memory.sawFile(record, file, after.hash);
    if (after.hash === file.before.hash) continue;
    changed.push(file.path);
    const hunks = hunksOf(file.before, after);
    moveRanges(record, file, hunks, locks);
    await log.append({
      agent: record.id,
      project: file.project,
      type: 'file_change',
      payload: {
        path: file.path,
        change: changeKind(file.before, after),
        hash: after.hash,
        before: file.before.hash,
        tool: event.tool,
        ...(hunks === undefined || hunks.length > maxHunksTold ? {} : { lines: newLines(hunks) }),
      },
    });
  }
  return changed;
}

function changeKind(before: FileLook, after: FileLook): 'create' | 'delete' | 'edit' {
  if (before.hash === 'absent') return 'create';
  return after.hash === 'absent' ? 'delete' : 'edit';
}

/** Undefined when one of the two is no text. */
function hunksOf(before: FileLook, after: FileLook): readonly LineHunk[] | undefined {
  return before.text === undefined || after.text === undefined
    ? undefined
    : lineHunks(before.text, after.text);
}

/** From the last to the first: so each still counts lines as before the edit. */
function moveRanges(
  record: AgentRecord,
  file: CallFile,
  hunks: readonly LineHunk[] | undefined,
  locks: AgentLocks,
): void {
  for (const hunk of hunks?.toReversed() ?? []) {
    locks.moveLines({ project: file.project, path: file.path, agent: record.id, ...hunk });
  }
}

/** Where the new lines are now. */
function newLines(hunks: readonly LineHunk[]): readonly Readonly<Record<string, number>>[] {
  let shift = 0;
  return hunks.map(({ startLine, removedLines, addedLines }) => {
    const start = startLine + shift;
    shift += addedLines - removedLines;
    return { start, removed: removedLines, added: addedLines };
  });
}
