/** From a tool call to what it writes. A tool that is not named here writes no file that we know of. */
import { isAbsolute, resolve } from 'node:path';
import { maxPathBytes } from '../base/limits.ts';
import { asRecord, type HookEvent } from './hook-event.ts';
import { parsePatch } from './patch-text.ts';
import { shellWrites } from './shell-writes.ts';
import { noWrites, type TextReplacement, type ToolWrites } from './write-target.ts';

/** Tools that only look at a file: afterwards the agent knows what stands there. */
const readingTools: ReadonlySet<string> = new Set(['Read', 'NotebookRead']);

type Fields = HookEvent['input'];

const readers: Readonly<Record<string, (input: Fields, cwd: string) => ToolWrites>> = {
  Edit: (input, cwd) => {
    const edit = replacement(input);
    return edit === undefined ? malformed('Edit') : file(input, 'file_path', cwd, 'Edit', [edit]);
  },
  MultiEdit: (input, cwd) => {
    const edits = Array.isArray(input.edits)
      ? input.edits.map((edit) => replacement(asRecord(edit) ?? {}))
      : [];
    const sound = edits.filter((edit) => edit !== undefined);
    if (sound.length === 0 || sound.length < edits.length) return malformed('MultiEdit');
    return file(input, 'file_path', cwd, 'MultiEdit', sound);
  },
  Write: (input, cwd) => {
    const path = pathOf(input, 'file_path', cwd);
    const { content } = input;
    if (path === undefined || typeof content !== 'string') return malformed('Write');
    return { targets: [{ path, kind: 'overwrite', change: { kind: 'text', text: content } }], unparsed: [] };
  },
  // Cells are no lines: the whole notebook is meant.
  NotebookEdit: (input, cwd) => {
    const path = pathOf(input, 'notebook_path', cwd);
    return path === undefined
      ? malformed('NotebookEdit')
      : { targets: [{ path, kind: 'edit' }], unparsed: [] };
  },
  apply_patch: (input, cwd) => {
    const text = input.command ?? input.input ?? input.patch;
    return typeof text === 'string' ? parsePatch(text, cwd) : malformed('apply_patch');
  },
  Bash: shell,
  shell,
  exec_command: shell,
  local_shell: shell,
};

/** Whether the tool runs programs: those may write anything. */
export function runsPrograms({ tool }: Pick<HookEvent, 'tool'>): boolean {
  return Object.hasOwn(readers, tool) && readers[tool] === shell;
}

export function toolWrites({ tool, input, cwd }: Pick<HookEvent, 'tool' | 'input' | 'cwd'>): ToolWrites {
  return Object.hasOwn(readers, tool) ? (readers[tool]?.(input, cwd) ?? noWrites) : noWrites;
}

/** The file that a reading tool has read whole or in part. */
export function toolReads({
  tool,
  input,
  cwd,
}: Pick<HookEvent, 'tool' | 'input' | 'cwd'>): string | undefined {
  if (!readingTools.has(tool)) return undefined;
  return pathOf(input, 'file_path', cwd) ?? pathOf(input, 'notebook_path', cwd);
}

function shell(input: Fields, cwd: string): ToolWrites {
  const { command, cmd, workdir } = input;
  const given = command ?? cmd;
  const start = typeof workdir === 'string' && workdir !== '' ? resolve(cwd, workdir) : cwd;
  if (typeof given === 'string') return shellWrites(given, start);
  if (!Array.isArray(given) || !given.every((word) => typeof word === 'string')) return malformed('shell');
  const words = given as readonly string[];
  if (words[0] === 'apply_patch' && words[1] !== undefined) return parsePatch(words[1], start);
  // An argument vector runs as it is: quoted, each word stays one word for our own reader. No shell sees it.
  return shellWrites(words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '), start);
}

function file(
  input: Fields,
  field: string,
  cwd: string,
  tool: string,
  edits: readonly TextReplacement[],
): ToolWrites {
  const path = pathOf(input, field, cwd);
  if (path === undefined) return malformed(tool);
  return { targets: [{ path, kind: 'edit', change: { kind: 'replace', edits } }], unparsed: [] };
}

function replacement(fields: Fields): TextReplacement | undefined {
  const { old_string: old, new_string: next, replace_all: all } = fields;
  return typeof old === 'string' && typeof next === 'string'
    ? { old, new: next, all: all === true }
    : undefined;
}

function pathOf(input: Fields, field: string, cwd: string): string | undefined {
  const path = input[field];
  if (typeof path !== 'string' || path === '' || path.length > maxPathBytes || path.includes('\0'))
    return undefined;
  return isAbsolute(path) ? path : resolve(cwd, path);
}

function malformed(tool: string): ToolWrites {
  return { targets: [], unparsed: [`the input of ${tool}`] };
}
