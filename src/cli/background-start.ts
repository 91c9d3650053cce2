/** Starts a daemon that outlives the command, and waits until it serves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../base/clock.ts';
import { childEnvironment } from '../base/environment.ts';
import { CollabError, decodeError } from '../base/errors.ts';
import { ControlClient } from '../control/client.ts';
import { homePaths } from '../home/home-paths.ts';
import { prepareHome } from '../home/prepare-home.ts';
import { type ChildMessage, isChildMessage } from './child-message.ts';
import { controlAddress, type DaemonAddress, readDaemonAddress } from './daemon-address.ts';

export interface BackgroundOptions {
  readonly home: string;
  readonly memory?: boolean;
  readonly port?: number | undefined;
  /** Told what the start is doing. */
  readonly onStep?: (what: string) => void;
}

export interface BackgroundStart {
  readonly address: DaemonAddress;
  /** False: another command started one at the same time, or it ran already, and that one is used. */
  readonly started: boolean;
  /** What the start found and did, when the daemon before did not end in order or something was not as it should be. */
  readonly summary: readonly string[];
}

/** A start after a crash reads the last seven days; that takes a second or two on a large store. One that takes longer says why. */
const startLimitMs = 15_000;
/** Between two looks at a daemon that another command is starting: nothing tells us when it is ready. */
const pollMs = 50;
const answerLimitMs = 1000;
const tailBytes = 8 * 1024;
const tailLines = 12;

/** @throws the daemon's own error when it refuses to start, DAEMON_UNREACHABLE with the end of its log otherwise. */
export async function startInBackground(options: BackgroundOptions): Promise<BackgroundStart> {
  const found = readDaemonAddress(options.home);
  if (found !== undefined && (await answers(found))) return { address: found, started: false, summary: [] };
  await prepareHome(options.home);
  const { logs, daemonLog, daemonStderr } = homePaths(options.home);
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const log = markEnd(daemonLog);
  const stderr = markEnd(daemonStderr);
  // The daemon reads it too: see raw-output.ts.
  const stderrFd = openSync(daemonStderr, 'a+', 0o600);
  try {
    const child = spawnDaemon(options, stderrFd);
    const word = await lastWord(child, options.onStep);
    child.unref();
    if (child.connected) child.disconnect();
    const raced = word.kind === 'failed' && word.error.code === 'DAEMON_RUNNING';
    if (word.kind === 'failed' && !raced) throw decodeError(word.error);
    const address = word.kind === 'ready' || raced ? await answering(options.home) : undefined;
    if (address !== undefined) {
      const ready = word.kind === 'ready' ? word : undefined;
      return { address, started: ready !== undefined, summary: ready?.summary ?? [] };
    }
    throw await notStarted(word, options.home, [log, stderr], child.pid);
  } finally {
    closeSync(stderrFd);
  }
}

interface FileEnd {
  readonly path: string;
  /** Where what the new daemon writes begins. */
  readonly from: number;
}

function markEnd(path: string): FileEnd {
  return { path, from: statSync(path, { throwIfNoEntry: false })?.size ?? 0 };
}

function spawnDaemon(options: BackgroundOptions, stderrFd: number): ChildProcess {
  const main = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));
  const flags = [
    ...(options.memory ? ['--memory'] : []),
    ...(options.port === undefined ? [] : ['--port', String(options.port)]),
  ];
  return spawn(
    process.execPath,
    [...loaderArguments(process.execArgv), main, 'run', '--background-child', ...flags],
    {
      // Not the caller's directory: the daemon would keep it from being unmounted or deleted.
      cwd: options.home,
      // A session of its own, so that Ctrl-C in the terminal does not reach it.
      detached: true,
      stdio: ['ignore', stderrFd, stderrFd, 'ipc'],
      env: childEnvironment({ AGENT_COLLAB_HOME: options.home }),
      windowsHide: true,
    },
  );
}

/**
 * Of our own Node flags those that load sources (`--import tsx`); a debugger's port or a test runner's mode are not for
 * the daemon. A bare name is looked up from the working directory, which the daemon does not share: it is resolved here.
 */
