import type { NodeId } from '../base/ids.ts';
import type { View } from './view.ts';

/** A view that a member voted for as the next one. */
export interface Vote {
  readonly ballot: number;
  readonly members: readonly NodeId[];
  readonly departed: boolean;
}

/** What a member must find again after a restart. Small, and always written whole. */
export interface DurableState {
  /** Rounds below this may have been used: a restart begins here, and takes it as its boot number. */
  readonly reservedRound: number;
  readonly view: View;
  /** The highest ballot for the next view that this member promised; 0: none. */
  readonly ballot: number;
  readonly vote: Vote | undefined;
  /** No promise was given for longer, in ms of its claim's ttl: so long a restarted member stays out of promises. */
  readonly longestMs: number;
}

export function freshState(self: NodeId, joining: boolean): DurableState {
  return {
    reservedRound: 1,
    view: { epoch: joining ? 0 : 1, members: [self], departed: false },
    ballot: 0,
    vote: undefined,
    longestMs: 0,
  };
}
