/** Reads the patch form of Codex's apply_patch: `*** Begin Patch`, then files to add, delete, update and move. */
import { resolve } from 'node:path';
import type { PatchHunk, ToolWrites, WriteTarget } from './write-target.ts';

const maxPatchChars = 1024 * 1024;
const header = /^\*\*\* (Add|Delete|Update) File: (.+)$/;

interface FilePart {
  readonly verb: 'Add' | 'Delete' | 'Update';
  readonly path: string;
  movedTo?: string;
  readonly body: string[];
}

/** @param cwd absolute: where the paths of the patch start. */
export function parsePatch(text: string, cwd: string): ToolWrites {
  if (text.length > maxPatchChars) return unparsed('the patch is too long');
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const begin = lines.findIndex((line) => line.trim() === '*** Begin Patch');
  const end = lines.findIndex((line, at) => at > begin && line.trim() === '*** End Patch');
  if (begin === -1 || end === -1) return unparsed('a patch without its begin or end');
  const parts: FilePart[] = [];
  for (const line of lines.slice(begin + 1, end)) {
    const [, verb, path] = header.exec(line) ?? [];
    const part = parts.at(-1);
    if (verb !== undefined && path !== undefined)
      parts.push({ verb: verb as FilePart['verb'], path: path.trim(), body: [] });
    else if (part === undefined) {
      if (line.trim() !== '') return unparsed('a patch that begins with no file');
    } else if (line.startsWith('*** Move to: ')) part.movedTo = line.slice('*** Move to: '.length).trim();
    else if (line.trim() !== '*** End of File') part.body.push(line);
  }
  return { targets: parts.flatMap((part) => targetsOf(part, cwd)), unparsed: [] };
}

function targetsOf({ verb, path, movedTo, body }: FilePart, cwd: string): readonly WriteTarget[] {
  const at = resolve(cwd, path);
  if (verb === 'Add') return [{ path: at, kind: 'create' }];
  if (verb === 'Delete') return [{ path: at, kind: 'delete' }];
  // The text goes away from where it was, so all of it is touched.
  if (movedTo !== undefined)
    return [
      { path: at, kind: 'delete' },
      { path: resolve(cwd, movedTo), kind: 'create' },
    ];
  return [{ path: at, kind: 'edit', change: { kind: 'hunks', hunks: hunksOf(body) } }];
}

function hunksOf(body: readonly string[]): readonly PatchHunk[] {
  const hunks: { anchor?: string; lines: { sign: ' ' | '-' | '+'; text: string }[] }[] = [];
  for (const line of body) {
    if (line.startsWith('@@')) {
      const anchor = line.slice(2).trim();
      hunks.push({ ...(anchor === '' ? {} : { anchor }), lines: [] });
      continue;
    }
    const hunk = hunks.at(-1) ?? { lines: [] };
    if (hunks.length === 0) hunks.push(hunk);
    const sign = line[0];
    if (sign === '-' || sign === '+' || sign === ' ') hunk.lines.push({ sign, text: line.slice(1) });
    // An empty line of the context is often written without its blank.
    else if (line === '') hunk.lines.push({ sign: ' ', text: '' });
  }
  return hunks.filter((hunk) => hunk.lines.length > 0);
}

function unparsed(reason: string): ToolWrites {
  return { targets: [], unparsed: [reason] };
}