export function loaderArguments(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (const [at, word] of execArgv.entries()) {
    const [, flag, inline] = /^(--import|--require|-r|--loader)(?:=(.*))?$/s.exec(word) ?? [];
    const target = inline ?? execArgv[at + 1];
    if (flag === undefined || target === undefined) continue;
    const isBare = flag === '--import' && /^[@\w]/.test(target) && !/^[a-z]+:/.test(target);
    kept.push(flag, isBare ? import.meta.resolve(target) : target);
  }
  return kept;
}

type LastWord =
  | Exclude<ChildMessage, { readonly kind: 'working' }>
  | { readonly kind: 'ended'; readonly how: string }
  | { readonly kind: 'silent' };

/** Waits as long as it says that it works. */
function lastWord(child: ChildProcess, onStep: (what: string) => void = () => {}): Promise<LastWord> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ kind: 'silent' }), startLimitMs);
    const settle = (word: LastWord) => {
      clearTimeout(timer);
      resolve(word);
    };
    child.on('message', (message) => {
      if (!isChildMessage(message)) return;
      if (message.kind !== 'working') return settle(message);
      timer.refresh();
      onStep(message.what);
    });
    // A message that was sent before the end is delivered before it.
    child.once('exit', (code, signal) =>
      settle({ kind: 'ended', how: signal === null ? `exit code ${code}` : signal }),
    );
    child.once('error', (error) => settle({ kind: 'ended', how: error.message }));
  });
}

/** The daemon that answers on this directory, whoever started it; undefined when none does in time. */
async function answering(home: string): Promise<DaemonAddress | undefined> {
  const deadlineMs = systemClock.monotonicMs() + startLimitMs;
  do {
    const address = readDaemonAddress(home);
    if (address !== undefined && (await answers(address))) return address;
    await delay(pollMs);
  } while (systemClock.monotonicMs() < deadlineMs);
  return undefined;
}

async function answers(address: DaemonAddress): Promise<boolean> {
  const client = new ControlClient(controlAddress(address));
  try {
    await client.call('status', {}, { timeoutMs: answerLimitMs });
    return true;
  } catch (error) {
    // Any answer at all, an error too, shows a daemon; DAEMON_UNREACHABLE shows none yet.
    return error instanceof CollabError && error.code !== 'DAEMON_UNREACHABLE';
  } finally {
    client.close();
  }
}

async function notStarted(
  word: LastWord,
  home: string,
  files: readonly FileEnd[],
  pid: number | undefined,
): Promise<CollabError> {
  const what =
    word.kind === 'ended'
      ? `the daemon ended while it started (${word.how})`
      : `the daemon (pid ${pid}) did not answer within ${startLimitMs / 1000} s`;
  // What a crash prints has not been through the log.
  const [{ HomeSecrets }, { createRedaction }] = await Promise.all([
    import('../daemon/home-secrets.ts'),
    import('../daemon/log-redaction.ts'),
  ]);
  const secrets = new HomeSecrets(homePaths(home));
  const redaction = createRedaction(() => secrets.current());
  const lines = redaction.text(files.flatMap(newLines).join('\n')).split('\n');
  return new CollabError('DAEMON_UNREACHABLE', what, {
    next: 'Look into agent-collab logs, or run it in the foreground: agent-collab run.',
    details: {
      log: lines.filter((line) => line !== '').slice(-tailLines),
      logFile: homePaths(home).daemonLog,
    },
  });
}

/** The last lines that the daemon wrote to it since it was started. */
function newLines({ path, from }: FileEnd): string[] {
  const end = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  // Shorter than before: it was rotated meanwhile.
  const start = Math.max(end < from ? 0 : from, end - tailBytes);
  if (end <= start) return [];
  const bytes = Buffer.alloc(end - start);
  const fd = openSync(path, 'r');
  try {
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start)).split('\n');
  } finally {
    closeSync(fd);
  }
}
