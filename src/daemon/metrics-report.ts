/** What `/metrics` and OTLP say: what was counted since the start, and how things stand now. */
import type { StatusView } from '../control/results.ts';
import { Histogram, waitBounds } from '../metrics/histogram.ts';
import { LockMetrics } from '../metrics/lock-metrics.ts';
import { type Metric, MetricSet, type Sample } from '../metrics/metric-set.ts';
import type { Durability } from '../store/delta-store.ts';

const durabilities: readonly Durability[] = ['accepted', 'committed', 'flushed'];

export class DaemonMetrics {
  readonly locks = new LockMetrics();
  readonly #commits: Readonly<Record<Durability, Histogram>>;

  constructor() {
    this.#commits = Object.fromEntries(
      durabilities.map((durability) => [durability, new Histogram(waitBounds)]),
    ) as Record<Durability, Histogram>;
  }

  /** A delta of this node was as durable as its author asked for, after so long. */
  readonly noteCommit = (durability: Durability, seconds: number): void => {
    this.#commits[durability].observe(seconds);
  };

  /** @param nowMs on the wall clock. */
  report(status: StatusView, nowMs: number): readonly Metric[] {
    const set = new MetricSet();
    const seconds = Math.max(0, (nowMs - Date.parse(status.startedAt)) / 1000);
    set.gauge('agent_collab_info', 'The version that runs.', [[{ version: status.version }, 1]]);
    set.gauge('agent_collab_uptime_seconds', 'Time since the daemon began.', [[{}, seconds]]);
    this.locks.write(set);
    writeLocks(set, status);
    set.histogram(
      'agent_collab_commit_seconds',
      'Time until a delta of this node was as durable as its author asked for.',
      durabilities.map((durability) => [{ durability }, this.#commits[durability].buckets]),
    );
    writeStores(set, status);
    writePeers(set, status);
    return set.metrics;
  }
}

function writeLocks(set: MetricSet, { locks, violations }: StatusView): void {
  const { held, waiting, agents } = locks;
  set.gauge('agent_collab_locks_held', 'Leases that are held.', [[{}, held]]);
  set.gauge('agent_collab_locks_waiting', 'Claims that wait.', [[{}, waiting]]);
  set.gauge('agent_collab_agents', 'Agents that hold or wait for a lock.', [[{}, agents]]);
  set.counter('agent_collab_violations_total', "Writes past somebody's lease that were seen.", [
    [{}, violations.count],
  ]);
}

function writeStores(set: MetricSet, { deltas, audit, lanes, store, readOnly, search }: StatusView): void {
  const { head, committed, flushed, indexed } = deltas;
  set.counter('agent_collab_deltas_total', 'Position of the newest delta in the log.', [[{}, head]]);
  set.gauge('agent_collab_deltas_behind', 'Deltas that are not there yet, by what they are not.', [
    [{ step: 'committed' }, head - committed],
    [{ step: 'flushed' }, head - flushed],
    [{ step: 'indexed' }, committed - indexed],
  ]);
  set.gauge('agent_collab_audit_events', 'Events of the audit trail.', [[{}, audit.count]]);
  set.gauge('agent_collab_audit_pending', 'Events that are not written yet.', [[{}, audit.pending]]);
  set.counter('agent_collab_audit_lost_total', 'Events that could not be written.', [[{}, audit.lost]]);
  const each = (value: (lane: StatusView['lanes']['persist']) => number): readonly Sample[] =>
    Object.entries(lanes).map(([lane, view]) => [{ lane }, value(view)]);
  set.gauge(
    'agent_collab_lane_pending_bytes',
    'Bytes in the queue of a lane.',
    each(({ pendingBytes }) => pendingBytes),
  );
  set.gauge(
    'agent_collab_lane_capacity_bytes',
    'Bytes that the queue of a lane holds.',
    each(({ capacityBytes }) => capacityBytes),
  );
  set.counter(
    'agent_collab_lane_restarts_total',
    'Times that a lane was begun again.',
    each(({ restarts }) => restarts),
  );
  set.gauge(
    'agent_collab_lane_running',
    'Whether a lane works.',
    each(({ state }) => Number(state === 'running')),
  );
  set.gauge('agent_collab_store_bytes', 'Bytes of the stores on disk.', [[{}, store.diskBytes]]);
  set.gauge('agent_collab_read_only', 'Whether new deltas are refused.', [[{}, Number(readOnly !== null)]]);
  set.gauge('agent_collab_contexts_with_vectors', 'Contexts that can be found by meaning.', [
    [{}, search?.embedded ?? 0],
  ]);
}

function writePeers(set: MetricSet, { peers, locks, cluster }: StatusView): void {
  const others = peers.filter(({ state }) => state !== 'self');
  const states = ['connected', 'away', 'cut off', 'left', 'evicted'] as const;
  set.gauge(
    'agent_collab_peers',
    'Other members of the cluster, by state.',
    states.map((state) => [{ state }, others.filter((peer) => peer.state === state).length]),
  );
  // Names of peers come from outside: the farthest behind says what an alarm needs.
  const most = (of: 'behind' | 'ahead') => Math.max(0, ...others.map((peer) => peer[of] ?? 0));
  set.gauge('agent_collab_peers_deltas_missing', 'Most deltas that a member has and this node lacks.', [
    [{}, most('behind')],
  ]);
  set.gauge('agent_collab_peers_deltas_ahead', 'Most deltas that this node has and a member lacks.', [
    [{}, most('ahead')],
  ]);
  set.counter('agent_collab_peers_offences_total', 'What members did that no sound node does.', [
    [{}, others.reduce((sum, { offences }) => sum + (offences?.count ?? 0), 0)],
  ]);
  set.counter('agent_collab_gossip_runs_total', 'Messages with deltas that other members have told.', [
    [{}, cluster?.gossip.runs ?? 0],
  ]);
  set.counter('agent_collab_gossip_repeated_total', 'Messages of all kinds that had been heard before.', [
    [{}, cluster?.gossip.repeated ?? 0],
  ]);
  set.gauge('agent_collab_majority', 'Whether this node can grant with a majority; 1 for a node alone.', [
    [{}, Number(locks.agreement?.majority ?? true)],
  ]);
}
