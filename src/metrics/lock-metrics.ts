/** What became of claims and leases since the daemon began, and how long they took. Fed by every transition of a lock. */
import type { LockTransition } from '../lock/outcome.ts';
import { Histogram, holdBounds, waitBounds } from './histogram.ts';
import type { MetricSet } from './metric-set.ts';

type Action = LockTransition['action'];
const actions: readonly Action[] = [
  'acquired',
  'renewed',
  'released',
  'expired',
  'forced',
  'lost',
  'waited',
  'denied',
];
const ends = ['released', 'expired', 'forced', 'lost'] as const;

export class LockMetrics {
  readonly #transitions: Record<Action, number>;
  readonly #denials = new Map<string, number>();
  readonly #waits = new Histogram(waitBounds);
  readonly #holds: Readonly<Record<(typeof ends)[number], Histogram>>;

  constructor() {
    this.#transitions = Object.fromEntries(actions.map((action) => [action, 0])) as Record<Action, number>;
    this.#holds = Object.fromEntries(ends.map((end) => [end, new Histogram(holdBounds)])) as Record<
      (typeof ends)[number],
      Histogram
    >;
  }

  /** Called from inside the lock table: quick, and never throws. */
  note(transition: LockTransition): void {
    this.#transitions[transition.action] += 1;
    switch (transition.action) {
      case 'acquired':
        this.#waits.observe(transition.waitedMs / 1000);
        break;
      case 'released':
      case 'expired':
      case 'forced':
      case 'lost':
        this.#holds[transition.action].observe((transition.atMs - transition.lock.acquiredAtMs) / 1000);
        break;
      case 'denied': {
        const { reason } = transition.denial;
        this.#denials.set(reason, (this.#denials.get(reason) ?? 0) + 1);
        break;
      }
    }
  }

  write(set: MetricSet): void {
    set.counter(
      'agent_collab_lock_transitions_total',
      'Transitions of locks, as the audit trail has them.',
      actions.map((action) => [{ action }, this.#transitions[action]]),
    );
    set.counter(
      'agent_collab_lock_denials_total',
      'Claims that were denied, by reason; of a run of rate denials only the first.',
      [...this.#denials].map(([reason, count]) => [{ reason }, count]),
    );
    set.histogram('agent_collab_lock_wait_seconds', 'Time from a claim to its grant.', [
      [{}, this.#waits.buckets],
    ]);
    set.histogram(
      'agent_collab_lock_hold_seconds',
      'Time from a grant to the end of the lease, by how it ended.',
      ends.map((end) => [{ end }, this.#holds[end].buckets]),
    );
  }
}
