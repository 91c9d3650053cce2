/** From a document of the older program to the delta that `context share` would have made of it. */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import type { AgentId, ProjectId } from '../base/ids.ts';
import { maxAgentChars, maxDeltaBytes, maxPathBytes, maxPayloadDepth } from '../base/limits.ts';
import type { DeltaDraft, DeltaPayload } from '../delta/delta.ts';
import { type LegacyDocument, wellFormed } from './legacy-document.ts';

export interface ImportTarget {
  readonly project: ProjectId;
  /** Last part of a directory that absolute paths of the older program led through: its project's name. */
  readonly projectName: string | undefined;
  /** Tops of the working tree, in every spelling that paths may have; empty when it is not known. */
  readonly roots: readonly string[];
}

/** `legacy` in the metadata of an imported context: what the older program said of it. */
export interface LegacyMark {
  readonly id: string;
  readonly collection: string;
  readonly file_path?: string;
  /** Id of an earlier document of the same collection and path with the same content. */
  readonly duplicate_of?: string;
  /** Bytes that the whole content had, when it is cut. */
  readonly whole_bytes?: number;
  readonly [attribute: string]: string | number | undefined;
}

/** Whose contexts are of nobody that the older program named. */
const unknownAgent = 'legacy';
const maxTags = 50;
const maxTagChars = 100;
const maxSegmentBytes = 255;
/** Of an id or an attribute in a context that has to be cut. */
const maxNameBytes = 1024;
/** Of a delta beside its payload: ids, time, project, deps. */
const reserveBytes = 8 * 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacters = /[\u0000-\u001f\u007f]/;

/** @param duplicateOf see `LegacyMark.duplicate_of`. */
export function importedContext(
  document: LegacyDocument,
  target: ImportTarget,
  duplicateOf: string | undefined,
): DeltaDraft {
  return {
    agent: agentOf(document.metadata),
    project: target.project,
    type: 'context',
    payload: payloadOf(document, importedPath(document, target), duplicateOf),
  };
}

function payloadOf(document: LegacyDocument, path: string, duplicateOf: string | undefined): DeltaPayload {
  const { id, collection, attributes, filePath } = document;
  const legacy: LegacyMark = {
    id,
    collection,
    ...attributes,
    ...(filePath === undefined ? {} : { file_path: filePath }),
    ...(duplicateOf === undefined ? {} : { duplicate_of: duplicateOf }),
  };
  const tags = tagsOf(document.metadata);
  const parts = { path, ...(tags.length === 0 ? {} : { tags }) };
  return { ...parts, content: document.content, metadata: { ...document.metadata, legacy } };
}

/**
 * The same with less, for a context over the limit of a delta: its metadata goes, then the end of its content, and both are said in
 * what is left. Names of any length are cut too, so there is always room.
 */
export function shortened(draft: DeltaDraft, document: LegacyDocument, file: string): DeltaDraft {
  const { metadata, content, ...rest } = draft.payload;
  const legacy = withShortNames((metadata as { readonly legacy: LegacyMark }).legacy);
  const wholeBytes = Buffer.byteLength(document.content);
  const mark = { ...legacy, metadata_dropped: 1, whole_bytes: wholeBytes };
  const note = `\n[cut by agent-collab migrate: the whole text of ${wholeBytes} bytes is in vectors/${file}, document ${legacy.id}]`;
  const others = Buffer.byteLength(JSON.stringify({ ...rest, mark })) + Buffer.byteLength(note);
  const room = maxDeltaBytes - reserveBytes - others;
  assert(room > 0, 'names are short enough');
  const kept = cutAt(document.content, room);
  const isCut = kept.length < document.content.length;
  return {
    ...draft,
    payload: {
      ...rest,
      content: isCut ? kept + note : kept,
      metadata: { legacy: isCut ? mark : { ...legacy, metadata_dropped: 1 } },
    },
  };
}

function withShortNames(mark: LegacyMark): LegacyMark {
  const short = ([name, value]: readonly [string, string | number | undefined]) =>
    [name, typeof value === 'string' ? cutAt(value, maxNameBytes) : value] as const;
  return Object.fromEntries(Object.entries(mark).map(short)) as LegacyMark;
}

/** The start of a text, of at most so many bytes, without half a character. */
function cutAt(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return encoded.toString('utf8', 0, end);
}

function agentOf(metadata: Readonly<Record<string, unknown>>): AgentId {
  for (const name of ['agent', 'agent_id', 'agent_name']) {
    const agent = metadata[name];
    const fits =
      typeof agent === 'string' &&
      agent !== '' &&
      agent.length <= maxAgentChars &&
      !controlCharacters.test(agent);
    if (fits) return wellFormed(agent) as AgentId;
  }
  return unknownAgent as AgentId;
}

function tagsOf(metadata: Readonly<Record<string, unknown>>): readonly string[] {
  const { tags } = metadata;
  if (!Array.isArray(tags)) return [];
  const words = tags.filter(
    (it): it is string => typeof it === 'string' && it !== '' && it.length <= maxTagChars,
  );
  return [...new Set(words.map(wellFormed))].slice(0, maxTags);
}

/** True when a payload may be nested like this: deeper ones could exhaust the stack of whoever decodes them. */
export function fitsDepth(value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxPayloadDepth) return false;
    level = level.flatMap((it) => (typeof it === 'object' && it !== null ? Object.values(it) : []));
  }
  return true;
}

/**
 * Relative to the project, POSIX, normalised. By the text alone: files may have gone since, and the same document must give the
 * same path on every run. Where that leads nowhere, a path that no file has.
 */
function importedPath(document: LegacyDocument, target: ImportTarget): string {
  const { filePath } = document;
  const path = filePath === undefined ? undefined : repoPath(filePath, target);
  return path ?? ['vectors', document.collection, document.id].map(asSegment).join('/');
}

function repoPath(filePath: string, { roots, projectName }: ImportTarget): string | undefined {
  const text = filePath.normalize('NFC').replaceAll('\\', '/');
  const relative = /^([A-Za-z]:)?\//.test(text) ? belowRoot(posix.normalize(text), roots, projectName) : text;
  if (relative === undefined || controlCharacters.test(relative) || /\p{Surrogate}/u.test(relative))
    return undefined;
  const path = posix.normalize(relative).replace(/\/$/, '');
  const segments = path.split('/');
  const fits =
    segments[0] !== '..' &&
    !segments.includes('.git') &&
    segments.every((it) => Buffer.byteLength(it) <= maxSegmentBytes) &&
    Buffer.byteLength(path) <= maxPathBytes;
  return fits ? path : undefined;
}

/** An absolute path: below a known top, else behind the directory that is named like the project, as it was on another machine. */
function belowRoot(
  text: string,
  roots: readonly string[],
  projectName: string | undefined,
): string | undefined {
  for (const root of roots) {
    if (text === root) return '.';
    if (text.startsWith(`${root}/`)) return text.slice(root.length + 1);
  }
  const segments = text.split('/');
  const names = [projectName, ...roots.map((root) => posix.basename(root))];
  const at = segments.findIndex((it) => it !== '' && names.includes(it));
  return at === -1 || at === segments.length - 1 ? undefined : segments.slice(at + 1).join('/');
}

function asSegment(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const plain = text.replace(/[/\\\u0000-\u001f\u007f]|\p{Surrogate}/gu, '_').slice(0, 80);
  return plain === '' || plain === '.' || plain === '..' || plain === '.git' ? `_${plain}` : plain;
}
