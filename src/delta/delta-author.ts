/**
 * Makes this node's deltas: seq, time and deps. Drafting takes no number: the store's vector says which seq was accepted
 * last, so a delta that the store refuses leaves no gap.
 */
import type { HybridClock } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { type Delta, type DeltaDraft, deltaId } from './delta.ts';
import { emptyVector, seqOf, type VersionVector } from './version-vector.ts';

export class DeltaAuthor {
  readonly #source: NodeId;
  readonly #clock: HybridClock;
  /** The newest draft; whether it was accepted shows when the next one is made. */
  #last: Delta | undefined;
  /** What the accepted deltas have said of the other sources. */
  #told: VersionVector = emptyVector;

  constructor(components: { readonly source: NodeId; readonly clock: HybridClock }) {
    this.#source = components.source;
    this.#clock = components.clock;
  }

  /** @param known the newest accepted seq of every source, this node's own included. */
  draft(draft: DeltaDraft, known: VersionVector): Delta {
    const newestOwn = seqOf(known, this.#source);
    if (this.#last !== undefined && newestOwn >= this.#last.seq && this.#last.deps !== emptyVector) {
      this.#told = { ...this.#told, ...this.#last.deps };
    }
    const seq = newestOwn + 1;
    this.#last = {
      id: deltaId(this.#source, seq),
      source: this.#source,
      seq,
      time: this.#clock.tick(),
      deps: this.#newDeps(known),
      agent: draft.agent,
      project: draft.project,
      type: draft.type,
      payload: draft.payload,
    };
    return this.#last;
  }

  #newDeps(known: VersionVector): VersionVector {
    let deps: Record<NodeId, number> | undefined;
    for (const source in known) {
      const other = source as NodeId;
      const seq = seqOf(known, other);
      if (other === this.#source || seq <= seqOf(this.#told, other)) continue;
      deps ??= {};
      deps[other] = seq;
    }
    return deps ?? emptyVector;
  }
}
