/** Asks the compact lane to drop what is too old, and says what came of it. */

import { CollabError } from '../base/errors.ts';
import type { HlcTime } from '../base/hybrid-clock.ts';
import type { Position } from '../base/ids.ts';
import { encodeNumbers, frameKind } from '../queue/lane-frames.ts';
import type { Lane } from './lane.ts';
import type { Maintenance } from './maintenance.ts';
import type { StoreHandles } from './store-handles.ts';

export class Retention {
  readonly #lane: Lane<'compact'>;
  readonly #handles: StoreHandles;
  readonly #maintenance: Maintenance;

  constructor(lane: Lane<'compact'>, handles: StoreHandles, maintenance: Maintenance) {
    this.#lane = lane;
    this.#handles = handles;
    this.#maintenance = maintenance;
  }

  /** Resolves with the number of deltas dropped, and the oldest position kept. */
  dropDeltas(
    before: HlcTime,
    below?: Position,
  ): Promise<{ readonly dropped: number; readonly floor: Position }> {
    return this.#maintenance.inTurn('dropping old deltas', async () => {
      const { floor } = (await this.#handles.deltas()).snapshot();
      await this.#request(before, 0, below);
      const after = (await this.#handles.deltas()).snapshot().floor;
      return { dropped: after - floor, floor: after };
    });
  }

  /** Resolves with the number of events dropped; events that came in meanwhile make it look smaller, never negative. */
  dropAudit(before: HlcTime): Promise<number> {
    return this.#maintenance.inTurn('dropping old audit events', async () => {
      const count = (await this.#handles.audit()).count();
      await this.#request(0, before);
      return Math.max(0, count - (await this.#handles.audit()).count());
    });
  }

  async #request(deltasBefore: number, auditBefore: number, below = 0): Promise<void> {
    const ticket = this.#lane.tryPush(frameKind.retain, encodeNumbers(deltasBefore, auditBefore, below));
    if (ticket === 'closed') throw new CollabError('STORE_CLOSED', 'the store is closed');
    if (ticket === 'full')
      throw new CollabError('STORE_UNAVAILABLE', 'the compact lane has too many requests waiting');
    await this.#lane.committed(ticket);
  }
}
