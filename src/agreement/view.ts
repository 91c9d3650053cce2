import assert from 'node:assert/strict';
import type { NodeId } from '../base/ids.ts';

/** Members of one view at most: SPEC §10 aims at 2 to 50, and the rank of a member has to fit into a fence. */
export const maxMembers = 256;

/** Who agrees. Views of one cluster are numbered without a gap, and each is decided by a majority of the one before. */
export interface View {
  /** 0: no member of any cluster yet. */
  readonly epoch: number;
  /** Sorted, without duplicates. */
  readonly members: readonly NodeId[];
  /**
   * Somebody was put out of this view or an earlier one who may still hold leases: then it is not enough to ask the
   * members what they hold.
   */
  readonly departed: boolean;
}

/** Members that make a grant or decide a view: any two such groups share one. */
export function majorityOf(view: View): number {
  return Math.floor(view.members.length / 2) + 1;
}

/** Members whose promises together hold every grant of the view: such a group shares one with every majority. */
export function witnessesOf(view: View): number {
  return view.members.length - majorityOf(view) + 1;
}

export function sortedMembers(members: Iterable<NodeId>): readonly NodeId[] {
  const sorted = [...new Set(members)].sort();
  assert(sorted.length <= maxMembers, 'a view of more members than it may have');
  return sorted;
}

export function isMember(view: View, node: NodeId): boolean {
  return view.members.includes(node);
}

/** Below this stand the ranks of members; local fences of a round stand from here on. */
const localFences = 512;
/** Fences of one round. Rounds rise with every promise; 2^43 of them fit. */
const fencesPerRound = 1024;
/** A round from outside above this is refused: it would use the numbers up. */
export const maxRound = 2 ** 42;

/** The fence of a `cluster` grant: its round, and below that the member's rank, so that no two members give one number. */
export function clusterFence(round: number, view: View, self: NodeId): number {
  return round * fencesPerRound + Math.max(0, view.members.indexOf(self));
}

/** The fence of the `at`-th local grant in a round, or undefined when the round has no more. */
export function localFence(round: number, at: number): number | undefined {
  return localFences + at < fencesPerRound ? round * fencesPerRound + localFences + at : undefined;
}

/** No fence of a round is below this, and none of an earlier round is above it. */
export function firstFence(round: number): number {
  return round * fencesPerRound;
}

/** The first round of which no fence is below `fence`. */
export function roundAbove(fence: number): number {
  return Math.ceil(fence / fencesPerRound);
}
