/**
 * The only file that writes to the console. The daemon logs one JSON object a line to standard error; a file
 * gets it by redirection. Commands write results to standard output and everything else to standard error.
 */
import { writeSync } from 'node:fs';
import { systemClock } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A logger of JSON lines. `sink` takes a whole line with its newline. */
export function createLogger(level: LogLevel, sink: (line: string) => void = writeErr): Logger {
  const write = (at: LogLevel, message: string, fields: LogFields = {}) => {
    if (rank[at] < rank[level]) return;
    sink(
      `${JSON.stringify({ time: new Date(systemClock.wallMs()).toISOString(), level: at, message, ...fields })}\n`,
    );
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}

/** For tests and for parts that have nothing to say. */
export const silentLogger: Logger = createLogger('error', () => {});

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
