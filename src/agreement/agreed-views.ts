/** What the agreement says, in the words of the lock table: so that whoever asks need not know which of the two decides. */
import { hlcToMs } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { blockedDenial, clusterDenial, deadlockDenial, limitDenial } from '../lock/denial.ts';
import type { Blocker, CycleStep, Elsewhere, Lock, WaitingClaim } from '../lock/lock.ts';
import type { Denial } from '../lock/outcome.ts';
import { formatTarget } from '../lock/target.ts';
import type { Obstacle, Output } from './outcome.ts';
import type { Entry } from './promise-table.ts';

export interface Viewpoint {
  readonly self: NodeId;
  /** The name that a node goes by, if it has told one. */
  readonly nameOf: (node: NodeId) => string | undefined;
  readonly nowMs: number;
  readonly wallMs: number;
}

function elsewhere(node: NodeId, { self, nameOf }: Viewpoint): Elsewhere {
  if (node === self) return {};
  const nodeName = nameOf(node);
  return { node, ...(nodeName === undefined ? {} : { nodeName }) };
}

/** A lease of whichever node, as this one knows it. */
export function lockOfEntry(entry: Entry, from: Viewpoint): Lock {
  const { claim, node, fence, assurance, dueMs } = entry;
  const { agentName, contentHash } = claim;
  return {
    id: claim.id,
    fence,
    targets: claim.targets,
    mode: claim.mode,
    holder: claim.agent,
    ...(agentName === undefined ? {} : { holderName: agentName }),
    intention: claim.intention,
    acquiredAtMs: hlcToMs(claim.stamp),
    expiresAtMs: from.wallMs + dueMs - from.nowMs,
    assurance,
    ...(contentHash === undefined ? {} : { contentHash }),
    priority: claim.priority,
    ttlMs: claim.ttlMs,
    ...elsewhere(node, from),
  };
}

export function waitingOfEntry(entry: Entry, from: Viewpoint): WaitingClaim {
  const { claim, node, order, dueMs } = entry;
  const { agentName } = claim;
  return {
    ticket: order,
    agent: claim.agent,
    ...(agentName === undefined ? {} : { agentName }),
    targets: claim.targets,
    mode: claim.mode,
    intention: claim.intention,
    priority: claim.priority,
    waitingSinceMs: hlcToMs(claim.stamp),
    deadlineAtMs: from.wallMs + dueMs - from.nowMs,
    blockers: [],
    ...elsewhere(node, from),
  };
}

export function blockerOf(obstacle: Obstacle, from: Viewpoint): Blocker {
  const { id, node, agent, agentName, intention, mode, target, overlap, state, remainingMs } = obstacle;
  const shared = {
    holder: agent,
    ...(agentName === undefined ? {} : { holderName: agentName }),
    intention,
    mode,
    overlap,
    target,
    ...elsewhere(node, from),
  };
  if (state !== 'granted') return { kind: 'waiter', ticket: 0, ...shared };
  return { kind: 'lease', lockId: id, expiresAtMs: from.wallMs + remainingMs, ...shared };
}

export function denialOf(
  { cause, obstacle, cycle }: Extract<Output, { readonly kind: 'denied' }>,
  from: Viewpoint,
): Denial {
  const blockers = obstacle === undefined ? [] : [blockerOf(obstacle, from)];
  switch (cause) {
    case 'no-majority':
    case 'not-member':
    case 'disk':
      return clusterDenial(cause);
    case 'limit':
      return limitDenial(
        'The members of the cluster keep as many locks and claims as they may: release some.',
      );
    case 'deadlock':
      return deadlockDenial(cycleOf(cycle ?? []), blockers, from.wallMs);
    default:
      return blockedDenial(cause, blockers, from.wallMs);
  }
}

/** Each claim of the cycle waits for the next, and the last for the first. */
function cycleOf(claims: readonly Obstacle[]): readonly CycleStep[] {
  return claims.flatMap((claim, at): CycleStep[] => {
    const next = claims[(at + 1) % claims.length];
    if (next === undefined) return [];
    const { intention } = next;
    return [{ agent: claim.agent, waitsFor: next.agent, intention, path: formatTarget(claim.target) }];
  });
}

/** Why a lease of this node was lost, as its holder is told. */
export function lossReason(
  { why, winner }: Extract<Output, { readonly kind: 'ended' }>,
  from: Viewpoint,
): string {
  if (winner !== undefined) {
    const who = winner.agentName ?? winner.agent;
    const where = winner.node === from.self ? 'this node' : (from.nameOf(winner.node) ?? winner.node);
    const right = winner.assurance === 'cluster' ? 'with a majority' : 'from before';
    return `${who} on ${where} holds ${formatTarget(winner.target)} ${right}, for "${winner.intention}"`;
  }
  switch (why) {
    case 'no-majority':
      return 'no majority of the cluster could be asked to keep it';
    case 'suspended':
      return 'the machine slept, or its clock was set, and the cluster no longer had it';
    case 'left':
      return 'this node is no member of its cluster any more';
    default:
      return 'it gave way to another node';
  }
}
