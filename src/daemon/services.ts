/** The services of a daemon: made of its stores and settings, and joined to each other. */
import type { Clock } from '../base/clock.ts';
import { HybridClock } from '../base/hybrid-clock.ts';
import type { Logger } from '../base/log.ts';
import type { StatusView } from '../control/results.ts';
import type { Config } from '../home/config.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { NodeKey } from '../home/node-key.ts';
import { ProjectCache } from '../project/project-cache.ts';
import { AgentHost } from './agent-host.ts';
import { AuditService } from './audit-service.ts';
import { DeltaService } from './delta-service.ts';
import { createLockServices } from './lock-services.ts';
import { auditDraft } from './lock-views.ts';
import { DaemonMetrics } from './metrics-report.ts';
import { OverviewReport } from './overview-report.ts';
import { PeerService } from './peer-service.ts';
import { type RetentionLimits, RetentionSchedule } from './retention-schedule.ts';
import { diskRoom, StorageGuard, type StorageUse } from './storage-guard.ts';
import type { OpenStores } from './stores.ts';
import { TargetResolver } from './targets.ts';

export interface ServiceOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** How the daemon is; not asked for before it serves. */
  readonly status: () => Promise<StatusView>;
}

export interface ServiceHome {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly key: NodeKey;
}

export type Services = ReturnType<typeof createServices>;

/** The services of one daemon, joined to its stores. */
export function createServices(
  { paths, config, key }: ServiceHome,
  stores: OpenStores,
  { logger, clock, status }: ServiceOptions,
) {
  const metrics = new DaemonMetrics();
  const hybridClock = new HybridClock(clock, stores.newest);
  const audit = new AuditService({ store: stores.audit, clock: hybridClock, node: key.nodeId, logger });
  const guard = new StorageGuard(
    { measure: () => measureStorage(paths.root, stores), logger },
    config.storage.maxBytes,
  );
  const deltas = new DeltaService({
    store: stores.deltas,
    clock: hybridClock,
    node: key.nodeId,
    logger,
    refusal: () => guard.refusal,
    onDurable: metrics.noteCommit,
  });
  const retention = new RetentionSchedule({ stores, clock, logger }, retentionOf(config));
  const peers = new PeerService({
    paths,
    config,
    key,
    stores,
    clock: hybridClock,
    audit,
    logger,
    refusal: () => guard.refusal,
  });
  const { locks, agreement } = createLockServices({
    paths,
    key,
    options: config.locks,
    stores,
    clock,
    logger,
    peers,
    onTransition: (transition) => {
      audit.record(auditDraft(transition));
      agents.note(transition);
      metrics.locks.note(transition);
      overview.note(transition);
    },
    onChangeElsewhere: () => overview.feed.changed(),
  });
  const targets = new TargetResolver(new ProjectCache({ clock }));
  const agents: AgentHost = new AgentHost({
    node: key.nodeId,
    clock,
    logger,
    locks,
    deltas,
    audit,
    targets,
    metrics: stores.kind === 'memory' ? undefined : paths.metrics,
    usage: config.usage,
    vectors: stores.kind === 'memory' ? undefined : paths.vectors,
    search: config.search,
  });
  const overview = new OverviewReport({ clock, logger, locks, audit, deltas, agents, status });
  return { metrics, overview, audit, deltas, guard, locks, agreement, peers, retention, targets, agents };
}

function retentionOf({ storage, audit }: Config): RetentionLimits {
  const { retentionDays, retentionBytes } = storage;
  return { deltaDays: retentionDays, deltaBytes: retentionBytes, auditDays: audit.retentionDays };
}

async function measureStorage(root: string, stores: OpenStores): Promise<StorageUse> {
  const [deltas, audit, room] = await Promise.all([
    stores.deltas.stats(),
    stores.audit.stats(),
    diskRoom(root),
  ]);
  return { storeBytes: deltas.diskBytes + audit.diskBytes, ...room };
}
