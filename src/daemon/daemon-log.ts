/** The log of a daemon: where its lines go, and what is left out of them. */
import { systemClock } from '../base/clock.ts';
import {
  createLogger,
  encodeLogLine,
  type LogFields,
  type Logger,
  type LogLevel,
  writeErr,
} from '../base/log.ts';
import type { HomePaths } from '../home/home-paths.ts';
import { LogFile } from '../home/log-file.ts';
import { type RawOutput, takeRawOutput } from '../home/raw-output.ts';
import { HomeSecrets } from './home-secrets.ts';
import { createRedaction } from './log-redaction.ts';

export interface DaemonLog {
  readonly logger: Logger;
  /** To be called once the data directory is this process's: from then on what comes past the log is taken over into it. */
  own(): void;
  close(): void;
}

/** How long output that came past the log stands outside of it. */
const takeEveryMs = 1000;
const rawFd = 2;

/** In the foreground: to standard error, for whoever sees or redirects it. */
export function openForegroundLog(paths: HomePaths, level: LogLevel): DaemonLog {
  const secrets = new HomeSecrets(paths);
  const redaction = createRedaction(() => secrets.current());
  return { logger: createLogger(level, writeErr, redaction), own: () => {}, close: () => {} };
}

/** In the background: to a file that rotates. */
export function openBackgroundLog(paths: HomePaths, level: LogLevel): DaemonLog {
  const secrets = new HomeSecrets(paths);
  const redaction = createRedaction(() => secrets.current());
  const line = (at: LogLevel, message: string, fields: LogFields) =>
    encodeLogLine(systemClock.wallMs(), at, message, fields, redaction);
  const file = new LogFile(paths.daemonLog, {
    missedLine: (lines) => line('warn', 'lines of this log could not be written before this one', { lines }),
  });
  file.open();
  const keep = ({ lines, skippedBytes, writtenMs }: RawOutput): boolean => {
    const fields = { stderr: true, writtenAt: new Date(writtenMs).toISOString() };
    const skipped = skippedBytes === 0 ? [] : [`${skippedBytes} bytes of output are left out here`];
    // Together, so that a key over several lines is found.
    const shown = redaction.text([...skipped, ...lines].join('\n')).split('\n');
    return shown.every((text) => file.write(line('error', text, fields)));
  };
  const takeOver = () => {
    try {
      takeRawOutput(rawFd, keep);
    } catch {
      // It stays where it is. A log has nowhere to complain to.
    }
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    logger: createLogger(level, (text) => void file.write(text), redaction),
    own: () => {
      takeOver();
      timer = setInterval(takeOver, takeEveryMs).unref();
    },
    close: () => {
      if (timer !== undefined) takeOver();
      clearInterval(timer);
      file.close();
    },
  };
}
