/**
 * Changes single entries of a JSON or JSONC file and keeps every other byte of it: comments, order, indentation, what stands on one
 * line. jsonc-parser finds the places; its own edits would format the lines around them anew.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  findNodeAtLocation,
  getNodeValue,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
  visit,
} from 'jsonc-parser';
import { CollabError } from '../base/errors.ts';

/** @throws CLIENT_CONFIG_INVALID: a file that cannot be read whole is not written. */
export function parseSettings(file: string, text: string): Readonly<Record<string, unknown>> {
  const errors: ParseError[] = [];
  const root = parseTree(text.trim() === '' ? '{}' : text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined) {
    const line = text.slice(0, error.offset).split('\n').length;
    throw unreadable(file, `${printParseErrorCode(error.error)} in line ${line}`);
  }
  if (root?.type !== 'object') throw unreadable(file, 'it is no object');
  return getNodeValue(root) as Readonly<Record<string, unknown>>;
}

export function unreadable(file: string, why: string): CollabError {
  return new CollabError('CLIENT_CONFIG_INVALID', `${file} cannot be read: ${why}`, {
    next: 'Correct it, then run the setup again; it was left as it is.',
    details: { file },
  });
}

/** Sets the value at a path of keys, unless it stands there already. */
export function withValue(text: string, path: JSONPath, value: unknown): string {
  const source = text.trim() === '' ? '{}\n' : text;
  const root = treeOf(source);
  const present = findNodeAtLocation(root, path);
  if (present !== undefined) {
    if (isDeepStrictEqual(getNodeValue(present), value)) return text;
    return spliced(
      source,
      present.offset,
      present.offset + present.length,
      printed(source, value, indentAt(source, present.offset)),
    );
  }
  // The innermost object that is there gets the rest of the path in one entry.
  let depth = path.length - 1;
  while (depth > 0 && findNodeAtLocation(root, path.slice(0, depth)) === undefined) depth -= 1;
  const parent = depth === 0 ? root : (findNodeAtLocation(root, path.slice(0, depth)) ?? root);
  const inner = path.slice(depth + 1).reduceRight<unknown>((value, key) => ({ [key]: value }), value);
  return inserted(
    source,
    parent,
    (indent) => `${JSON.stringify(path[depth])}: ${printed(source, inner, indent)}`,
  );
}

/** Adds to the end of a list. */
export function withItem(text: string, path: JSONPath, value: unknown): string {
  const list = text.trim() === '' ? undefined : findNodeAtLocation(treeOf(text), path);
  if (list?.type !== 'array') return withValue(text, path, [value]);
  return inserted(text, list, (indent) => printed(text, value, indent));
}

/** Removes the entry at a path, and the objects and lists around it that it leaves empty. */
export function without(text: string, path: JSONPath): string {
  const found = text.trim() === '' ? undefined : findNodeAtLocation(treeOf(text), path);
  if (found === undefined) return text;
  const node = found.parent?.type === 'property' ? found.parent : found;
  const changed = removed(text, node);
  const around = path.slice(0, -1);
  const left = around.length === 0 ? undefined : findNodeAtLocation(treeOf(changed), around);
  return left !== undefined && (left.children ?? []).length === 0 ? without(changed, around) : changed;
}

export function valueAt(value: unknown, path: JSONPath): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<string | number, unknown>>)[key]
        : undefined,
    value,
  );
}

function treeOf(text: string): Node {
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) throw unreadable('the file', 'it is empty');
  return root;
}

/** A child more at the end of an object or list; a comment behind the last one stays behind it. */
function inserted(text: string, container: Node, write: (indent: string) => string): string {
  const eol = eolOf(text);
  const outer = indentAt(text, container.offset);
  const last = container.children?.at(-1);
  if (last === undefined) {
    const indent = outer + unitOf(text);
    const open = container.offset + 1;
    const rest = text.slice(open, container.offset + container.length - 1).trimEnd();
    return spliced(
      text,
      open,
      container.offset + container.length - 1,
      `${rest}${eol}${indent}${write(indent)}${eol}${outer}`,
    );
  }
  const isAlone = /^[ \t]*$/.test(text.slice(text.lastIndexOf('\n', last.offset) + 1, last.offset));
  const indent = isAlone ? indentAt(text, last.offset) : outer + unitOf(text);
  const end = last.offset + last.length;
  const comma = commaAfter(text, end);
  const behind =
    /^[ \t]*(?:\/\/[^\n\r]*|\/\*[^\n]*?\*\/)?[ \t]*(?=\r?\n)/.exec(text.slice(comma ?? end))?.[0] ?? '';
  const at = (comma ?? end) + behind.length;
  const content = `${eol}${indent}${write(indent)}${comma === undefined ? '' : ','}`;
  return `${text.slice(0, comma ?? end)}${comma === undefined ? ',' : ''}${behind}${content}${text.slice(at)}`;
}

function removed(text: string, node: Node): string {
  const siblings = node.parent?.children ?? [];
  const at = siblings.indexOf(node);
  const [before, next] = [siblings[at - 1], siblings[at + 1]];
  const [start, end] = [node.offset, node.offset + node.length];
  if (next !== undefined) {
    const gap = text.slice(end, next.offset).replace(',', '').trimStart();
    return spliced(text, start, next.offset, gap);
  }
  if (before !== undefined) {
    const from = before.offset + before.length;
    const comma = commaAfter(text, from) ?? from;
    const own = commaAfter(text, end);
    // What is between the comma and us is a comment on the one before. A file with commas behind the last entry keeps its own.
    const head = own === undefined ? text.slice(0, comma - 1) : text.slice(0, comma);
    return joined(head + text.slice(comma, start).trimEnd(), text.slice(own ?? end));
  }
  const parent = node.parent;
  if (parent === undefined) return text;
  const close = parent.offset + parent.length - 1;
  const behind = text.slice(commaAfter(text, end) ?? end, close).trimEnd();
  return joined(joined(text.slice(0, start).trimEnd(), behind), text.slice(close));
}

/** `left` and what comes behind it, on a line of its own when `left` ends in a comment that would swallow it. */
function joined(left: string, right: string): string {
  let isOpen = false;
  visit(left, {
    onComment: (offset, length) => {
      isOpen = offset + length === left.length && left.startsWith('//', offset);
    },
  });
  const needsLine = isOpen && right !== '' && !/^\r?\n/.test(right);
  return left + (needsLine ? eolOf(left) : '') + right;
}

/** Just behind the comma that follows, past blanks and comments; undefined when there is none. */
function commaAfter(text: string, from: number): number | undefined {
  const found = /^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*,/.exec(text.slice(from));
  return found === null ? undefined : from + found[0].length;
}

function spliced(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}

function printed(text: string, value: unknown, indent: string): string {
  return JSON.stringify(value, null, unitOf(text)).replaceAll('\n', `${eolOf(text)}${indent}`);
}

function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset))?.[0] ?? '';
}

/** As the file is written already: two blanks where nothing shows. */
function unitOf(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
}

function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}
