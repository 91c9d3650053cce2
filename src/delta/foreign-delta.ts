import type { HlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';

/**
 * A delta of another node, checked off the main thread: its body decodes, its hash is right, and a signature of its source vouches for
 * it. The main thread compares it with the head of its source and looks no further.
 */
export interface ForeignDelta {
  readonly source: NodeId;
  readonly seq: number;
  readonly time: HlcTime;
  /** The author's bytes, as they are hashed, told and stored. */
  readonly body: Uint8Array;
  /** Hash of the source's previous delta. */
  readonly prev: Uint8Array;
  /** Over `prev` and `body`. */
  readonly hash: Uint8Array;
  /** Of `hash`, by the source: on the last delta of a run, whose earlier ones it vouches for through the chain. */
  readonly signature?: Uint8Array | undefined;
}

/** The newest delta of a source and its hash, which the next one names as `prev`. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: Uint8Array;
}
