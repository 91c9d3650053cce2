import { existsSync, readFileSync } from 'node:fs';
import type { ControlAddress } from '../control/client.ts';
import type { DaemonRecord } from '../home/daemon-record.ts';
import { homePaths } from '../home/home-paths.ts';

/** What a client needs of daemon.json. */
export type DaemonAddress = Pick<DaemonRecord, 'pid' | 'version' | 'startedAt' | 'port' | 'token' | 'socket'>;

/**
 * Reads daemon.json without a schema: home/ checks it with zod, whose loading costs more than a whole command. Undefined
 * when there is none that can be used; a field of a wrong type is as good as no record.
 */
export function readDaemonAddress(home: string): DaemonAddress | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(homePaths(home).daemonRecord, 'utf8'));
  } catch {
    // Missing, unreadable or torn: no daemon can be reached by it. Starting one tells what is wrong with the directory.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, version, startedAt, port, token, socket } = value as Partial<Record<string, unknown>>;
  const sound =
    Number.isSafeInteger(pid) &&
    Number.isSafeInteger(port) &&
    typeof version === 'string' &&
    typeof startedAt === 'string' &&
    typeof token === 'string' &&
    (socket === null || typeof socket === 'string');
  return sound ? (value as DaemonAddress) : undefined;
}

/** The unix socket where there is one: it needs no token and is the faster. Its file may have been removed; the port is there all the same. */
export function controlAddress({ socket, port, token }: DaemonAddress): ControlAddress {
  return socket === null || !existsSync(socket) ? { port, token } : { socketPath: socket };
}

/** True when version `a` is newer than `b`; false when either is not of the form 1.2.3. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number));
  if (left === undefined || right === undefined) return false;
  const at = left.findIndex((part, index) => part !== right[index]);
  return at !== -1 && (left[at] ?? 0) > (right[at] ?? 0);
}
