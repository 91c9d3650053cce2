import { systemClock } from '../../base/clock.ts';
import { encodeError, toCollabError } from '../../base/errors.ts';
import { exitCodes, exitNow, killNow } from '../../base/exit.ts';
import { type LogLevel, writeErr, writeOut } from '../../base/log.ts';
import type { Daemon } from '../../daemon/daemon.ts';
import { type DaemonLog, openBackgroundLog, openForegroundLog } from '../../daemon/daemon-log.ts';
import { readConfigDocument } from '../../home/config-file.ts';
import { homePaths } from '../../home/home-paths.ts';
import { getSetting } from '../../home/settings.ts';
import type { ChildMessage } from '../child-message.ts';
import type { CommandRun } from '../command-context.ts';
import type { CommandData } from '../command-data.ts';
import { labelled } from '../labelled.ts';
import { openScreen, printable, type Screen } from '../screen.ts';

/**
 * Serves until SIGTERM, SIGINT, SIGHUP or the `shutdown` operation, then closes and ends with exit code 0. A second signal ends
 * the process at once with 128 + its number.
 */
export const run: CommandRun<'run'> = async (args, { home, json }) => {
  const isChild = args['background-child'];
  const stop = listenForStop();
  const level = await logLevel(home, isChild);
  const log = (isChild ? openBackgroundLog : openForegroundLog)(homePaths(home), level);
  const daemon = await openDaemon(home, args, isChild, log);
  log.own();
  const { pid, version, port } = daemon.record;
  log.logger.info('the daemon serves', { pid, version, port, runtime: process.version });
  try {
    if (isChild) await tellParent({ kind: 'ready', pid: process.pid, summary: daemon.summary });
    else announce(daemon, home, args.memory, json);
    await Promise.race([daemon.closed, stop.requested]);
  } finally {
    await daemon.close();
    log.logger.info('the daemon has stopped', { pid });
    log.close();
  }
  if (!isChild && !json) writeOut('stopped\n');
  return undefined;
};

async function openDaemon(
  home: string,
  args: { readonly memory: boolean; readonly port: number | undefined },
  isChild: boolean,
  { logger }: DaemonLog,
): Promise<Daemon> {
  try {
    const { Daemon } = await import('../../daemon/daemon.ts');
    // A promise that nobody awaited is a defect, but no reason to drop everybody's locks; the log says where it is.
    process.on('unhandledRejection', (reason) => {
      logger.error('unhandled rejection', { error: reason instanceof Error ? reason.stack : String(reason) });
    });
    return await Daemon.open({
      home,
      memory: args.memory,
      ...(args.port === undefined ? {} : { port: args.port }),
      logger,
      ...(isChild ? { onStep: tellStep() } : {}),
      onAbandoned: () => {
        writeErr('the data directory was moved or removed; this daemon has nothing left to serve\n');
        killNow();
      },
      onHung: () => {
        writeErr('the daemon did not close in time and was cut off; nothing that was committed is lost\n');
        killNow();
      },
    });
  } catch (error) {
    if (isChild) await tellParent({ kind: 'failed', error: encodeError(toCollabError(error)) });
    throw error;
  }
}

/** As configured; else `info` for the log file, and `warn` for a terminal, which is for people. */
async function logLevel(home: string, isChild: boolean): Promise<LogLevel> {
  try {
    const { value, from } = getSetting(await readConfigDocument(homePaths(home)), 'logLevel');
    // getSetting has checked it against the levels there are.
    if (from === 'file') return value as LogLevel;
  } catch {
    // The daemon refuses the same file in a moment, and its refusal is what the user gets to see.
  }
  return isChild ? 'info' : 'warn';
}

/** From here on a signal asks for an orderly end, also one that comes while the daemon opens. */
function listenForStop(): { readonly requested: Promise<void> } {
  let asked = false;
  const requested = new Promise<void>((resolve) => {
    const onSignal = (code: number) => () => {
      if (asked) exitNow(code);
      asked = true;
      resolve();
    };
    process.on('SIGINT', onSignal(exitCodes.interrupted));
    process.on('SIGTERM', onSignal(exitCodes.terminated));
    // The terminal was closed.
    process.on('SIGHUP', onSignal(exitCodes.hungUp));
  });
  return { requested };
}

/** At most a few times a second: a repair tells of each thousand records. */
const stepEveryMs = 250;

function tellStep(): (what: string) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (what) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - toldMs < stepEveryMs || process.send === undefined || !process.connected) return;
    toldMs = nowMs;
    const message: ChildMessage = { kind: 'working', what };
    // Whoever is gone wants to hear nothing.
    process.send(message, undefined, undefined, () => {});
  };
}

/** The command that started us waits for this; it may be gone by now, which is no concern of the daemon. */
async function tellParent(message: ChildMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return;
  await new Promise<void>((resolve) => {
    // An error means that the channel is closed: nobody waits any more.
    process.send?.(message, undefined, undefined, () => resolve());
  });
  if (process.connected) process.disconnect();
}

function announce(daemon: Daemon, home: string, memory: boolean, json: boolean): void {
  const { token: _, ...record } = daemon.record;
  if (json) {
    const data: CommandData['run'] = {
      ...record,
      home,
      storage: memory ? 'memory' : 'lmdb',
      summary: daemon.summary,
      warnings: daemon.warnings,
    };
    writeOut(`${JSON.stringify({ ok: true, data })}\n`);
    return;
  }
  writeOut(readyText(daemon, home, memory, openScreen('stdout')));
}

function readyText({ record, warnings, summary }: Daemon, home: string, memory: boolean, screen: Screen) {
  const storage = memory
    ? screen.paint('yellow', 'MEMORY ONLY: nothing survives the end of this process')
    : 'lmdb';
  return [
    `${screen.paint('bold', `agent-collab ${record.version}`)} is ready\n`,
    labelled(
      [
        ['home', home],
        ['socket', record.socket ?? 'none: the path would be too long for one'],
        ['http', `http://127.0.0.1:${record.port} (token in daemon.json)`],
        ['node', record.node],
        ['storage', storage],
        ['pid', String(record.pid)],
      ],
      screen,
    ),
    ...summary.map((line) => `${printable(line)}\n`),
    ...warnings.map((line) => `${screen.paint('yellow', 'warning:')} ${printable(line)}\n`),
    'Stop it with Ctrl-C, or from elsewhere with: agent-collab daemon stop\n',
    `${screen.paint('cyan', 'next:')} in a repository: agent-collab lock acquire <file> -m "what you intend"\n`,
  ].join('');
}
