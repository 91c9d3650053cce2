import type { LockId } from '../base/ids.ts';
import type { AgentState } from './agent-roster.ts';
import type { Claim } from './claim.ts';
import type { HeapItem } from './deadline-heap.ts';
import { entriesOf, type IndexEntry } from './entry-list.ts';
import type { EndedLock, Lock } from './lock.ts';
import type { PlacedClaim } from './placed-claim.ts';
import { sameTarget, type Target } from './target.ts';

/** A granted claim, as the table keeps it. */
export class Lease implements HeapItem {
  readonly id: LockId;
  readonly fence: number;
  readonly agent: AgentState;
  readonly shared: boolean;
  /** Epoch ms, for display. */
  readonly acquiredAtMs: number;
  /** The newest claim for these targets. Replaced when it is renewed or its lines move, never changed. */
  claim: Claim;
  entries: readonly IndexEntry<Lease>[];
  ttlMs: number;
  /** When the lease was granted or last renewed, monotonic. */
  baseMs: number;
  dueMs: number;
  heapIndex = -1;
  /** How the lease ended; undefined while it is held. */
  ended: EndedLock | undefined = undefined;

  get order(): number {
    return this.fence;
  }

  constructor(id: LockId, fence: number, placed: PlacedClaim, nowMs: number, wallMs: number) {
    this.id = id;
    this.fence = fence;
    this.agent = placed.agent;
    this.shared = placed.shared;
    this.acquiredAtMs = wallMs;
    this.claim = placed.claim;
    this.entries = entriesOf<Lease>(this, placed.compiled);
    this.ttlMs = placed.claim.ttlMs;
    this.baseMs = nowMs;
    this.dueMs = nowMs + placed.claim.ttlMs;
  }

  /** The instant, monotonic, from which the lease is not valid any more. */
  expiresMs(): number {
    return Math.max(this.baseMs, this.agent.touchedMs) + this.ttlMs;
  }

  /** Whether the lease is for just these targets, in any order. Neither side holds duplicates. */
  isFor(targets: readonly Target[]): boolean {
    const held = this.claim.targets;
    if (targets.length !== held.length) return false;
    return targets.every((target) => held.some((one) => sameTarget(one, target)));
  }

  snapshot(nowMs: number, wallMs: number): Lock {
    const { agentName, contentHash } = this.claim;
    const lock: Lock = {
      id: this.id,
      fence: this.fence,
      targets: this.claim.targets,
      mode: this.claim.mode,
      holder: this.agent.id,
      intention: this.claim.intention,
      acquiredAtMs: this.acquiredAtMs,
      expiresAtMs: wallMs + this.expiresMs() - nowMs,
      // A node alone is the majority of its view; the cluster protocol will say otherwise where it is not.
      assurance: 'cluster',
      priority: this.claim.priority,
      ttlMs: this.ttlMs,
    };
    if (agentName === undefined && contentHash === undefined) return lock;
    return {
      ...lock,
      ...(agentName === undefined ? {} : { holderName: agentName }),
      ...(contentHash === undefined ? {} : { contentHash }),
    };
  }
}
