import type { NodeId } from '../base/ids.ts';
import type { PlacedWireClaim, RefusalReason } from './message.ts';
import type { Obstacle } from './outcome.ts';

export interface Promised {
  /** When, on the lease clock, the attempt was sent that this answers: from then on the promise counts. */
  readonly sentMs: number;
  /** The highest round that the member is known to have noted for this claim. */
  round: number;
}

interface Refusal {
  readonly reason: RefusalReason;
  readonly obstacle: Obstacle | undefined;
}

/** A claim of this node that is not decided. All times are on the lease clock. */
export class PendingClaim {
  readonly request: number;
  readonly wire: PlacedWireClaim;
  /** When its wait is over, or the time that it has for finding out that somebody is in the way. */
  readonly patienceMs: number;
  /** When it is answered at the latest: a wait is not so short that nobody can be asked. */
  answerMs: number;
  isInGrace = false;
  /** How long a promise for it counts. */
  readonly holdMs: number;
  readonly promised = new Map<NodeId, Promised>();
  readonly refused = new Map<NodeId, Refusal>();
  readonly yields = new Map<NodeId, number>();
  attempt = 0;
  nextSendMs = Number.NEGATIVE_INFINITY;
  /** The round that members are asked to note, while promises of different rounds are brought together. */
  raisingTo = 0;
  toldWaiting = false;
  readonly #sentMs = new Map<number, number>();

  constructor(request: number, wire: PlacedWireClaim, patienceMs: number, answerMs: number, holdMs: number) {
    this.request = request;
    this.wire = wire;
    this.patienceMs = patienceMs;
    this.answerMs = answerMs;
    this.holdMs = holdMs;
  }

  begin(nowMs: number): void {
    this.attempt += 1;
    // What asked for it may be lost.
    this.raisingTo = 0;
    this.#sentMs.set(this.attempt, nowMs);
    for (const [attempt, sentMs] of this.#sentMs) {
      if (nowMs - sentMs < this.holdMs) break;
      this.#sentMs.delete(attempt);
    }
  }

  /** @returns undefined for an attempt that is too old to count. */
  sentAt(attempt: number): number | undefined {
    return this.#sentMs.get(attempt);
  }

  /** Once: its answer may still come. */
  giveGrace(untilMs: number): void {
    this.isInGrace = true;
    this.answerMs = untilMs;
  }

  yieldsOf(member: NodeId): number {
    return this.yields.get(member) ?? 0;
  }

  /** Gives a member's promise back: what it promised before does not count any more, however late it arrives. */
  giveBack(member: NodeId): number {
    const yields = this.yieldsOf(member) + 1;
    this.yields.set(member, yields);
    this.promised.delete(member);
    return yields;
  }

  /** Whatever was answered so far counts no more: the view or the clocks changed. */
  startOver(): void {
    this.promised.clear();
    this.refused.clear();
    this.#sentMs.clear();
    this.raisingTo = 0;
    this.nextSendMs = Number.NEGATIVE_INFINITY;
  }

  isPromisedBy(member: NodeId, nowMs: number): boolean {
    const promised = this.promised.get(member);
    return promised !== undefined && nowMs < promised.sentMs + this.holdMs;
  }

  /** A lease or claim in the way that some member told of; a lease before a claim. */
  obstacle(): Obstacle | undefined {
    let found: Obstacle | undefined;
    for (const { obstacle } of this.refused.values()) {
      if (obstacle?.state === 'granted') return obstacle;
      found ??= obstacle;
    }
    return found;
  }

  /** Whether a member said no for good. */
  isRefusedBy(member: NodeId): boolean {
    const reason = this.refused.get(member)?.reason;
    return reason !== undefined && reason !== 'unready' && reason !== 'undecided';
  }

  hasConflict(): boolean {
    for (const member of this.refused.keys()) if (this.isRefusedBy(member)) return true;
    return false;
  }
}
