/** Locks, waits and refusals as the control API and the audit trail show them. */
import type { AuditDraft } from '../audit/audit-event.ts';
import { lockDraft } from '../audit/lock-draft.ts';
import { formatDuration } from '../base/duration.ts';
import { CollabError, type ErrorCode } from '../base/errors.ts';
import type {
  ElsewhereView,
  LockView,
  Notice as NoticeView,
  TargetView,
  WaiterView,
} from '../control/results.ts';
import {
  type Blocker,
  type Elsewhere,
  type Lock,
  type Notice,
  onNode,
  type WaitingClaim,
} from '../lock/lock.ts';
import type { Denial, DenialReason, LockTransition, Refusal } from '../lock/outcome.ts';
import { formatTarget, type Target } from '../lock/target.ts';
import { isoTime } from './views.ts';

function targetView(target: Target): TargetView {
  return { path: target.path, scope: target.scope, text: formatTarget(target) };
}

export function lockView(lock: Lock): LockView {
  return {
    id: lock.id,
    fence: lock.fence,
    project: lock.targets[0]?.project ?? '',
    targets: lock.targets.map(targetView),
    mode: lock.mode,
    holder: lock.holder,
    ...(lock.holderName === undefined ? {} : { holderName: lock.holderName }),
    intention: lock.intention,
    acquiredAt: isoTime(lock.acquiredAtMs),
    expiresAt: isoTime(lock.expiresAtMs),
    assurance: lock.assurance,
    ...(lock.contentHash === undefined ? {} : { contentHash: lock.contentHash }),
    ...elsewhereView(lock),
  };
}

export function waiterView(waiter: WaitingClaim): WaiterView {
  return {
    agent: waiter.agent,
    targets: waiter.targets.map(targetView),
    mode: waiter.mode,
    intention: waiter.intention,
    priority: waiter.priority,
    waitingSince: isoTime(waiter.waitingSinceMs),
    ...elsewhereView(waiter),
  };
}

const whatEnded: Readonly<Record<Notice['cause'], string>> = {
  expired: 'expired',
  forced: 'was released by force',
  restart: 'ended with a restart of the daemon',
  lost: 'was lost',
};

export function noticeView(notice: Notice): NoticeView {
  const targets = notice.lock.targets.map(formatTarget);
  const by = notice.by === undefined ? '' : ` by ${notice.by}`;
  const reason = notice.reason === undefined ? '' : ` (${notice.reason})`;
  return {
    kind: notice.cause,
    lockId: notice.lock.id,
    targets,
    message: `Your lock ${notice.lock.id} on ${targets.join(', ')} ${whatEnded[notice.cause]}${by}${reason}. Acquire it again before you write.`,
    at: isoTime(notice.atMs),
  };
}

const denialCodes: Readonly<Record<DenialReason, ErrorCode>> = {
  held: 'LOCK_DENIED',
  queued: 'LOCK_DENIED',
  timeout: 'LOCK_DENIED',
  cancelled: 'LOCK_DENIED',
  deadlock: 'LOCK_DEADLOCK',
  rate: 'LOCK_RATE_LIMITED',
  limit: 'LOCK_LIMIT',
  'no-majority': 'LOCK_NO_MAJORITY',
  'not-member': 'NOT_IN_CLUSTER',
  disk: 'STORE_UNAVAILABLE',
};

