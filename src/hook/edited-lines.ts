/** Which lines of the text that stands in a file a change touches. */

import { lineHunks, splitLines } from './line-diff.ts';
import type { PatchHunk, TextChange, TextReplacement } from './write-target.ts';

/** 1-based and inclusive. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

/** Ranges of one call; more become one range around them all. */
const maxRanges = 16;

/**
 * The lines that the change touches, in order and apart, or `whole` when they cannot be told: then the client may refuse the change
 * itself, and the whole file is what is safe to check. An insertion touches the line it is put at.
 */
export function editedLines(change: TextChange, text: string): readonly LineRange[] | 'whole' {
  if (text === '') return 'whole';
  const ranges = rangesOf(change, text);
  if (ranges === undefined) return 'whole';
  return merge(ranges);
}

function rangesOf(change: TextChange, text: string): readonly LineRange[] | undefined {
  switch (change.kind) {
    case 'replace':
      return replacedLines(change.edits, text);
    case 'text':
      return changedLines(text, change.text);
    case 'hunks':
      return hunkLines(change.hunks, splitLines(text));
  }
}

function changedLines(before: string, after: string): readonly LineRange[] {
  return lineHunks(before, after).map(({ startLine, removedLines }) => ({
    start: startLine,
    end: startLine + Math.max(1, removedLines) - 1,
  }));
}

/** Edits apply one after the other: a later one may stand in what an earlier one wrote, so the result is compared as a whole. */
function replacedLines(edits: readonly TextReplacement[], text: string): readonly LineRange[] | undefined {
  const [only] = edits;
  if (edits.length === 1 && only !== undefined) return occurrences(only, text);
  let after = text;
  for (const { old, new: next, all } of edits) {
    if (old === '' || !after.includes(old)) return undefined;
    after = all ? after.split(old).join(next) : replaceFirst(after, old, next);
  }
  return changedLines(text, after);
}

function replaceFirst(text: string, old: string, next: string): string {
  const at = text.indexOf(old);
  return text.slice(0, at) + next + text.slice(at + old.length);
}

function occurrences({ old, all }: TextReplacement, text: string): readonly LineRange[] | undefined {
  if (old === '') return undefined;
  const ranges: LineRange[] = [];
  let line = 1;
  let from = 0;
  for (let at = text.indexOf(old); at !== -1; at = text.indexOf(old, at + old.length)) {
    line += count(text, from, at);
    from = at;
    // A break at the very end of the old text belongs to its last line.
    ranges.push({ start: line, end: line + count(old, 0, old.length - 1) });
    if (!all) break;
  }
  return ranges.length === 0 ? undefined : ranges;
}

function count(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

/** Finds each block behind the one before it, exactly, else without regard to blanks at line ends. */
function hunkLines(hunks: readonly PatchHunk[], lines: readonly string[]): readonly LineRange[] | undefined {
  const ranges: LineRange[] = [];
  let from = 0;
  for (const { anchor, lines: block } of hunks) {
    const anchored = anchor === undefined ? -1 : find(lines, [anchor], from);
    const start = anchored === -1 ? from : anchored + 1;
    const old = block.filter(({ sign }) => sign !== '+').map(({ text }) => text);
    const at = old.length === 0 ? start : find(lines, old, start);
    if (at === -1) return undefined;
    ranges.push(...touched(block, at + 1, lines.length));
    from = at + old.length;
  }
  return ranges;
}

function touched(block: PatchHunk['lines'], startLine: number, lineCount: number): readonly LineRange[] {
  const ranges: LineRange[] = [];
  let line = startLine;
  for (const { sign } of block) {
    const at = Math.min(Math.max(1, line), Math.max(1, lineCount));
    if (sign !== ' ') ranges.push({ start: at, end: at });
    if (sign !== '+') line += 1;
  }
  return ranges;
}

function find(lines: readonly string[], block: readonly string[], from: number): number {
  for (const same of [
    (a: string, b: string) => a === b,
    (a: string, b: string) => a.trimEnd() === b.trimEnd(),
    (a: string, b: string) => a.trim() === b.trim(),
  ]) {
    for (let at = from; at + block.length <= lines.length; at += 1) {
      if (block.every((line, step) => same(lines[at + step] ?? '', line))) return at;
    }
  }
  return -1;
}

function merge(ranges: readonly LineRange[]): readonly LineRange[] {
  const merged: LineRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && range.start <= last.end + 1)
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    else merged.push(range);
  }
  const [first, last] = [merged[0], merged.at(-1)];
  return merged.length > maxRanges && first !== undefined && last !== undefined
    ? [{ start: first.start, end: last.end }]
    : merged;
}
