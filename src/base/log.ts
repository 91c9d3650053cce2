/**
 * The only file that writes to the console. The daemon logs one JSON object a line: in the foreground to standard error, in the
 * background to a file (home/log-file.ts). Commands write results to standard output and everything else to standard error.
 */
import { writeSync } from 'node:fs';
import { systemClock } from './clock.ts';
import { noRedaction, type PlainLimits, plainValue, type Redaction } from './plain-value.ts';

/** From the least severe on. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What a line is made of besides the fields of its caller, which may not take the place of these. */
const ownNames: ReadonlySet<string> = new Set(['time', 'level', 'message']);

/** A line is for reading: more of a stack or a list than this helps nobody. With every character escaped it has some 100 KiB. */
const lineLimits: PlainLimits = { depth: 6, entries: 200, chars: 16 * 1024 };

/**
 * A logger of JSON lines. What is less severe than `level` costs one comparison. A call never throws, whatever the fields are.
 * @param sink takes a whole line with its newline.
 */
export function createLogger(
  level: LogLevel,
  sink: (line: string) => void = writeErr,
  redaction: Redaction = noRedaction,
): Logger {
  const least = logLevels.indexOf(level);
  const writerOf = (at: LogLevel) =>
    logLevels.indexOf(at) < least
      ? () => {}
      : (message: string, fields: LogFields = {}) =>
          sink(encodeLogLine(systemClock.wallMs(), at, message, fields, redaction));
  return {
    debug: writerOf('debug'),
    info: writerOf('info'),
    warn: writerOf('warn'),
    error: writerOf('error'),
  };
}

/** For tests and for parts that have nothing to say. */
export const silentLogger: Logger = createLogger('error', () => {});

/** Controls that JSON leaves as they are, and what turns the direction of a line: a terminal that shows the file would obey them. */
const unprintable = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** One line, whatever is in it: JSON escapes the line breaks of a text. */
export function encodeLogLine(
  timeMs: number,
  level: LogLevel,
  message: string,
  fields: LogFields,
  redaction: Redaction,
): string {
  const plain = plainValue({ message, fields }, redaction, lineLimits) as {
    readonly message: string;
    readonly fields: LogFields | string;
  };
  const own = { time: new Date(timeMs).toISOString(), level, message: plain.message };
  const others = typeof plain.fields === 'string' ? [['fields', plain.fields]] : Object.entries(plain.fields);
  const renamed = others.map(([name, value]) => [ownNames.has(String(name)) ? `${name}_` : name, value]);
  const text = JSON.stringify({ ...own, ...Object.fromEntries(renamed) });
  return `${text.replace(unprintable, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

export function writeOut(text: string): void {
  writeWhole(1, text);
}

/** What cannot be written is dropped: a log file on a full disk is no reason to end a daemon that holds locks. */
export function writeErr(text: string): void {
  try {
    writeWhole(2, text);
  } catch {
    // There is nowhere left to say it.
  }
}

/** Synchronous, so that nothing is lost at exit. A pipe may take a part (EAGAIN: try again) or be gone (EPIPE: stop). */
function writeWhole(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EAGAIN') continue;
      if (code === 'EPIPE') return;
      throw error;
    }
  }
}
