/**
 * Sets one table of a TOML file as text, and leaves all other lines alone: comments and order stay. The file is parsed before and after,
 * and a change that would reach further than the table is refused.
 */
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'smol-toml';
import { unreadable } from './json-settings.ts';

type Table = Readonly<Record<string, unknown>>;

/** @param entry undefined removes the table. @throws CLIENT_CONFIG_INVALID */
export function withTable(
  file: string,
  text: string,
  [parent, name]: readonly [string, string],
  entry: Readonly<Record<string, string | readonly string[]>> | undefined,
): string {
  const before = parseToml(file, text);
  const present = tableAt(before, parent, name);
  if (entry === undefined && present === undefined) return text;
  if (entry !== undefined && present !== undefined && holds(present, entry)) return text;
  const lines = text.split('\n');
  const header = new RegExp(
    `^\\s*\\[\\s*${parent}\\s*\\.\\s*(?:${name}|"${name}"|'${name}')\\s*\\]\\s*(?:#.*)?$`,
  );
  const start = lines.findIndex((line) => header.test(line));
  if (start === -1 && present !== undefined)
    throw unreadable(file, `${parent}.${name} is not written as a table of its own`);
  const changed = start === -1 ? appended(text, parent, name, entry ?? {}) : replaced(lines, start, entry);
  const after = parseToml(file, changed);
  if (!isDeepStrictEqual(remainder(after, parent, name), remainder(before, parent, name)))
    throw unreadable(file, `${parent}.${name} cannot be changed without touching what stands around it`);
  return changed;
}

function parseToml(file: string, text: string): Table {
  try {
    return parse(text);
  } catch (error) {
    throw unreadable(file, error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
}

function tableAt(document: Table, parent: string, name: string): Table | undefined {
  const table = (document[parent] as Table | undefined)?.[name];
  return typeof table === 'object' && table !== null ? (table as Table) : undefined;
}

/** Further keys of the table are its user's. */
function holds(present: Table, entry: Table): boolean {
  return Object.entries(entry).every(([key, value]) => isDeepStrictEqual(present[key], value));
}

function appended(text: string, parent: string, name: string, entry: Table): string {
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n';
  return `${text}${gap}[${parent}.${name}]\n${linesOf(entry).join('\n')}\n`;
}

/** Of the table's own lines those of our keys go; a key may take several lines, so the table must parse line by line. */
function replaced(lines: readonly string[], start: number, entry: Table | undefined): string {
  const found = lines.findIndex((line, at) => at > start && /^\s*\[/.test(line));
  const end = found === -1 ? lines.length : found;
  if (entry === undefined) {
    // The blank line that set it apart goes with it.
    const from = start > 0 && lines[start - 1]?.trim() === '' ? start - 1 : start;
    const rest = [...lines.slice(0, from), ...trailingGap(lines, start, end), ...lines.slice(end)];
    return rest.join('\n');
  }
  const own = new RegExp(`^\\s*(?:${Object.keys(entry).join('|')})\\s*=`);
  const kept = lines.slice(start + 1, end).filter((line) => !own.test(line));
  return [...lines.slice(0, start + 1), ...linesOf(entry), ...kept, ...lines.slice(end)].join('\n');
}

/** Blank lines and comments at the end of a table belong to what comes next. */
function trailingGap(lines: readonly string[], start: number, end: number): readonly string[] {
  if (end === lines.length) return [''];
  let from = end;
  while (from > start + 1 && /^\s*(#.*)?$/.test(lines[from - 1] ?? '')) from -= 1;
  return lines.slice(from, end);
}

function linesOf(entry: Table): readonly string[] {
  // A JSON string is a TOML basic string as well.
  return Object.entries(entry).map(
    ([key, value]) => `${key} = ${JSON.stringify(value).replaceAll('","', '", "')}`,
  );
}

function remainder(document: Table, parent: string, name: string): unknown {
  const { [parent]: inner, ...rest } = document;
  const { [name]: _, ...others } = (inner ?? {}) as Table;
  return Object.keys(others).length === 0 ? rest : { ...rest, [parent]: others };
}