/** A denial in the form that leaves the daemon. */
export function denialError(denial: Denial, nowMs: number): CollabError {
  const { holder, holderName, intention, expiresAtMs, overlap, lockId, retryAfterMs, cycle } = denial;
  const [first] = denial.blockers;
  return new CollabError(denialCodes[denial.reason], denialMessage(denial, nowMs), {
    next: denial.next,
    details: {
      reason: denial.reason,
      ...(holder === undefined ? {} : { holder }),
      ...(holderName === undefined ? {} : { holderName }),
      ...(first === undefined ? {} : elsewhereView(first)),
      ...(intention === undefined ? {} : { intention }),
      ...(expiresAtMs === undefined ? {} : { expiresAt: isoTime(expiresAtMs) }),
      ...(overlap === undefined ? {} : { overlap }),
      ...(lockId === undefined ? {} : { lockId }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(cycle === undefined ? {} : { cycle }),
      blockers: denial.blockers.map(blockerView),
    },
  });
}

function denialMessage(denial: Denial, nowMs: number): string {
  const [blocker] = denial.blockers;
  const who = blocker === undefined ? undefined : describeBlocker(blocker, nowMs);
  switch (denial.reason) {
    case 'rate':
      return 'this agent claims locks faster than the rate limit';
    case 'limit':
      return 'the daemon holds as many locks or waiting claims as it may';
    case 'deadlock':
      return `waiting would never end: ${(denial.cycle ?? []).map((step) => `${step.agent} waits for ${step.waitsFor} (${step.path})`).join(', ')}`;
    case 'timeout':
      return `still not free after the wait: ${who ?? 'others are ahead'}`;
    case 'cancelled':
      return 'the wait was cancelled';
    case 'no-majority':
      return 'no majority of the cluster can be reached, and locks.partition refuses local grants';
    case 'not-member':
      return 'this node is no member of its cluster any more';
    case 'disk':
      return 'this node has not written in time what has to be on its disk before a grant';
    default:
      return who ?? 'another agent is ahead';
  }
}

function describeBlocker(blocker: Blocker, nowMs: number): string {
  const agent =
    blocker.holderName === undefined ? blocker.holder : `${blocker.holderName} (${blocker.holder})`;
  const name = agent + onNode(blocker);
  const what = `${formatTarget(blocker.target)} for "${blocker.intention}"`;
  return blocker.kind === 'lease'
    ? `${name} holds ${what}, for another ${formatDuration(blocker.expiresAtMs - nowMs)}`
    : `${name} waits ahead for ${what}`;
}

export function elsewhereView({ node, nodeName }: Elsewhere): ElsewhereView {
  return { ...(node === undefined ? {} : { node }), ...(nodeName === undefined ? {} : { nodeName }) };
}

function blockerView(blocker: Blocker): Readonly<Record<string, unknown>> {
  return {
    kind: blocker.kind,
    holder: blocker.holder,
    ...(blocker.holderName === undefined ? {} : { holderName: blocker.holderName }),
    intention: blocker.intention,
    mode: blocker.mode,
    overlap: blocker.overlap,
    target: formatTarget(blocker.target),
    ...elsewhereView(blocker),
    ...(blocker.kind === 'lease'
      ? {
          lockId: blocker.lockId,
          ...(blocker.fence === undefined ? {} : { fence: blocker.fence }),
          expiresAt: isoTime(blocker.expiresAtMs),
        }
      : {}),
  };
}

const refusalWords: Readonly<Record<Refusal['reason'], string>> = {
  released: 'was released',
  expired: 'has expired',
  forced: 'was released by force',
  restart: 'ended with a restart of the daemon',
  lost: 'was lost',
  unknown: 'is not known',
  'stale-fence': 'is held under another fence',
  'not-holder': 'belongs to another agent',
  elsewhere: 'is held by an agent of another node',
  unconfirmed: 'is not confirmed by the cluster yet',
  'no-majority': 'could not be extended: no majority of the cluster was reached',
};

function refusalMessage(id: string, refusal: Refusal): string {
  const by = refusal.ended?.by === undefined ? '' : ` by ${refusal.ended.by}`;
  const reason = refusal.ended?.reason === undefined ? '' : ` (${refusal.ended.reason})`;
  return `the lock ${id} ${refusalWords[refusal.reason]}${by}${reason}`;
}

export function refusalError(id: string, refusal: Refusal): CollabError {
  const codes: Partial<Record<Refusal['reason'], ErrorCode>> = {
    'stale-fence': 'LOCK_STALE_FENCE',
    'not-holder': 'LOCK_NOT_HOLDER',
    'no-majority': 'LOCK_NO_MAJORITY',
  };
  return new CollabError(codes[refusal.reason] ?? 'LOCK_NOT_HELD', refusalMessage(id, refusal), {
    next: refusal.next,
    details: {
      lockId: id,
      reason: refusal.reason,
      ...(refusal.lock === undefined ? {} : { holder: refusal.lock.holder, fence: refusal.lock.fence }),
      ...(refusal.ended === undefined ? {} : { endedAt: isoTime(refusal.ended.atMs) }),
    },
  });
}

/** A transition of the lock table as the audit trail keeps it. */
export function auditDraft(transition: LockTransition): AuditDraft {
  switch (transition.action) {
    case 'denied':
    case 'waited':
      return claimDraft(transition);
    case 'acquired':
      return {
        ...lockDraft(transition.action, transition.lock),
        metadata: { mode: transition.lock.mode, waitedMs: Math.round(transition.waitedMs) },
      };
    case 'forced':
      return {
        ...lockDraft(transition.action, transition.lock),
        metadata: { by: transition.by, reason: transition.reason },
      };
    case 'lost':
      return {
        ...lockDraft(transition.action, transition.lock),
        metadata: { cause: transition.cause, reason: transition.reason },
      };
    default:
      return lockDraft(transition.action, transition.lock);
  }
}

function claimDraft(transition: Extract<LockTransition, { action: 'denied' | 'waited' }>): AuditDraft {
  const { claim } = transition;
  const [blocker] = transition.action === 'denied' ? transition.denial.blockers : transition.blockers;
  return {
    action: transition.action,
    holder: claim.agent,
    ...(claim.agentName === undefined ? {} : { holderName: claim.agentName }),
    ...(claim.targets[0] === undefined ? {} : { project: claim.targets[0].project }),
    targets: claim.targets.map(formatTarget),
    intention: claim.intention,
    metadata: {
      ...(transition.action === 'denied' ? { reason: transition.denial.reason } : {}),
      ...(blocker === undefined
        ? {}
        : { blockedBy: blocker.holder, blockedByTarget: formatTarget(blocker.target) }),
    },
  };
}
