/** Tells this node's own deltas, once they are flushed: what comes within a few milliseconds in one message, and bulk not at all. */
import { setTimeout as delay } from 'node:timers/promises';
import { failpoint } from '../base/failpoint.ts';
import { deltaHash } from '../delta/delta-frame.ts';
import type { StoredRecord } from '../store/delta-reader.ts';
import { gossipPauseMs, maxGossipBytes, maxGossipDeltas } from './limits.ts';
import type { LogAccess } from './log-access.ts';
import { cutRuns, type SignOwn } from './log-window.ts';
import type { Replica } from './replica.ts';
import type { Run } from './run.ts';

/** A read may fail while a store is replaced. */
const retryMs = 1000;

export interface PublisherParts {
  readonly log: LogAccess;
  readonly signer: SignOwn;
  readonly replica: Replica;
  readonly tell: (run: Run) => Promise<void>;
  /** There is more than gossip should carry: the others are to ask for it. */
  readonly announce: () => void;
  readonly onTrouble: (error: unknown) => void;
}

export class Publisher {
  readonly #parts: PublisherParts;
  #toldSeq: number;
  #isDirty = false;
  #isRunning = false;
  #isClosed = false;

  /** @param toldSeq what was there before: whoever lacks it asks. */
  constructor(parts: PublisherParts, toldSeq: number) {
    this.#parts = parts;
    this.#toldSeq = toldSeq;
  }

  grew(): void {
    this.#isDirty = true;
    if (!this.#isRunning) void this.#run();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isDirty && !this.#isClosed) {
      this.#isDirty = false;
      try {
        await this.#tellNew();
        await delay(gossipPauseMs);
      } catch (error) {
        this.#parts.onTrouble(error);
        // Until it is read, nothing says to the others that there is more.
        this.#isDirty = true;
        await delay(retryMs);
      }
    }
    this.#isRunning = false;
  }

  async #tellNew(): Promise<void> {
    const { log, signer, replica, tell, announce } = this.#parts;
    const { records, newest } = await log.read((reader) => {
      const found: StoredRecord[] = [];
      let bytes = 0;
      reader.log.environment.refresh();
      for (const record of reader.recordsOf(signer.own, this.#toldSeq)) {
        if (found.length >= maxGossipDeltas || bytes >= maxGossipBytes) break;
        found.push(record);
        bytes += record.body.length;
      }
      return { records: found, newest: reader.log.source(signer.own).seq };
    });
    if (newest <= this.#toldSeq) return;
    replica.grew(newest);
    for (const { source, seq, prev, body } of records) replica.remember(source, seq, deltaHash(prev, body));
    const last = records.at(-1)?.seq ?? 0;
    this.#toldSeq = newest;
    // The first of it too goes by streams: told alone it would be held, or repeated.
    if (last < newest) {
      announce();
      return;
    }
    failpoint('peers.telling');
    for (const run of cutRuns(records, signer)) await tell(run);
  }
}
