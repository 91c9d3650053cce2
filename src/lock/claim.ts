/** What an agent asks for, and how a claim from outside is checked. */
import { CollabError } from '../base/errors.ts';
import type { AgentId, ProjectId, RepoPath } from '../base/ids.ts';
import {
  maxAgentChars,
  maxIntentionChars,
  maxPathBytes,
  maxProjectBytes,
  maxSymbolChars,
  maxTargets,
} from '../base/limits.ts';
import { compileGlob, isGlob, maxGlobAlternatives, maxGlobChars } from './glob.ts';
import { lastLine, maxLine, type Scope, symbolKinds, wholeFile } from './scope.ts';
import { sameTarget, type Target } from './target.ts';

export type LockMode = 'exclusive' | 'shared';

export interface Claim {
  readonly agent: AgentId;
  readonly agentName?: string;
  /** One or several, all or nothing, without duplicates. */
  readonly targets: readonly Target[];
  readonly mode: LockMode;
  readonly intention: string;
  readonly ttlMs: number;
  /** Each level is worth `ageingMs` of waiting. */
  readonly priority: number;
  /** Hash of the file as the agent saw it; kept for comparing, never looked into. */
  readonly contentHash?: string;
}

export interface ParsedClaim {
  readonly claim: Claim;
  readonly waitMs: number;
}

export interface ClaimLimits {
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
}

/** The longest that one claim may wait, in ms: longer than any lease lives without its holder's activity. */
export const maxWaitMs = 3_600_000;
/** Priorities from -10 to 10: with the default ageing the highest is worth 100 s of waiting over none. */
const maxPriority = 10;
/** Longest content hash, in characters: a SHA-512 in hexadecimal with its name fits. */
const maxHashChars = 200;

type Fields = Readonly<Record<string, unknown>>;

/**
 * A claim from outside. `agent`, `targets` and `intention` are required; `mode` is `exclusive`, `ttlMs` the
 * default, `priority` and `waitMs` 0 unless given. Duplicate targets become one.
 * @throws INVALID_ARGUMENT with `details.field`, or INVALID_PATH, naming the first field that is wrong.
 */
export function parseClaim(raw: unknown, limits: ClaimLimits): ParsedClaim {
  const fields = asFields(raw, 'claim');
  const { agentName, mode, ttlMs, priority, waitMs, contentHash } = fields;
  const claim: Claim = {
    agent: parseText(fields.agent, 'agent', maxAgentChars) as AgentId,
    ...(agentName === undefined ? {} : { agentName: parseText(agentName, 'agentName', maxAgentChars) }),
    targets: parseTargets(fields.targets),
    mode: mode === undefined ? 'exclusive' : parseMode(mode),
    intention: parseIntention(fields.intention, 'intention'),
    ttlMs: ttlMs === undefined ? limits.defaultTtlMs : parseTtl(ttlMs, limits.maxTtlMs),
    priority: priority === undefined ? 0 : parsePriority(priority),
    ...(contentHash === undefined
      ? {}
      : { contentHash: parseText(contentHash, 'contentHash', maxHashChars) }),
  };
  return { claim, waitMs: waitMs === undefined ? 0 : parseWait(waitMs) };
}

/**
 * A target from outside: `{project, path, scope?}`, the path already normalised by project/.
 * @throws INVALID_ARGUMENT with `details.field`, or INVALID_PATH.
 */
export function parseTarget(raw: unknown, field = 'target'): Target {
  const fields = asFields(raw, field);
  const project = parseText(fields.project, `${field}.project`, maxProjectBytes) as ProjectId;
  const path = parsePath(fields.path, `${field}.path`);
  const scope = fields.scope === undefined ? wholeFile : parseScope(fields.scope, `${field}.scope`);
  if (isGlob(path)) {
    if (scope.kind !== 'file') {
      throw invalid(`${field}.scope`, 'a glob locks whole files', 'Leave the scope out, or name one file.');
    }
    if (compileGlob(path) === undefined) {
      const limits = `at most ${maxGlobChars} characters and ${maxGlobAlternatives} alternatives`;
      throw invalid(`${field}.path`, `a glob may have ${limits}`, 'Split it into several targets.');
    }
  }
  return { project, path, scope };
}

/** @throws INVALID_ARGUMENT with `details.field`. */
function parseScope(raw: unknown, field = 'scope'): Scope {
  const fields = asFields(raw, field);
  if (fields.kind === 'file') return wholeFile;
  if (fields.kind === 'lines') return parseLines(fields, field);
  if (fields.kind === 'symbol') {
    const symbol = symbolKinds.find((kind) => kind === fields.symbol);
    if (symbol === undefined) {
      throw invalid(`${field}.symbol`, `must be one of ${symbolKinds.join(', ')}`);
    }
    return { kind: 'symbol', symbol, name: parseText(fields.name, `${field}.name`, maxSymbolChars) };
  }
  throw invalid(`${field}.kind`, 'must be file, lines or symbol');
}

