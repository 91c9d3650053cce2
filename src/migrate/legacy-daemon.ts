/** Whether a daemon of the older program still runs on a directory. Its pid file and its socket outlive it, so neither proves anything. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { type HomePaths, socketPathFits } from '../home/home-paths.ts';
import { processLives } from '../home/prepare-home.ts';

export interface LegacyDaemon {
  /** Undefined: it answers on its socket, and there is no pid file that tells who it is. */
  readonly pid: number | undefined;
  readonly evidence: string;
}

const connectLimitMs = 1000;

export async function findLegacyDaemon(paths: HomePaths): Promise<LegacyDaemon | undefined> {
  const pid = await readPid(join(paths.root, 'daemon.pid'));
  if (pid !== undefined && pid !== process.pid && processLives(pid)) {
    const command = await commandOf(pid);
    // After a restart of the machine, or on another one, the number belongs to any process.
    if (command !== undefined && isOurs(command)) {
      return {
        pid,
        evidence: `process ${pid} in daemon.pid lives and is "${command.join(' ').slice(0, 100)}"`,
      };
    }
  }
  if (socketPathFits(paths) && (await somebodyListens(paths.daemonSocket))) {
    return { pid, evidence: 'somebody answers on daemon.sock' };
  }
  return undefined;
}

async function readPid(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const digits = /^\s*(\d{1,10})\s*$/.exec(text)?.[1];
  return digits === undefined || Number(digits) === 0 ? undefined : Number(digits);
}

const interpreter = /^(?:node|bun|sh|bash|dash|zsh|env)$/;

/** The program, or what an interpreter runs; an editor that has a file of such a name open is neither. */
function isOurs([program = '', script = '']: readonly string[]): boolean {
  const name = interpreter.test(basename(program)) ? script : program;
  return /^agent-?collab/i.test(basename(name));
}

/** Its command line; undefined when that cannot be learned. */
async function commandOf(pid: number): Promise<readonly string[] | undefined> {
  try {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return line.split('\0');
  } catch {
    // No procfs, as on macOS.
  }
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'command=', '-p', String(pid)], { timeout: connectLimitMs }, (error, stdout) =>
      resolve(error === null ? stdout.trim().split(/\s+/) : undefined),
    );
  });
}

/** Nobody listens on a socket file that a dead process left: the kernel refuses at once. */
function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(connectLimitMs, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
