/**
 * Leases live in memory and end with the process, killed or stopped. Their holders must be told before they write again, so
 * at its start the daemon looks in the audit trail for leases whose end is not recorded: those are the ones that it lost.
 */
import type { AuditAction } from '../audit/audit-action.ts';
import type { AuditEvent } from '../audit/audit-event.ts';
import { type HlcTime, hlcFromMs, hlcToMs } from '../base/hybrid-clock.ts';
import type { RepoPath } from '../base/ids.ts';
import type { Lock, Notice } from '../lock/lock.ts';
import { wholeFile } from '../lock/scope.ts';
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

/**
 * Records each lease that ended with the process before this one, and has its holder told; and has told again what an earlier
 * process ended when there is no sign that its holder has called since. Twice is better than never.
 * @returns how many leases ended with the process before.
 */
export async function tellLostLeases({ audit, locks, nowMs }: LostLeaseParts): Promise<number> {
  const { lost, untold } = await findEnds(audit.store, nowMs);
  for (const event of lost) {
    const { at, node, action, metadata, ...lease } = event;
    audit.record({
      ...lease,
      action: 'lost',
      metadata: { cause: 'restart', grantedAt: isoTime(hlcToMs(at)) },
    });
  }
  for (const event of [...lost, ...untold]) {
    const lock = lockOf(event);
    if (lock === undefined) continue;
    const by = event.metadata?.by;
    locks.addNotice({
      lock,
      cause: causes[event.action] ?? 'restart',
      atMs: lost.includes(event) ? nowMs : hlcToMs(event.at),
      ...(typeof by === 'string' ? { by } : {}),
    });
  }
  return lost.length;
}

const causes: Partial<Record<AuditAction, Notice['cause']>> = {
  expired: 'expired',
  forced: 'forced',
  lost: 'restart',
};
/** What an agent does itself, and so hears what it was told with the answer. */
const ownActions: ReadonlySet<AuditAction> = new Set(['acquired', 'renewed', 'released', 'denied', 'waited']);

interface Ends {
  /** Grants whose end is not recorded. */
  readonly lost: readonly AuditEvent[];
  /** Early ends after which their holder shows in no record. */
  readonly untold: readonly AuditEvent[];
}

async function findEnds(audit: AuditStore, nowMs: number): Promise<Ends> {
  const locks = new Set<string>();
  const seen = new Set<string>();
  const lost: AuditEvent[] = [];
  const untold: AuditEvent[] = [];
  for await (const event of recentEvents(audit, nowMs)) {
    // Newest first: the first event of a lock that is met is its last, and the holders seen were there after it.
    if (event.lock !== undefined && !locks.has(event.lock)) {
      locks.add(event.lock);
      if (event.action === 'acquired' || event.action === 'renewed') lost.push(event);
      else if (causes[event.action] !== undefined && !seen.has(event.holder ?? '')) untold.push(event);
    }
    if (event.holder !== undefined && ownActions.has(event.action)) seen.add(event.holder);
  }
  return { lost, untold };
}

async function* recentEvents(audit: AuditStore, nowMs: number): AsyncGenerator<AuditEvent> {
  let cursor: HlcTime | undefined;
  for (let read = 0; read < maxEvents; ) {
    const page = await audit.query({
      from: hlcFromMs(nowMs - lookBackMs),
      limit: pageEvents,
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield* page.events;
    read += page.events.length;
    cursor = page.cursor;
    if (cursor === undefined || page.events.length === 0) return;
  }
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
    // Only told, never compared: so the text stands for the path, whatever it looks like.
    targets: (targets ?? []).map((text) => ({ project, path: text as RepoPath, scope: wholeFile })),
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
