import { join, resolve } from 'node:path';

/** Every path of the data directory. */
export interface HomePaths {
  readonly root: string;
  readonly config: string;
  readonly key: string;
  readonly cluster: string;
  readonly agreement: string;
  readonly daemonRecord: string;
  readonly daemonSocket: string;
  readonly daemonLock: string;
  readonly deltaStore: string;
  readonly indexStore: string;
  readonly auditStore: string;
  readonly damagedStores: string;
  readonly metrics: string;
  readonly vectors: string;
  readonly backups: string;
  readonly logs: string;
  readonly daemonLog: string;
  readonly daemonStderr: string;
}

/**
 * The paths of the data directory at `root`:
 *
 * ```
 * <root>/                 0700, the files in it 0600
 * ├── config.json         settings
 * ├── key.json            node identity
 * ├── cluster.json        membership: secret, members, revocations
 * ├── agreement.json      what the agreement on locks must find again: view, votes, rounds
 * ├── daemon.json         owner, port and token of the running daemon
 * ├── daemon.sock         its HTTP application on a unix socket
 * ├── daemon.lock         locked by the kernel while a daemon serves; holds its pid; never removed
 * ├── lmdb/
 * │   ├── delta/          the log, which is the truth
 * │   ├── index/          derived from the log
 * │   ├── audit/
 * │   └── damaged/        <timestamp>-<store>/: what a repair has set aside
 * ├── metrics/            usage_YYYY-MM-DD.jsonl
 * ├── vectors/            context.vec: the vectors of shared context, derived from the log
 * ├── backups/            <timestamp>/
 * ├── logs/              daemon.log and daemon.log.1 to .3 of a background daemon; daemon-stderr.log: what a crash says past it
 * └── .<file>.<pid>.<random>.tmp    half of an atomic write; cleaned by prepareHome once its writer is gone
 * ```
 */
export function homePaths(root: string): HomePaths {
  const at = (...names: readonly string[]) => join(resolve(root), ...names);
  return Object.freeze({
    root: at(),
    config: at('config.json'),
    key: at('key.json'),
    cluster: at('cluster.json'),
    agreement: at('agreement.json'),
    daemonRecord: at('daemon.json'),
    daemonSocket: at('daemon.sock'),
    daemonLock: at('daemon.lock'),
    deltaStore: at('lmdb', 'delta'),
    indexStore: at('lmdb', 'index'),
    auditStore: at('lmdb', 'audit'),
    damagedStores: at('lmdb', 'damaged'),
    metrics: at('metrics'),
    vectors: at('vectors'),
    backups: at('backups'),
    logs: at('logs'),
    daemonLog: at('logs', 'daemon.log'),
    daemonStderr: at('logs', 'daemon-stderr.log'),
  });
}

/** The kernel's `sun_path` less its final NUL: 108 on Linux, 104 on macOS and the BSDs. The smaller serves all. */
const maxSocketPathBytes = 103;

/** False when a unix socket cannot be made at this path: then the daemon serves over TCP alone. */
export function socketPathFits(paths: HomePaths): boolean {
  return Buffer.byteLength(paths.daemonSocket) <= maxSocketPathBytes;
}
