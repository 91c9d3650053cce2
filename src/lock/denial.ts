/** The denials of the lock table, each with what to do next. */
import { formatDuration } from '../base/duration.ts';
import type { Blocker, CycleStep, EndedLock, Lock } from './lock.ts';
import type { Denial, DenialReason, Refusal } from './outcome.ts';

/** A denial because of others; the first blocker is the one that it names. */
export function blockedDenial(
  reason: 'held' | 'queued' | 'timeout' | 'cancelled',
  blockers: readonly Blocker[],
  wallMs: number,
): Denial {
  const first = blockers[0];
  if (first === undefined) return plainDenial(reason, nextFor(reason, 'another agent'));
  const leaseFields =
    first.kind === 'lease'
      ? {
          expiresAtMs: first.expiresAtMs,
          lockId: first.lockId,
          retryAfterMs: Math.max(0, Math.ceil(first.expiresAtMs - wallMs)),
        }
      : {};
  return {
    outcome: 'denied',
    reason,
    holder: first.holder,
    ...(first.holderName === undefined ? {} : { holderName: first.holderName }),
    intention: first.intention,
    overlap: first.overlap,
    ...leaseFields,
    blockers,
    next: nextFor(reason, first.holderName ?? first.holder),
  };
}

export function deadlockDenial(
  cycle: readonly CycleStep[],
  blockers: readonly Blocker[],
  wallMs: number,
): Denial {
  const steps = cycle.map((step) => `${step.agent} waits for ${step.waitsFor} (${step.path})`);
  return {
    ...blockedDenial('held', blockers, wallMs),
    reason: 'deadlock',
    cycle,
    next: `Release a lock that the others wait for, then claim again: ${steps.join(', ')}.`,
  };
}

export function rateDenial(retryAfterMs: number): Denial {
  const next = `Ask again in ${formatDuration(retryAfterMs)}; claim several targets in one call rather than one by one.`;
  return { outcome: 'denied', reason: 'rate', retryAfterMs, blockers: [], next };
}

export function limitDenial(next: string): Denial {
  return plainDenial('limit', next);
}

const clusterNext = {
  'no-majority':
    'Bring the other nodes back, see `agent-collab peers list`; or allow marked local grants: agent-collab config set locks.partition local.',
  'not-member': 'This node is no member of its cluster any more: agent-collab leave makes it work alone.',
  disk: 'Ask again in a moment; what the disk is doing: agent-collab doctor.',
};

/** A claim of a node that its cluster cannot decide with. */
export function clusterDenial(reason: keyof typeof clusterNext): Denial {
  return plainDenial(reason, clusterNext[reason]);
}

export function closedDenial(): Denial {
  return plainDenial('cancelled', 'The daemon is shutting down; ask again when it is back.');
}

function plainDenial(reason: DenialReason, next: string): Denial {
  return { outcome: 'denied', reason, blockers: [], next };
}

/** What the error itself says of the blocker is not said again. */
function nextFor(reason: 'held' | 'queued' | 'timeout' | 'cancelled', whom: string): string {
  if (reason === 'cancelled') return 'The wait was cancelled; claim again if the lock is still needed.';
  const again = reason === 'timeout' ? 'Wait longer' : 'Wait for it';
  return `${again} (--wait 2m; waitMs in the API), work on something else, or ask ${whom} to release it.`;
}

/** The answer about a lock that is not held, from what is remembered of its end. */
export function endedRefusal(ended: EndedLock): Refusal {
  return {
    outcome: 'refused',
    reason: ended.cause,
    lock: ended.lock,
    ended,
    next: 'Claim the lock again, and read the file again before writing: others may have changed it.',
  };
}

/** A lock of this node that its cluster has to be asked about. */
export function unsettledRefusal(reason: 'unconfirmed' | 'no-majority', lock: Lock): Refusal {
  const next =
    reason === 'unconfirmed'
      ? 'Ask again in a second: the members of the cluster are being asked.'
      : 'It lives on as it was; renew it again, and see who is there: agent-collab peers list.';
  return { outcome: 'refused', reason, lock, next };
}

export function elsewhereRefusal(lock: Lock): Refusal {
  const where = lock.nodeName ?? lock.node ?? 'another node';
  return { outcome: 'refused', reason: 'elsewhere', lock, next: `Ask on ${where}, whose agent holds it.` };
}

/** `restart`: the fence was given by an earlier process, whose locks ended with it. */
export function unknownRefusal(reason: 'unknown' | 'restart'): Refusal {
  const next =
    reason === 'restart'
      ? 'The daemon restarted and locks do not outlive it: claim again and read the file again before writing.'
      : 'Check the lock id, or claim the lock again.';
  return { outcome: 'refused', reason, next };
}

export function heldOtherwiseRefusal(reason: 'stale-fence' | 'not-holder', lock: Lock): Refusal {
  const next =
    reason === 'stale-fence'
      ? 'The fence is not that of this lock: claim again and use the fence of the new grant.'
      : `Only ${lock.holderName ?? lock.holder} can do this; a person can force the lock with a reason.`;
  return { outcome: 'refused', reason, lock, next };
}
