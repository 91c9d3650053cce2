import { open } from 'node:fs/promises';
import { CollabError } from '../base/errors.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Config, configIssues, invalidConfig, resolveConfig, shown } from './config.ts';
import type { HomePaths } from './home-paths.ts';
import { type JsonDocument, jsonErrorOffset, lineAndColumn } from './json-document.ts';

export interface LoadedConfig {
  readonly config: Config;
  /** Sentences for the log: keys that mean nothing. */
  readonly warnings: readonly string[];
  /** The file as it stands, unknown keys and their order included. */
  readonly raw: JsonDocument;
}

/** Settings are some hundred bytes; a file of this size is something else. */
const maxConfigBytes = 1024 * 1024;

/**
 * Reads config.json; without one every setting has its default.
 *
 * @throws CONFIG_INVALID naming the file, the place or key, what was expected and what was found.
 */
export async function loadConfig(paths: HomePaths): Promise<LoadedConfig> {
  const raw = await readConfigDocument(paths);
  return Object.freeze({ ...resolveConfig(raw, paths.config), raw });
}

/** The file without a check of its settings, for `config reset`, which must work on a file that does not load. */
export async function readConfigDocument(paths: HomePaths): Promise<JsonDocument> {
  const text = await readText(paths.config);
  if (text === undefined) return {};
  const offset = jsonErrorOffset(text);
  if (offset !== undefined) {
    const { line, column } = lineAndColumn(text, offset);
    const what = offset >= text.length ? 'it ends too early' : `unexpected ${shown(text.charAt(offset))}`;
    throw damaged(paths.config, `is not JSON at line ${line}, column ${column}: ${what}`, { line, column });
  }
  const value = JSON.parse(text) as unknown;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw damaged(paths.config, `must hold a JSON object, found ${shown(value)}`);
  }
  return value as JsonDocument;
}

/**
 * Applies `change` (such as `(raw) => setSetting(raw, key, text)`) to the file and replaces it atomically. Writes
 * nothing that would not load, unless it has fewer faults than what is there: so a file with two is repaired key by key.
 * Two processes that change it in the same instant: the later one wins.
 *
 * @throws CONFIG_INVALID
 */
export async function updateConfig(
  paths: HomePaths,
  change: (raw: JsonDocument) => JsonDocument,
): Promise<JsonDocument> {
  const before = await readConfigDocument(paths);
  const after = change(before);
  if (after === before) return before;
  const issues = configIssues(after);
  if (issues.length > 0 && issues.length >= configIssues(before).length)
    throw invalidConfig(paths.config, issues);
  await writeFileAtomic(paths.config, `${JSON.stringify(after, null, 2)}\n`, { mode: 0o600 });
  return after;
}

/** undefined when there is no file. A byte order mark, as some editors write one, is passed over. */
async function readText(path: string): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxConfigBytes) throw damaged(path, `is ${size} bytes long, over ${maxConfigBytes}`);
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CollabError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    throw damaged(path, `cannot be read (${code ?? 'unknown error'})`, {}, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw damaged(path, 'is not UTF-8', {}, error);
  }
}

function damaged(
  path: string,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): CollabError {
  return new CollabError('CONFIG_INVALID', `${path} ${what}`, {
    next: `Correct ${path}, or move it away to run on defaults.`,
    details: { path, ...details },
    cause,
  });
}
