import { constants } from 'node:os';
import type { LaneName } from './contract.ts';

/**
 * What happens when a lane's queue is full. None of them blocks the main thread.
 * - `wait`: the frame is kept in order on the main thread and goes in as soon as there is room; who awaits it waits.
 * - `coalesce`: the frame is dropped, because the next one says the same and more.
 * - `count`: the frame is dropped, the loss is counted and recorded as an event as soon as there is room.
 */
export type FullPolicy = 'wait' | 'coalesce' | 'count';

export interface LanePolicy {
  /** Bytes of the shared queue, a power of two. */
  readonly capacityBytes: number;
  readonly whenFull: FullPolicy;
  /**
   * What an error of a batch means, when it is not the store that cannot be written and the worker lives on.
   * - `death`: counted like the end of the thread; the batch is given to the next worker.
   * - `retry`: what it stumbled over may be repaired under it; tried again, later and later.
   * - `answer`: the batch was a request; who asked is told, and the lane goes on with the next one.
   */
  readonly whenFailed: 'death' | 'retry' | 'answer';
}

/**
 * index fails at a delta that cannot be read, which `verify --repair` mends. compact does what it is asked, or says why not.
 *
 * persist: 16 MiB are about 40 000 small deltas, a quarter of a second at the rate that the disk sustains.
 * index: a notice has 24 bytes; the lane reads the log itself, so a small queue loses nothing.
 * audit: 16 MiB are about 80 000 events; bursts above that wait in the audit store's backlog first.
 * compact: a request an hour.
 */
export const lanePolicies: Readonly<Record<LaneName, LanePolicy>> = {
  persist: { capacityBytes: 2 ** 24, whenFull: 'wait', whenFailed: 'death' },
  index: { capacityBytes: 2 ** 14, whenFull: 'coalesce', whenFailed: 'retry' },
  audit: { capacityBytes: 2 ** 24, whenFull: 'count', whenFailed: 'death' },
  compact: { capacityBytes: 2 ** 12, whenFull: 'coalesce', whenFailed: 'answer' },
};

/** Frames on the main thread that wait for room in a `wait` lane, in bytes: over this the caller is told to slow down. */
export const maxBacklogBytes = 64 * 1024 * 1024;
/** Audit events on the main thread that are not encoded yet: over this they are counted as lost. */
export const maxAuditBacklog = 250_000;

/** So many deaths of a worker within `deathWindowMs` are no accident: the daemon turns read-only. */
export const maxDeaths = 3;
export const deathWindowMs = 60_000;
/** A worker with work that shows no sign of life for this long is stuck: the longest batch takes a second on a slow disk. */
export const stuckAfterMs = 30_000;
export const stuckCheckMs = 5_000;
/** Waits between attempts while a store cannot be written (disk full, read-only file system). */
export const firstRetryMs = 250;
export const maxRetryMs = 5_000;
const { EROFS, ENOSPC, EDQUOT, EIO } = constants.errno;
/** What a file system says of a write that may succeed later, by number: Node has no name for EDQUOT. The rest is for the store to find out. */
export const diskRefusals: readonly number[] = [EROFS, ENOSPC, EDQUOT, EIO];
/** Room for a small transaction of each lane. */
export const diskProbeBytes = 64 * 1024;
/** A worker that is asked to pause ends its transaction first; one that takes longer is stuck, and nothing is done under it. */
export const pauseLimitMs = 10_000;
/** A lane that is closed and has not ended within this time is reported, not waited for: SIGTERM is answered within 5 s. */
export const closeTimeoutMs = 3_000;