/** The time that a lease lives without activity, in ms. @throws INVALID_ARGUMENT. */
export function parseTtl(raw: unknown, maxTtlMs: number): number {
  const ttlMs = asNumber(raw, 'ttlMs');
  if (!(ttlMs > 0 && ttlMs <= maxTtlMs)) {
    throw invalid(
      'ttlMs',
      `must be over 0 and at most ${maxTtlMs} ms`,
      'Renew the lock to hold it for longer.',
    );
  }
  return ttlMs;
}

/** An intention, or the reason of a forced release. @throws INVALID_ARGUMENT. */
export function parseIntention(raw: unknown, field: string): string {
  const text = typeof raw === 'string' ? raw.trim() : '';
  // Line breaks and tabs are welcome; other control characters could steer the terminal of whoever reads it.
  if (text === '' || text.length > maxIntentionChars || /[^\P{Cc}\t\n\r]/u.test(text)) {
    throw invalid(
      field,
      `must have 1 to ${maxIntentionChars} characters and no control characters`,
      'Say in a sentence what is being done: others read it when they are refused.',
    );
  }
  return text;
}

/** @throws INVALID_ARGUMENT. */
function parseWait(raw: unknown): number {
  const waitMs = asNumber(raw, 'waitMs');
  if (!(waitMs >= 0 && waitMs <= maxWaitMs)) throw invalid('waitMs', `must be 0 to ${maxWaitMs} ms`);
  return waitMs;
}

function parsePriority(raw: unknown): number {
  const priority = asNumber(raw, 'priority');
  if (!Number.isInteger(priority) || Math.abs(priority) > maxPriority) {
    throw invalid('priority', `must be a whole number from -${maxPriority} to ${maxPriority}`);
  }
  return priority;
}

function parseMode(raw: unknown): LockMode {
  if (raw !== 'exclusive' && raw !== 'shared') throw invalid('mode', 'must be exclusive or shared');
  return raw;
}

function parseTargets(raw: unknown): readonly Target[] {
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > maxTargets) {
    throw invalid('targets', `must be a list of 1 to ${maxTargets} targets`);
  }
  const targets: Target[] = [];
  raw.forEach((item: unknown, at) => {
    const target = parseTarget(item, `targets[${at}]`);
    if (!targets.some((known) => sameTarget(known, target))) targets.push(target);
  });
  return targets;
}

function parseLines(fields: Fields, field: string): Scope {
  const start = parseLine(fields.start, `${field}.start`);
  const end = fields.end === -1 ? -1 : parseLine(fields.end, `${field}.end`);
  if (start > lastLine(end)) {
    throw invalid(`${field}.end`, `line ${end} comes before line ${start}`, 'Give the smaller line first.');
  }
  return { kind: 'lines', start, end };
}

function parseLine(raw: unknown, field: string): number {
  const line = asNumber(raw, field);
  if (!Number.isInteger(line) || line < 1 || line > maxLine) {
    throw invalid(
      field,
      `must be a whole number from 1 to ${maxLine}`,
      'Lines count from 1; an end of -1 means to the end.',
    );
  }
  return line;
}

/** project/ normalises paths; what is not in that form got round it, and would not be compared rightly. */
function parsePath(raw: unknown, field: string): RepoPath {
  if (typeof raw !== 'string') throw invalid(field, 'must be a text');
  const problem = pathProblem(raw);
  if (problem === undefined) return raw as RepoPath;
  throw new CollabError('INVALID_PATH', `${field} ${problem}`, {
    next: 'Give a path inside the repository, relative to its root.',
    details: { field },
  });
}

function pathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.includes('\0')) return 'holds a NUL';
  if (Buffer.byteLength(path) > maxPathBytes) return `is over ${maxPathBytes} bytes`;
  if (path === '.') return undefined;
  const odd =
    path.includes('\\') || path.split('/').some((name) => name === '' || name === '.' || name === '..');
  return odd ? 'is not a normalised repository path' : undefined;
}

/** Lengths count UTF-16 units; a project's limit in bytes is checked where projects are made. */
function parseText(raw: unknown, field: string, maxChars: number): string {
  if (typeof raw !== 'string' || raw.trim() === '' || raw.length > maxChars || /\p{Cc}/u.test(raw)) {
    throw invalid(field, `must be a text of 1 to ${maxChars} characters without control characters`);
  }
  return raw;
}

function asNumber(raw: unknown, field: string): number {
  if (typeof raw !== 'number') throw invalid(field, 'must be a number');
  return raw;
}

function asFields(raw: unknown, field: string): Fields {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw invalid(field, 'must be an object');
  return raw as Fields;
}

function invalid(field: string, what: string, next?: string): CollabError {
  return new CollabError('INVALID_ARGUMENT', `${field} ${what}`, {
    next: next ?? `Correct ${field} and ask again.`,
    details: { field },
  });
}
