/** The composition root: makes every part, joins them, and takes them down in reverse order. */
import { finishInterruptedRestore } from '../backup/restore.ts';
import { systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Logger } from '../base/log.ts';
import { randomToken } from '../base/random.ts';
import { version } from '../base/version.ts';
import type { OperationResult } from '../control/results.ts';
import type { Config } from '../home/config.ts';
import { loadConfig } from '../home/config-file.ts';
import type { DaemonRecord } from '../home/daemon-record.ts';
import { dashboardSecret } from '../home/dashboard-secret.ts';
import { type HomePaths, socketPathFits } from '../home/home-paths.ts';
import { hookToken } from '../home/hook-token.ts';
import { loadOrCreateKey, type NodeKey } from '../home/node-key.ts';
import { OwnerLock } from '../home/owner-lock.ts';
import { createStoreDirectories, prepareHome } from '../home/prepare-home.ts';
import { finishInterruptedMigration } from '../migrate/place-import.ts';
import { backupInChild } from '../offload/backup-child.ts';
import type { BackupReport } from '../offload/contract.ts';
import { ControlServer } from '../web/control-server.ts';
import { dashboardLink } from '../web/dashboard-access.ts';
import { DashboardSessions, type Ticket } from '../web/dashboard-sessions.ts';
import { type ControlComponents, DaemonControl } from './control-service.ts';
import { openLmdbStores } from './lmdb-stores.ts';
import { tellLostLeases } from './lost-leases.ts';
import { McpEndpoint } from './mcp-endpoint.ts';
import { createMemoryStores } from './memory-stores.ts';
import { createServices, type Services } from './services.ts';
import { summarize } from './start-summary.ts';
import { reportStatus } from './status-report.ts';
import type { OpenStores } from './stores.ts';
import { openTelemetry } from './telemetry.ts';
import { isoTime } from './views.ts';

export interface DaemonOptions {
  /** The data directory. */
  readonly home: string;
  /** Keeps everything in memory. @default false */
  readonly memory?: boolean;
  /** TCP port on 127.0.0.1, instead of the configured one. */
  readonly port?: number;
  readonly logger: Logger;
  /** Told what a start does that takes its time, such as a repair. @default nothing */
  readonly onStep?: (what: string) => void;
  /** Called when a close takes over 5 s or leaves a thread behind: then only a kill ends the process. @default nothing */
  readonly onHung?: () => void;
  /**
   * Called when the data directory belongs to this daemon no more. An orderly close would remove the socket and the record of the one
   * that may serve there by now, so a process should end at once. @default nothing, and the daemon closes
   */
  readonly onAbandoned?: () => void;
}

/** SPEC §2: a stop takes at most so long. The parts have less each, so this is a last resort. */
const closeLimitMs = 5000;

/** How often the daemon makes sure that the data directory is still its own. */
const ownershipCheckMs = 1000;

interface Closer {
  readonly what: string;
  readonly close: () => Promise<void> | void;
}

/** A data directory that is ours, with what it says about this node. */
interface ClaimedHome {
  readonly paths: HomePaths;
  readonly owner: OwnerLock;
  readonly config: Config;
  readonly key: NodeKey;
  readonly warnings: readonly string[];
  /** What was found in the directory and done about it. */
  readonly findings: readonly string[];
}

export class Daemon {
  readonly record: DaemonRecord;
  /** Sentences about settings and files that deserve a look. */
  readonly warnings: readonly string[];
  /** What the start found and did. */
  readonly summary: readonly string[];
  /** Resolves once everything is closed, whoever asked for it. */
  readonly closed: Promise<void>;
  readonly #closers: readonly Closer[];
  readonly #logger: Logger;
  readonly #onHung: () => void;
  #closing: Promise<void> | undefined;
  #tellClosed: () => void = () => {};

  private constructor(
    record: DaemonRecord,
    found: { readonly warnings: readonly string[]; readonly summary: readonly string[] },
    closers: readonly Closer[],
    options: DaemonOptions,
  ) {
    this.record = record;
    this.warnings = found.warnings;
    this.summary = found.summary;
    this.#closers = closers;
    this.#logger = options.logger;
    this.#onHung = options.onHung ?? (() => {});
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
  }

