/** The daemon's log out of its files: what is in it, and what comes. */
import { statSync } from 'node:fs';
import type { LogLevel } from '../base/log.ts';
import type { Redaction } from '../base/plain-value.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { logFiles } from '../home/log-file.ts';
import { LogTail } from '../home/log-tail.ts';
import { isAtLeast, type LogEntry, parseEntry, redactEntry, redactRaw } from './log-entry.ts';

export interface LogQuery {
  readonly level: LogLevel;
  /** Epoch ms. */
  readonly sinceMs: number | undefined;
  /** The newest so many; undefined for all. */
  readonly limit: number | undefined;
}

export interface LogReading {
  /** The oldest first. */
  readonly entries: readonly LogEntry[];
  readonly hasMore: boolean;
}

/** A key in its lines that the limit would cut through is longer than none of these. */
const linesOfKey = 200;
/** Lines of a crash that were shown and are not in the log yet. */
const maxRemembered = 1000;

/** The log, and the output of a crash that is not in it yet. Both are read as they are: there need be no daemon. */
export class LogReader {
  readonly #log: LogTail;
  readonly #stderr: LogTail;
  readonly #stderrPath: string;
  readonly #redaction: Redaction;
  #shownBefore: string[] = [];

  constructor({ daemonLog, daemonStderr }: HomePaths, redaction: Redaction) {
    this.#log = new LogTail(logFiles(daemonLog));
    this.#stderr = new LogTail([daemonStderr]);
    this.#stderrPath = daemonStderr;
    this.#redaction = redaction;
  }

  /** What is there now. To be called once, before `poll`. @param withTorn the last line too when it has no end. */
  read(query: LogQuery, withTorn: boolean): LogReading {
    const { limit = Number.POSITIVE_INFINITY, sinceMs } = query;
    const entries: LogEntry[] = [];
    // Lines without a time have that of the one before them, which comes after them here.
    let untimed: string[] = this.#stderrBacklog(withTorn, sinceMs);
    const flush = () => {
      entries.push(...redactRaw(untimed.reverse(), this.#redaction).toReversed());
      untimed = [];
    };
    this.#remember(redactRaw([...untimed].reverse(), this.#redaction));
    flush();
    for (const line of this.#log.backlog(withTorn)) {
      if (entries.length + untimed.length > limit + linesOfKey) break;
      const entry = parseEntry(line);
      if ('raw' in entry) {
        untimed.push(line);
        continue;
      }
      const isWanted = sinceMs === undefined || Date.parse(entry.time) >= sinceMs;
      if (isWanted) flush();
      untimed = [];
      if (isWanted && isAtLeast(entry, query.level)) entries.push(redactEntry(entry, this.#redaction));
    }
    if (sinceMs === undefined) flush();
    return { entries: entries.slice(0, limit).reverse(), hasMore: entries.length > limit };
  }

  /** What came since the last look, the oldest first. */
  poll(level: LogLevel): readonly LogEntry[] {
    const entries: LogEntry[] = [];
    let raw: string[] = [];
    const flush = () => {
      entries.push(...redactRaw(raw, this.#redaction));
      raw = [];
    };
    for (const line of this.#log.poll()) {
      const entry = parseEntry(line);
      if ('raw' in entry) {
        raw.push(line);
        continue;
      }
      flush();
      if (isAtLeast(entry, level) && !this.#wasShown(entry))
        entries.push(redactEntry(entry, this.#redaction));
    }
    flush();
    const fresh = redactRaw(this.#stderr.poll(), this.#redaction);
    this.#remember(fresh);
    return [...entries, ...fresh];
  }

  close(): void {
    this.#log.close();
    this.#stderr.close();
  }

  #stderrBacklog(withTorn: boolean, sinceMs: number | undefined): string[] {
    const lines = [...this.#stderr.backlog(withTorn)];
    const writtenMs = statSync(this.#stderrPath, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return sinceMs !== undefined && writtenMs < sinceMs ? [] : lines;
  }

  /** The daemon takes what came past its log over into it, a little later. */
  #remember(shown: readonly LogEntry[]): void {
    const texts = shown.flatMap((entry) => ('raw' in entry ? [entry.raw] : []));
    this.#shownBefore = [...this.#shownBefore, ...texts].slice(-maxRemembered);
  }

  #wasShown(entry: LogEntry): boolean {
    if ('raw' in entry || entry.fields.stderr !== true) return false;
    const at = this.#shownBefore.indexOf(entry.message);
    if (at === -1) return false;
    this.#shownBefore.splice(at, 1);
    return true;
  }
}
