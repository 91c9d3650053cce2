import assert from 'node:assert/strict';
import type { AgentId, ProjectId, RepoPath } from '../base/ids.ts';
import type { Lock } from './lock.ts';
import { compiledOf, type LockCore } from './lock-core.ts';
import { maxLine, type Scope, wholeFile } from './scope.ts';
import { CompiledTarget, compileTarget } from './target.ts';

/** An edit of a file: from `startLine` (1-based) `removedLines` lines made way for `addedLines` lines. */
export interface LineEdit {
  readonly project: ProjectId;
  readonly path: RepoPath;
  /** Who edited; its own ranges take in what it inserts at their edges. */
  readonly agent?: AgentId;
  readonly startLine: number;
  readonly removedLines: number;
  readonly addedLines: number;
}

export function assertLineEdit({ startLine, removedLines, addedLines }: LineEdit): void {
  for (const lines of [startLine, removedLines, addedLines]) {
    assert(Number.isInteger(lines) && lines >= 0 && lines <= maxLine, 'an edit counts whole lines');
  }
  assert(startLine >= 1, 'lines count from 1');
}

/**
 * Where a range of lines is after an edit; undefined when none of its lines is left.
 *
 * Ranges below move with their text and a range around the edit grows or shrinks. The new text goes to the
 * range that the edit began in or before. The order of ends and starts is kept, so ranges that were apart
 * stay apart, and nobody's lease comes to overlap another's by an edit.
 */
export function movedTarget(
  compiled: CompiledTarget,
  edit: LineEdit,
  isOwn: boolean,
): CompiledTarget | undefined {
  const { target } = compiled;
  if (compiled.extent !== 'lines' || target.scope.kind !== 'lines') return compiled;
  const { startLine, removedLines, addedLines } = edit;
  const after = startLine + removedLines;
  const moved = addedLines - removedLines;
  // Text inserted at an edge of the editor's own range is the editor's: the range stays or grows around it.
  const isAtOwnEdge =
    isOwn && removedLines === 0 && compiled.start <= startLine && compiled.end >= startLine - 1;
  let { start, end } = compiled;
  if (start >= after && !isAtOwnEdge) start += moved;
  else if (start > startLine) start = startLine + addedLines;
  if (end >= after && end !== maxLine) end += moved;
  else if (end >= startLine && end !== maxLine) end = startLine + addedLines - 1;
  else if (isAtOwnEdge && end < startLine) end = startLine + addedLines - 1;
  if (start > end || start > maxLine) return undefined;
  if (start === compiled.start && end === compiled.end) return compiled;
  const shownEnd = end >= maxLine ? -1 : end;
  return new CompiledTarget({ ...target, scope: { kind: 'lines', start, end: shownEnd } }, undefined);
}

/**
 * Moves the leases and waiting claims of a file. A lease that lost all lines of one target keeps the others, and
 * ends as `lost` when it has none left; a waiting claim keeps at least the line where its text was.
 * @returns the locks that moved.
 */
export function moveLines(core: LockCore, edit: LineEdit): readonly Lock[] {
  const file = compileTarget({ project: edit.project, path: edit.path, scope: wholeFile });
  assert(file.glob === undefined, 'an edit is of one file');
  const moved: Lock[] = [];
  for (const lease of core.book.index.owners(file)) {
    const before = compiledOf(lease);
    const after = movedTargets(before, edit, lease.agent.id, undefined);
    if (after.every((target, at) => target === before[at]) && after.length === before.length) continue;
    if (after.length === 0) {
      core.end(lease, { cause: 'lost', reason: `its lines were removed by ${edit.agent ?? 'an edit'}` });
    } else {
      core.book.moveTo(lease, after);
      moved.push(core.snapshot(lease));
    }
  }
  const line: Scope = { kind: 'lines', start: edit.startLine, end: edit.startLine };
  for (const waiter of core.queue.index.owners(file)) {
    core.queue.moveTo(waiter, movedTargets(waiter.placed.compiled, edit, waiter.agent.id, line));
  }
  core.retry([file]);
  return moved;
}

/** The targets of a claim after an edit; those of which nothing is left are gone, or stand at `fallback`. */
export function movedTargets(
  compiled: readonly CompiledTarget[],
  edit: LineEdit,
  agent: AgentId,
  fallback: Scope | undefined,
): readonly CompiledTarget[] {
  return compiled.flatMap((one) => {
    if (one.target.project !== edit.project || one.target.path !== edit.path) return [one];
    const moved = movedTarget(one, edit, agent === edit.agent);
    if (moved !== undefined) return [moved];
    return fallback === undefined ? [] : [compileTarget({ ...one.target, scope: fallback })];
  });
}
