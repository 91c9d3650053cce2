import type { Lock } from '../lock/lock.ts';
import { formatTarget } from '../lock/target.ts';
import type { AuditAction } from './audit-action.ts';
import type { AuditDraft } from './audit-event.ts';

/** An event about a lock, as the trail names it. */
export function lockDraft(action: AuditAction, lock: Lock): AuditDraft {
  const { id, fence, holder, holderName, targets, intention } = lock;
  return {
    action,
    lock: id,
    fence,
    holder,
    ...(holderName === undefined ? {} : { holderName }),
    ...(targets[0] === undefined ? {} : { project: targets[0].project }),
    targets: targets.map(formatTarget),
    intention,
  };
}
