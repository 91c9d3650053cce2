import type { NodeId } from '../base/ids.ts';
import type { PlacedWireClaim } from './message.ts';
import type { AgreedLock, Assurance } from './outcome.ts';

/** A lease of this node. All times are on the lease clock. */
export class HeldLease {
  readonly wire: PlacedWireClaim;
  readonly fence: number;
  readonly assurance: Assurance;
  ttlMs: number;
  /** Until when its holder wants it: its last sign of life and the ttl. */
  wantMs: number;
  /** Until when a majority of the view promises it; of a `local` lease nobody does. */
  backedMs = 0;
  /** What each member promises, in this view. */
  readonly backing: Map<NodeId, number>;
  /** Members that are known to have the claim. */
  readonly knownBy = new Set<NodeId>();
  /** The clocks made it doubtful at this time, and nobody has confirmed it since. */
  doubtedMs: number | undefined = undefined;

  constructor(
    wire: PlacedWireClaim,
    fence: number,
    assurance: Assurance,
    nowMs: number,
    backing: Map<NodeId, number>,
  ) {
    this.wire = wire;
    this.fence = fence;
    this.assurance = assurance;
    this.ttlMs = wire.ttlMs;
    this.wantMs = nowMs + wire.ttlMs;
    this.backing = backing;
  }

  /** When the lease ends unless something is done. */
  get endMs(): number {
    return this.assurance === 'local' ? this.wantMs : Math.min(this.wantMs, this.backedMs);
  }

  isValid(nowMs: number): boolean {
    return this.doubtedMs === undefined && nowMs < this.endMs;
  }

  /** Counts the promises: until when `quorum` members keep it. A promise that ended earlier is not taken back. */
  count(quorum: number): void {
    const untils = [...this.backing.values()].sort((a, b) => b - a);
    const until = untils[quorum - 1];
    if (until !== undefined) this.backedMs = Math.max(this.backedMs, until);
  }

  snapshot(nowMs: number): AgreedLock {
    const { id, agent, targets, mode } = this.wire;
    return {
      id,
      agent,
      targets,
      mode,
      fence: this.fence,
      assurance: this.assurance,
      remainingMs: Math.max(0, this.endMs - nowMs),
      ttlMs: this.ttlMs,
    };
  }
}
