/**
 * Leases live in memory and end with the process, killed or stopped. Their holders must be told before they write again, so
 * at its start the daemon looks in the audit trail for leases whose end is not recorded: those are the ones that it lost.
 */
import type { AuditEvent } from '../audit/audit-event.ts';
import { type HlcTime, hlcFromMs, hlcToMs } from '../base/hybrid-clock.ts';
import { parseTargetText } from '../control/target-text.ts';
import { parseTarget } from '../lock/claim.ts';
import type { Lock } from '../lock/lock.ts';
import type { AuditStore } from '../store/audit-store.ts';
import type { AuditService } from './audit-service.ts';
import type { LockService } from './lock-service.ts';
import { isoTime } from './views.ts';

/** How far back a lease that is still held may have been granted: activity renews it without a record. */
const lookBackMs = 24 * 3_600_000;
/** Bounds the time that a start spends here, to about 50 ms. */
const maxEvents = 20_000;
const pageEvents = 1000;

export interface LostLeaseParts {
  readonly audit: AuditService;
  readonly locks: LockService;
  readonly nowMs: number;
}

/** Records each lease that ended with the process before this one, and has its holder told. Returns how many there were. */
export async function tellLostLeases({ audit, locks, nowMs }: LostLeaseParts): Promise<number> {
  const lost = await findLostLeases(audit.store, nowMs);
  for (const event of lost) {
    const { at, node, action, metadata, ...lease } = event;
    audit.record({
      ...lease,
      action: 'lost',
      metadata: { cause: 'restart', grantedAt: isoTime(hlcToMs(at)) },
    });
    const lock = lockOf(event);
    if (lock !== undefined) locks.addNotice({ lock, cause: 'restart', atMs: nowMs });
  }
  return lost.length;
}

/** The grants whose end is not recorded, newest first. */
async function findLostLeases(audit: AuditStore, nowMs: number): Promise<readonly AuditEvent[]> {
  const seen = new Set<string>();
  const lost: AuditEvent[] = [];
  let cursor: HlcTime | undefined;
  for (let read = 0; read < maxEvents; ) {
    const page = await audit.query({
      from: hlcFromMs(nowMs - lookBackMs),
      limit: pageEvents,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const event of page.events) {
      if (event.lock === undefined || seen.has(event.lock)) continue;
      // Newest first, so the first event of a lock that is met is its last: a grant there has no end.
      if (event.action === 'acquired' || event.action === 'renewed') lost.push(event);
      seen.add(event.lock);
    }
    read += page.events.length;
    cursor = page.cursor;
    if (cursor === undefined || page.events.length === 0) break;
  }
  return lost;
}

/** The lock as far as its record tells: enough to name it to its holder. */
function lockOf(event: AuditEvent): Lock | undefined {
  const { lock, fence, holder, holderName, project, targets, intention } = event;
  if (lock === undefined || fence === undefined || holder === undefined || project === undefined)
    return undefined;
  const atMs = hlcToMs(event.at);
  return {
    id: lock,
    fence,
    targets: (targets ?? []).map((text) => parseTarget({ project, ...parseTargetText(text) })),
    mode: event.metadata?.mode === 'shared' ? 'shared' : 'exclusive',
    holder,
    ...(holderName === undefined ? {} : { holderName }),
    intention: intention ?? '',
    acquiredAtMs: atMs,
    expiresAtMs: atMs,
    assurance: 'local',
    priority: 0,
    ttlMs: 0,
  };
}