  /** @throws DAEMON_RUNNING naming the owner; HOME_UNUSABLE, CONFIG_INVALID, KEY_INVALID, SCHEMA_NEWER, STORE_*; nothing stays open then. */
  static async open(options: DaemonOptions): Promise<Daemon> {
    const closers: Closer[] = [];
    try {
      const home = await claimHome(options, closers);
      failpoint('start.claimed');
      const stores = await openStores(home, options);
      closers.push({ what: 'stores', close: () => stores.close() });
      failpoint('start.stores');
      return await Daemon.#serve(home, stores, options, closers);
    } catch (error) {
      await closeAll(closers, options.logger);
      throw error;
    }
  }

  /** Drains and closes everything, in reverse order of opening. Idempotent; joins a close under way. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const watchdog = setTimeout(() => this.#onHung(), closeLimitMs);
    failpoint('stop.begin');
    const whole = await closeAll(this.#closers, this.#logger);
    failpoint('stop.closed');
    clearTimeout(watchdog);
    if (!whole) this.#onHung();
    this.#tellClosed();
  }

  static async #serve(
    home: ClaimedHome,
    stores: OpenStores,
    options: DaemonOptions,
    closers: Closer[],
  ): Promise<Daemon> {
    const { paths, owner } = home;
    const { logger } = options;
    const clock = systemClock;
    const status: ControlComponents['status'] = async (project) => {
      // A question that comes as soon as the server listens waits until there is a record to answer with.
      const record = await listening;
      const { warnings } = home;
      return reportStatus({ ...services, home: paths.root, record, stores, warnings }, project);
    };
    const services: Services = createServices(home, stores, { logger, clock, status: () => status(null) });
    const { locks, agreement, audit, guard } = services;
    closers.push(...closersOf(services));
    await guard.check();
    await agreement.open();
    const lost = await tellLostLeases({ audit, locks, nowMs: clock.wallMs() }).catch((error: unknown) =>
      notLookedUp(error, logger),
    );
    let daemon: Daemon | undefined;
    const telemetry = await openTelemetry({
      ...services,
      clock,
      logger,
      node: home.key.nodeId,
      status: () => status(null),
    });
    closers.push({ what: 'telemetry', close: () => telemetry.close() });
    const sessions = new DashboardSessions({ secret: dashboardSecret(home.key), clock });
    const control = new DaemonControl({
      ...services,
      clock,
      stores,
      secrets: home.config.context.secrets,
      status,
      tracing: telemetry.tracing,
      overview: services.overview.feed,
      dashboardLink: async () => linkOf(sessions.newTicket(), await listening),
      hookEndpoint: async () => ({ port: (await listening).port, token: hookToken(home.key) }),
      backup: (to) => backUp(paths.root, stores, to),
      shutdown: () => {
        // After the answer is on its way.
        setImmediate(() => void daemon?.close());
        return process.pid;
      },
    });
    const listening = listen(home, control, sessions, options, closers);
    const record = await listening;
    // The locks go first: a request that waits for one would hold up the server's close.
    closers.push({ what: 'locks', close: () => locks.close() });
    failpoint('start.told');
    await owner.publish(record);
    failpoint('start.published');
    const summary = summarize({
      leftBehind: owner.leftBehind,
      kind: stores.kind,
      started: stores.started,
      findings: [...home.findings, ...stores.findings],
      lostLocks: lost,
    });
    for (const line of summary) logger.info(line);
    daemon = new Daemon(record, { warnings: home.warnings, summary }, closers, options);
    closers.push(watchOwnership(owner, daemon, logger, options.onAbandoned ?? (() => {})));
    return daemon;
  }
}

/** Opens the HTTP application. @returns how it can be reached. */
async function listen(
  { paths, config, key }: ClaimedHome,
  service: DaemonControl,
  sessions: DashboardSessions,
  { port, logger }: DaemonOptions,
  closers: Closer[],
): Promise<DaemonRecord> {
  const token = randomToken();
  const mcp = new McpEndpoint(service, logger);
  const server = await ControlServer.open({
    service,
    socketPath: socketPathFits(paths) ? paths.daemonSocket : null,
    port: port ?? config.port,
    token,
    hookToken: hookToken(key),
    sessions,
    logger,
    mcp: mcp.fetch,
  });
  closers.push({ what: 'mcp', close: () => mcp.close() });
  closers.push({ what: 'server', close: () => server.close() });
  const startedAt = isoTime(systemClock.wallMs());
  const { port: listensOn, socketPath: socket } = server;
  return { pid: process.pid, version, startedAt, port: listensOn, token, socket, node: key.nodeId };
}

async function claimHome({ home, onStep }: DaemonOptions, closers: Closer[]): Promise<ClaimedHome> {
  const prepared = await prepareHome(home);
  const { paths } = prepared;
  const owner = await OwnerLock.tryAcquire(paths);
  if (!(owner instanceof OwnerLock)) {
    const pid = owner.pid ?? owner.owner?.pid;
    throw new CollabError(
      'DAEMON_RUNNING',
      `a daemon serves ${paths.root} already${pid === undefined ? '' : `: pid ${pid}`}`,
      {
        next: 'Use it, or stop it first: agent-collab daemon stop.',
        details: { pid: pid ?? null, home: paths.root },
      },
    );
  }
  closers.push({ what: 'owner lock', close: () => owner.close() });
  const restored = await finishInterruptedRestore(paths.root, () =>
    onStep?.('finishing an interrupted restore'),
  );
  const migrated = await finishInterruptedMigration(paths);
  const { config, warnings } = await loadConfig(paths);
  await createStoreDirectories(paths);
  const key = await loadOrCreateKey(paths);
  const findings = [restored?.text, migrated].filter((text) => text !== undefined);
  return { paths, owner, config, key, findings, warnings: [...prepared.warnings, ...warnings] };
}

function openStores(
  { paths, config, key, owner }: ClaimedHome,
  options: DaemonOptions,
): Promise<OpenStores> | OpenStores {
  if (options.memory === true) return createMemoryStores({ clock: systemClock });
  return openLmdbStores({
    paths,
    key,
    clock: systemClock,
    logger: options.logger,
    mapSizeBytes: config.storage.mapSizeBytes,
    ringCapacity: config.deltas.ringCapacity,
    isOurs: () => owner.isHeld().catch(() => true),
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
  });
}

function linkOf({ ticket, expiresAtMs }: Ticket, { port }: DaemonRecord): OperationResult<'dashboard.link'> {
  return { url: dashboardLink(port, ticket), expiresAt: isoTime(expiresAtMs) };
}

/** In turn: nobody may replace a store's files while another process has them open. */
function backUp(home: string, stores: OpenStores, to: string | undefined): Promise<BackupReport> {
  const where = to === undefined ? {} : { to };
  return stores.inTurn('backup', (report, stopping) =>
    backupInChild(
      { home, reason: 'manual', lmdb: 'online', ...where },
      ({ done, total }) => report(done, total),
      stopping,
    ),
  );
}

/** Locks must be had also when the trail cannot be read; `check` still says that a lease ended with a restart. */
function notLookedUp(error: unknown, logger: Logger): 0 {
  logger.error('leases that were lost could not be looked up', { error: String(error) });
  return 0;
}

/** A directory that was deleted or replaced belongs to whoever comes next: this daemon must not go on beside another. */
function watchOwnership(owner: OwnerLock, daemon: Daemon, logger: Logger, abandon: () => void): Closer {
  const timer = setInterval(async () => {
    if (await owner.isHeld().catch(() => true)) return;
    logger.error('the data directory was moved or its daemon.lock removed; stopping');
    abandon();
    await daemon.close();
  }, ownershipCheckMs).unref();
  return { what: 'ownership watch', close: () => clearInterval(timer) };
}

function closersOf({ agents, retention, guard, peers, agreement }: Services): readonly Closer[] {
  return [
    { what: 'agents', close: () => agents.close() },
    { what: 'retention', close: () => retention.close() },
    { what: 'guard', close: () => guard.close() },
    { what: 'peers', close: () => peers.close() },
    { what: 'agreement', close: () => agreement.close() },
  ];
}

/** In reverse order. A part that fails to close is logged and does not keep the others from closing. True when all did. */
async function closeAll(closers: readonly Closer[], logger: Logger): Promise<boolean> {
  let whole = true;
  for (const { what, close } of closers.toReversed()) {
    try {
      await close();
    } catch (error) {
      whole = false;
      logger.error('a part did not close', { part: what, error: String(error) });
    }
  }
  return whole;
}
