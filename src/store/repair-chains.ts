/** What the records of a repaired log say of their sources, and where each source then stands. */
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import type { Delta } from '../delta/delta.ts';
import { type DeltaFrame, genesisHash } from '../delta/delta-frame.ts';
import type { SourceHead } from './log-view.ts';
import type { SeqRange } from './lost-marker.ts';

interface SourceChain {
  readonly firstSeq: number;
  readonly firstPrev: Uint8Array;
  seq: number;
  hash: Uint8Array;
  /** How many positions were lost before the newest record. */
  lostBefore: number;
  readonly gaps: SeqRange[];
}

/** A head that was stored. */
export interface KnownHead {
  readonly head: SourceHead;
  /** False when it may be older than the one that was lost. */
  readonly isSure: boolean;
}

export class Chains {
  readonly sources = new Map<NodeId, SourceChain>();
  clock = 0 as HlcTime;
  lost = 0;

  /** In log order. */
  add(delta: Delta, frame: DeltaFrame): void {
    if (delta.time > this.clock) this.clock = delta.time;
    const { seq } = delta;
    const hash = Buffer.from(frame.hash);
    const chain = this.sources.get(delta.source);
    if (chain === undefined) {
      const firstPrev = Buffer.from(frame.prev);
      this.sources.set(delta.source, {
        firstSeq: seq,
        firstPrev,
        seq,
        hash,
        lostBefore: this.lost,
        gaps: [],
      });
      return;
    }
    if (seq > chain.seq + 1) chain.gaps.push([chain.seq + 1, seq - 1]);
    chain.seq = seq;
    chain.hash = hash;
    chain.lostBefore = this.lost;
  }

  /** Where each source stands: by its records, and by its stored head where that has seen more than is left. */
  heads(known: ReadonlyMap<NodeId, KnownHead>, own: NodeId | undefined): ReadonlyMap<NodeId, SourceHead> {
    const names = new Set([...known.keys(), ...this.sources.keys(), ...(own === undefined ? [] : [own])]);
    return new Map(
      [...names].map((source) => [source, this.#head(source, known.get(source), source === own)]),
    );
  }

  /** The seqs between the floor and the head of a source that no record has. */
  gaps(source: NodeId, { seq, floorSeq }: SourceHead): readonly SeqRange[] {
    const chain = this.sources.get(source);
    if (chain === undefined) return seq > floorSeq ? [[floorSeq + 1, seq]] : [];
    const before: SeqRange[] = chain.firstSeq > floorSeq + 1 ? [[floorSeq + 1, chain.firstSeq - 1]] : [];
    const behind: SeqRange[] = seq > chain.seq ? [[chain.seq + 1, seq]] : [];
    return [...before, ...chain.gaps, ...behind];
  }

  #head(source: NodeId, known: KnownHead | undefined, isOwn: boolean): SourceHead {
    const chain = this.sources.get(source);
    const isBelow =
      known !== undefined && known.head.floorSeq < (chain?.firstSeq ?? Number.POSITIVE_INFINITY);
    const floor = isBelow
      ? { floorSeq: known.head.floorSeq, floorHash: known.head.floorHash }
      : { floorSeq: (chain?.firstSeq ?? 1) - 1, floorHash: chain?.firstPrev ?? genesisHash };
    const last = chain ?? { seq: floor.floorSeq, hash: floor.floorHash };
    const ahead = known === undefined ? 0 : known.head.seq - last.seq;
    // A stored head that may be wrong counts as far as what is lost can account for it; the own one may have gone further.
    if (known !== undefined && ahead > 0 && (known.isSure || (ahead <= this.lost && !isOwn)))
      return { seq: known.head.seq, hash: known.head.hash, ...floor };
    // Its own seqs must not be given twice: whatever is lost behind its newest record may have been its own.
    const given = isOwn && known?.isSure !== true ? this.lost - (chain?.lostBefore ?? 0) : 0;
    return { seq: last.seq + given, hash: last.hash, ...floor };
  }
}
