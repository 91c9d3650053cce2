/** The daemon's log, which is wanted most when the daemon is gone. */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../base/clock.ts';
import { CollabError } from '../../base/errors.ts';
import { type LogLevel, writeErr } from '../../base/log.ts';
import { HomeSecrets } from '../../daemon/home-secrets.ts';
import { createRedaction } from '../../daemon/log-redaction.ts';
import { type HomePaths, homePaths } from '../../home/home-paths.ts';
import { processLives } from '../../home/prepare-home.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { readDaemonAddress } from '../daemon-address.ts';
import { entryText, type LogEntry } from '../log-entry.ts';
import { type LogQuery, LogReader } from '../read-log.ts';
import type { Screen } from '../screen.ts';
import { assertSome } from './log.ts';

const shownLines = 100;
/** As `tail -f` does. */
const followedLines = 10;
/** Nothing tells across processes, rotations and a directory that is made anew when a line comes. */
const pollMs = 200;

export const logs: CommandRun<'logs'> = async (args, context) => {
  const paths = homePaths(context.home);
  const secrets = new HomeSecrets(paths);
  const reader = new LogReader(
    paths,
    createRedaction(() => secrets.current()),
  );
  const usual = args.follow ? followedLines : shownLines;
  const query: LogQuery = {
    // One of the choices of commands.ts, which are levels.
    level: (args.level ?? 'debug') as LogLevel,
    sinceMs: args.since,
    limit: args.limit ?? (args.since === undefined ? usual : undefined),
  };
  try {
    if (args.follow) return await follow(reader, query, context, paths);
    assertSome(args.limit);
    const { entries, hasMore } = reader.read(query, true);
    const note = entries.length === 0 ? emptyNote(paths) : undefined;
    return {
      data: { file: paths.daemonLog, entries, more: hasMore, ...(note === undefined ? {} : { note }) },
      text: (screen) => note ?? listing(entries, hasMore, screen),
    };
  } catch (error) {
    throw unreadable(error, paths);
  } finally {
    reader.close();
  }
};

async function follow(
  reader: LogReader,
  query: LogQuery,
  context: CommandContext,
  paths: HomePaths,
): Promise<undefined> {
  const signal = context.interruption();
  const print = async (entries: readonly LogEntry[]) => {
    for (const entry of entries)
      await context.emit(entry, (screen) => entryText(entry, screen, systemClock.wallMs()));
  };
  const { entries } = reader.read(query, false);
  if (entries.length === 0 && query.limit !== 0) writeErr(`${emptyNote(paths)}waiting for lines\n`);
  await print(entries);
  while (!signal.aborted) {
    await print(reader.poll(query.level));
    // Ctrl-C ends the wait, which is all that its error says.
    await delay(pollMs, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

function listing(entries: readonly LogEntry[], hasMore: boolean, screen: Screen): string {
  const nowMs = systemClock.wallMs();
  const lines = entries.map((entry) => entryText(entry, screen, nowMs));
  const more = hasMore ? screen.paint('dim', `There is more: --limit ${entries.length * 2}`) : '';
  return `${more === '' ? '' : `${more}\n`}${lines.join('')}`;
}

/** Why there is nothing: there is a log that says nothing of it, or none at all. */
function emptyNote({ root, daemonLog }: HomePaths): string {
  if (existsSync(daemonLog)) return 'nothing in the log of the daemon that fits\n';
  const address = readDaemonAddress(root);
  const where =
    address !== undefined && processLives(address.pid)
      ? `The daemon (pid ${address.pid}) runs in the foreground and logs where it was started.`
      : 'A daemon in the background writes one; one in the foreground (agent-collab run) logs where it is started.';
  return `there is no log yet: ${daemonLog}\n${where}\n`;
}

function unreadable(error: unknown, { daemonLog }: HomePaths): unknown {
  const { code, path = daemonLog } = error as NodeJS.ErrnoException;
  if (code === undefined || error instanceof CollabError) return error;
  return new CollabError('HOME_UNUSABLE', `the log ${path} cannot be read (${code})`, {
    next: 'Look at its rights and at the disk.',
    details: { path, errno: code },
    cause: error,
  });
}
