/** Writes anew what can be had of an audit trail. What leads to the events is derived from them. */
import { type AuditEvent, decodeAuditEvent, encodeAuditEvent } from '../audit/audit-event.ts';
import { type HlcTime, isHlcTime } from '../base/hybrid-clock.ts';
import type { NodeId } from '../base/ids.ts';
import { type AuditRecord, AuditWriter } from './audit-log.ts';
import { isCount, tryDecodeMeta } from './meta-table.ts';
import { numberOf, Salvage, type SalvagedEntry, salvageMetaValues } from './salvage.ts';
import { metaValue } from './store-facts.ts';
import { digestName, isStoredDigest } from './table-digest.ts';

export interface RepairedAudit {
  readonly lost: number;
  /** True when there may have been more: how many there were can be lost too. */
  readonly atLeast: boolean;
}

const batchEvents = 4096;

/**
 * @param fresh a directory that does not exist yet.
 * @param witness time up to which the trail is known to have gone.
 */
export async function repairAudit(
  directory: string,
  fresh: string,
  node: NodeId | undefined,
  witness: number,
  onProgress: (done: number, total: number) => void,
): Promise<RepairedAudit> {
  const salvage = Salvage.open(directory);
  const writer = await AuditWriter.open(fresh);
  try {
    const told = salvage === undefined ? nothingTold : whatItTold(salvage);
    const copied = salvage === undefined ? noneCopied : copyEvents(salvage, writer, told, onProgress);
    const newest = Math.max(witness, told.newest, writer.newest());
    const repaired = lostEvents(told, copied, writer.newest() < newest || wentFurther(salvage, fresh));
    writer.raiseSpan({ newest, dropped: told.dropped ?? 0 });
    if (repaired.lost > 0) recordGap(writer, node, newest, repaired);
    return repaired;
  } finally {
    salvage?.close();
    await writer.close();
  }
}

/** Whether more was written to the damaged trail than to one that was just made: then it had events, though nothing of them is left. */
function wentFurther(salvage: Salvage | undefined, fresh: string): boolean {
  const empty = Salvage.open(fresh);
  try {
    const [was, is] = [salvage?.claimedExtent(), empty?.claimedExtent()];
    if (was === undefined || is === undefined) return false;
    return was.transaction > is.transaction || was.lastPage > is.lastPage;
  } finally {
    empty?.close();
  }
}

/** @param isShort the trail ends before it should. */
function lostEvents({ count }: Told, { events, isCertain }: Copied, isShort: boolean): RepairedAudit {
  const missing = count === undefined ? 0 : Math.max(0, count - events);
  const isCounted = count !== undefined && isCertain;
  // Without a count the damage itself is the sign of a loss.
  const lost = isCounted || missing > 0 ? missing : Number(isShort || events > 0);
  return { lost, atLeast: !isCounted && lost > 0 };
}

/** The loss is itself an event. Who wrote the trail is unknown when nothing of it is left. */
function recordGap(
  writer: AuditWriter,
  node: NodeId | undefined,
  newest: number,
  { lost, atLeast }: RepairedAudit,
): void {
  const at = (newest + 1) as HlcTime;
  const event: AuditEvent = {
    at,
    action: 'gap',
    node: node ?? ('' as NodeId),
    metadata: { lost, cause: 'repair', ...(atLeast && { atLeast }) },
  };
  writer.append([{ at, frame: encodeAuditEvent(event) }]);
}

interface Told {
  /** How many events there were; undefined when nothing tells. */
  readonly count: number | undefined;
  /** Time of the newest ever, and of the newest that retention has dropped, as far as is known. */
  readonly newest: number;
  readonly dropped: number | undefined;
  /** No event of a later time was committed. */
  readonly end: number;
}

const nothingTold: Told = {
  count: undefined,
  newest: 0,
  dropped: undefined,
  end: Number.POSITIVE_INFINITY,
};

interface Copied {
  readonly events: number;
  /** False when some of them may be events that retention had dropped. */
  readonly isCertain: boolean;
}

const noneCopied: Copied = { events: 0, isCertain: true };

function whatItTold(salvage: Salvage): Told {
  const { sure, guessed } = salvageMetaValues(salvage, (name, stored) =>
    name === digestName
      ? tryDecodeMeta(name, stored, isStoredDigest) !== undefined
      : tryDecodeMeta(name, stored, isCount) !== undefined,
  );
  const digest = metaValue(sure, digestName, isStoredDigest);
  const older = metaValue(guessed, digestName, isStoredDigest);
  const newest = digest?.newest ?? older?.newest ?? 0;
  const dropped = digest === undefined ? undefined : (digest.dropped ?? 0);
  const end = digest?.newest ?? Number.POSITIVE_INFINITY;
  return { count: digest?.tables.events?.[0] ?? salvage.count('events'), newest, dropped, end };
}

function copyEvents(
  salvage: Salvage,
  writer: AuditWriter,
  { count, dropped, end }: Told,
  onProgress: (done: number, total: number) => void,
): Copied {
  const seen = new Set<number>();
  let batch: AuditRecord[] = [];
  const flush = () => {
    if (batch.length > 0) writer.append(batch);
    batch = [];
    onProgress(seen.size, count ?? seen.size);
  };
  // Damage may lead to what was there once: a file is full of events that retention has dropped.
  const { cutOff, damagedLeaves } = salvage.walk('events', () => {});
  const oldest = cutOff && dropped !== undefined ? dropped + 1 : 0;
  const take = (entry: SalvagedEntry) => {
    const record = numberOf(entry) < oldest ? undefined : readEvent(entry);
    if (record === undefined || seen.has(record.at)) return;
    seen.add(record.at);
    batch.push(record);
    if (batch.length >= batchEvents) flush();
  };
  salvage.walk('events', take);
  for (const page of damagedLeaves) salvage.loose(page, take);
  // And it may have some that were never committed.
  let isCertain = true;
  if (cutOff)
    salvage.scan((entry, { state }) => {
      const isOurs = state === 'live' || (numberOf(entry) <= end && dropped !== undefined);
      if (isOurs) take(entry);
      else if (state === 'unknown') {
        isCertain = false;
        take(entry);
      }
    });
  flush();
  return { events: seen.size, isCertain };
}

function readEvent(entry: SalvagedEntry): AuditRecord | undefined {
  const at = numberOf(entry);
  if (!isHlcTime(at)) return undefined;
  try {
    decodeAuditEvent(at, entry.value);
    return { at, frame: entry.value };
  } catch {
    // What does not decode is counted as lost.
    return undefined;
  }
}

/** The highest fence that the trail speaks of: none below it may be given again. */
export function highestFence(directory: string): number {
  const salvage = Salvage.open(directory);
  if (salvage === undefined) return 0;
  let fence = 0;
  try {
    salvage.walk('events', (entry) => {
      const record = readEvent(entry);
      if (record !== undefined) fence = Math.max(fence, decodeAuditEvent(record.at, record.frame).fence ?? 0);
    });
  } finally {
    salvage.close();
  }
  return fence;
}
