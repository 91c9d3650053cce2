/** The services of a daemon: made of its stores and settings, and joined to each other. */
import type { Clock } from '../base/clock.ts';
import { HybridClock } from '../base/hybrid-clock.ts';
import type { LockId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import { randomHex } from '../base/random.ts';
import type { Config } from '../home/config.ts';
import type { HomePaths } from '../home/home-paths.ts';
import type { NodeKey } from '../home/node-key.ts';
import { FenceSource, fenceBlock } from '../lock/fence.ts';
import { ProjectCache } from '../project/project-cache.ts';
import { AgentHost } from './agent-host.ts';
import { AuditService } from './audit-service.ts';
import { DeltaService } from './delta-service.ts';
import { LockService } from './lock-service.ts';
import { auditDraft } from './lock-views.ts';
import { PeerService } from './peer-service.ts';
import { RetentionSchedule } from './retention-schedule.ts';
import { diskRoom, StorageGuard, type StorageUse } from './storage-guard.ts';
import type { OpenStores } from './stores.ts';
import { TargetResolver } from './targets.ts';

/** Between two attempts to reserve fences on a disk that refuses. */
const reserveRetryMs = 60_000;

export interface ServiceHome {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly key: NodeKey;
}

/** The services of one daemon, joined to its stores. */
export function createServices(
  { paths, config, key }: ServiceHome,
  stores: OpenStores,
  logger: Logger,
  clock: Clock,
) {
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
  });
  const fences: FenceSource = new FenceSource(stores.fences, {
    // Half a block early: the disk has hours to take the next reservation.
    lowMark: fenceBlock / 2,
    onLow: () => reserveMore(fences, stores, logger),
  });
  const locks = new LockService(
    {
      clock,
      fences,
      newLockId: lockIds(),
      onTransition: (transition) => {
        audit.record(auditDraft(transition));
        agents.note(transition);
      },
    },
    config.locks,
  );
  const retention = new RetentionSchedule(
    { stores, clock, logger },
    {
      deltaDays: config.storage.retentionDays,
      deltaBytes: config.storage.retentionBytes,
      auditDays: config.audit.retentionDays,
    },
  );
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
  const targets = new TargetResolver(new ProjectCache({ clock }));
  const metrics = stores.kind === 'memory' ? undefined : paths.metrics;
  const agents: AgentHost = new AgentHost({
    clock,
    logger,
    locks,
    deltas,
    audit,
    targets,
    metrics,
  });
  return { audit, deltas, guard, locks, peers, retention, targets, agents };
}

async function measureStorage(root: string, stores: OpenStores): Promise<StorageUse> {
  const [deltas, audit, room] = await Promise.all([
    stores.deltas.stats(),
    stores.audit.stats(),
    diskRoom(root),
  ]);
  return { storeBytes: deltas.diskBytes + audit.diskBytes, ...room };
}

/** Unique over all processes and cheap: randomness is drawn once, since a draw costs more than a grant. */
function lockIds(): () => LockId {
  const prefix = `lk_${randomHex(5)}`;
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}${count.toString(36)}` as LockId;
  };
}

/** Tries until the disk takes it. */
function reserveMore(fences: FenceSource, stores: OpenStores, logger: Logger): void {
  const upTo = fences.newest + fences.remaining + 1 + fenceBlock;
  stores.reserveFences(upTo).then(
    () => fences.extend(upTo),
    (error: unknown) => {
      logger.error('fences could not be reserved', { error: String(error), remaining: fences.remaining });
      setTimeout(() => reserveMore(fences, stores, logger), reserveRetryMs).unref();
    },
  );
}
