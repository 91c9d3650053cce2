/** What `status` says: gathered from the parts when it is asked for, never remembered. */
import type { ProjectId } from '../base/ids.ts';
import type { StatusView } from '../control/results.ts';
import type { DaemonRecord } from '../home/daemon-record.ts';
import type { AgentHost } from './agent-host.ts';
import type { LockAgreement } from './lock-agreement.ts';
import type { LockService } from './lock-service.ts';
import { peerView } from './peer-handlers.ts';
import type { PeerService } from './peer-service.ts';
import type { StorageGuard } from './storage-guard.ts';
import type { OpenStores } from './stores.ts';

export interface StatusParts {
  readonly home: string;
  readonly record: DaemonRecord;
  readonly stores: OpenStores;
  readonly locks: LockService;
  readonly agreement: LockAgreement;
  readonly guard: StorageGuard;
  readonly peers: PeerService;
  readonly agents: AgentHost;
  readonly warnings: readonly string[];
}

export async function reportStatus(parts: StatusParts, project: ProjectId | null): Promise<StatusView> {
  const { home, record, stores, locks, agreement, guard, peers, agents: agentHost, warnings } = parts;
  await guard.check();
  const { count, diskBytes, head, committed, flushed, indexed, floor } = await stores.deltas.stats();
  const audit = await stores.audit.stats();
  const { locks: held, waiters, agents } = locks.stats();
  const summary = await peers.summary();
  const reason = stores.readOnlyReason();
  return {
    pid: record.pid,
    version: record.version,
    node: record.node,
    startedAt: record.startedAt,
    home,
    socket: record.socket,
    port: record.port,
    project,
    cluster: summary?.cluster ?? null,
    peers: summary?.peers.map(peerView) ?? [],
    storage: stores.kind,
    readOnly: reason === undefined ? null : { reason },
    locks: { held, waiting: waiters, agents, fence: locks.newestFence, agreement: agreement.view },
    deltas: { head, committed, flushed, indexed, floor, count },
    audit: { count: audit.count, pending: audit.pending, lost: audit.lost },
    violations: agentHost.violations,
    search: (await agentHost.searchState()) ?? null,
    lanes: stores.lanes(),
    store: { diskBytes: diskBytes + audit.diskBytes },
    activity: stores.activity,
    warnings: [
      ...stores.warnings(),
      ...guard.warnings,
      ...peers.warnings,
      ...agreement.warnings,
      ...(await agentHost.usageWarnings()),
      ...warnings,
    ],
  };
}
