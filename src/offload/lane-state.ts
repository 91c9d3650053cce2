import { CollabError, type WireError } from '../base/errors.ts';
import type { LaneName } from './contract.ts';

export type LaneState =
  | { readonly state: 'running' }
  | { readonly state: 'paused' }
  | { readonly state: 'restarting'; readonly error: WireError }
  | { readonly state: 'failed'; readonly error: WireError }
  | { readonly state: 'closed' };

/** Whether a lane in this trouble waits before it tries again. */
export function isWaiting({ code }: WireError): boolean {
  return code === 'STORE_UNAVAILABLE' || code === 'STORE_DAMAGED';
}

/** What a caller is told whose record is in the queue: it will most likely be written, only when is not known. */
export function interruption(lane: LaneName, cause: CollabError): CollabError {
  return new CollabError('STORE_UNAVAILABLE', `the ${lane} lane was interrupted: ${cause.message}`, {
    next: 'It was accepted and is written as soon as that is possible. Look whether it is there before you send it again.',
    details: { accepted: true, lane },
    cause,
  });
}
