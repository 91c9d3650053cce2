/** A line of the daemon's log, read back and shown. */
import { type LogLevel, logLevels } from '../base/log.ts';
import { plainValue, type Redaction } from '../base/plain-value.ts';
import { oneLine, printable, type Screen } from './screen.ts';
import { clockTime } from './show-time.ts';

export interface LoggedEntry {
  /** ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** `raw`: no line of a logger, but what a crash or an older version wrote past it; or one that is damaged. */
export type LogEntry = LoggedEntry | { readonly raw: string };

/** More than a logger writes. */
const entryLimits = { depth: 12, entries: 10_000, chars: 512 * 1024 };

/** Once more: what an older version wrote has not been through a redaction, and who reads it may be an agent. */
export function redactEntry(entry: LoggedEntry, redaction: Redaction): LoggedEntry {
  return plainValue(entry, redaction, entryLimits) as LoggedEntry;
}

/** Of lines that follow one another: a key may stand in several. */
export function redactRaw(lines: readonly string[], redaction: Redaction): readonly LogEntry[] {
  if (lines.length === 0) return [];
  const shown = redaction.text(lines.join('\n')).split('\n');
  return shown.filter((line) => line.trim() !== '').map((raw) => ({ raw }));
}

export function parseEntry(line: string): LogEntry {
  try {
    const value = JSON.parse(line) as unknown;
    if (typeof value !== 'object' || value === null) return { raw: line };
    const { time, level, message, ...fields } = value as Readonly<Record<string, unknown>>;
    const isSound =
      typeof time === 'string' &&
      !Number.isNaN(Date.parse(time)) &&
      typeof message === 'string' &&
      isLevel(level);
    return isSound ? { time, level, message, fields } : { raw: line };
  } catch {
    return { raw: line };
  }
}

function isLevel(level: unknown): level is LogLevel {
  return (logLevels as readonly unknown[]).includes(level);
}

export function isAtLeast({ level }: LoggedEntry, least: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(least);
}

const styles = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const;
const messageChars = 4000;
const valueChars = 500;

/** `14:03:22  warn   message  name=value`; a text of several lines, such as a stack, stands below. */
export function entryText(entry: LogEntry, screen: Screen, nowMs: number): string {
  if ('raw' in entry) return `${oneLine(entry.raw, messageChars)}\n`;
  const { time, level, message, fields } = entry;
  const below: string[] = [];
  const beside: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string' && value.trim().includes('\n')) below.push(...linesBelow(name, value));
    else beside.push(`  ${screen.paint('dim', `${oneLine(name, 100)}=`)}${valueText(value)}`);
  }
  const head = [
    screen.paint('dim', clockTime(Date.parse(time), nowMs)),
    screen.paint(styles[level], level.padEnd(5)),
    oneLine(message, messageChars),
  ];
  return `${head.join('  ')}${beside.join('')}\n${below.map((line) => `    ${line}\n`).join('')}`;
}

function linesBelow(name: string, value: string): readonly string[] {
  const lines = printable(value)
    .split('\n')
    .map((line) => oneLine(line, messageChars))
    .filter((line) => line !== '');
  return [`${oneLine(name, 100)}:`, ...lines.map((line) => `  ${line}`)];
}

function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@+[\]-]+$/.test(value)) return oneLine(value, valueChars);
  return oneLine(JSON.stringify(value) ?? '', valueChars);
}
