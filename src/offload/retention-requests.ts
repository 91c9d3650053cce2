/** Asks the compact lane to drop what is too old, and says what came of it. */

import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import { encodeNumbers, frameKind } from '../queue/lane-frames.ts';
import type { Lane } from './lane.ts';

/** What the requests need to know of the stores to tell a result: the worker reports nothing but that it is done. */
export interface RetentionView {
  deltaFloor(): number;
  auditCount(): number;
}

export class Retention {
  readonly #lane: Lane<'compact'>;
  readonly #view: RetentionView;

  constructor(lane: Lane<'compact'>, view: RetentionView) {
    this.#lane = lane;
    this.#view = view;
  }

  /** Resolves with the number of deltas dropped. */
  async dropDeltas(before: HlcTime): Promise<number> {
    const floor = this.#view.deltaFloor();
    await this.#request(before, 0);
    return this.#view.deltaFloor() - floor;
  }

  /** Resolves with the number of events dropped; events that came in meanwhile make it look smaller, never negative. */
  async dropAudit(before: HlcTime): Promise<number> {
    const count = this.#view.auditCount();
    await this.#request(0, before);
    return Math.max(0, count - this.#view.auditCount());
  }

  async #request(deltasBefore: number, auditBefore: number): Promise<void> {
    const ticket = this.#lane.tryPush(frameKind.retain, encodeNumbers(deltasBefore, auditBefore));
    if (ticket === 'closed') throw new CollabError('STORE_CLOSED', 'the store is closed');
    if (ticket === 'full')
      throw new CollabError('STORE_UNAVAILABLE', 'the compact lane has too many requests waiting');
    await this.#lane.committed(ticket);
  }
}
