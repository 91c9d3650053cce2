/**
 * Tells this node's own deltas, once they are flushed: what comes within a few milliseconds in one message, and bulk not at all. The
 * main thread hands them over; the log is read at the start, behind bulk, and when the stores were replaced meanwhile.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { failpoint } from '../base/failpoint.ts';
import { deltaHash } from '../delta/delta-frame.ts';
import type { ChainHead } from '../delta/foreign-delta.ts';
import { gossipPauseMs, maxGossipBytes, maxGossipDeltas } from './limits.ts';
import type { LogAccess } from './log-access.ts';
import { cutRuns, type RunRecord, type SignOwn } from './log-window.ts';
import { inTheLog, type OwnDeltas } from './own-deltas.ts';
import type { Replica } from './replica.ts';
import type { Run } from './run.ts';

/** A read may fail while a store is replaced. */
const retryMs = 1000;
/** Of what arrives while the log cannot be read. More is left to the log. */
const maxArrived = 128;

export interface PublisherParts {
  readonly log: Pick<LogAccess, 'read'>;
  readonly signer: SignOwn;
  readonly replica: Pick<Replica, 'grew' | 'remember'>;
  readonly tell: (run: Run) => Promise<void>;
  /** There is more than gossip should carry: the others are to ask for it. */
  readonly announce: () => void;
  readonly onTrouble: (error: unknown) => void;
}

/** The newest own delta, and the generation of the stores in which its hash was found. */
interface OwnHead extends ChainHead {
  readonly generation: number;
}

interface Growth {
  /** The first of what is new; all of it when the last is `head`. */
  readonly records: readonly RunRecord[];
  readonly head: OwnHead;
}

export class Publisher {
  readonly #parts: PublisherParts;
  #toldSeq: number;
  /** Undefined until the log was read. */
  #head: OwnHead | undefined;
  #arrived: OwnDeltas[] = [];
  #isRunning = false;
  #isClosed = false;

  /** @param toldSeq what was there before: whoever lacks it asks. */
  constructor(parts: PublisherParts, toldSeq: number) {
    this.#parts = parts;
    this.#toldSeq = toldSeq;
  }

  grew(own: OwnDeltas): void {
    this.#arrived.push(own);
    if (this.#arrived.length > maxArrived) this.#arrived = [inTheLog];
    if (!this.#isRunning) void this.#run();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#arrived.length > 0 && !this.#isClosed) {
      try {
        await this.#tellNew();
        await delay(gossipPauseMs);
      } catch (error) {
        this.#parts.onTrouble(error);
        // Until it is read, nothing says to the others that there is more.
        this.#arrived = [inTheLog];
        await delay(retryMs);
      }
    }
    this.#isRunning = false;
  }

  async #tellNew(): Promise<void> {
    const { signer, replica, tell, announce } = this.#parts;
    const arrived = this.#arrived;
    this.#arrived = [];
    const { records, head } = this.#following(arrived) ?? (await this.#read());
    this.#head = head;
    if (head.seq <= this.#toldSeq) return;
    this.#toldSeq = head.seq;
    replica.grew(head.seq);
    for (const { source, seq, prev, body } of records) replica.remember(source, seq, deltaHash(prev, body));
    // The first of it too goes by streams: told alone it would be held, or repeated.
    if ((records.at(-1)?.seq ?? 0) < head.seq) {
      announce();
      return;
    }
    failpoint('peers.telling');
    for (const run of cutRuns(records, signer)) await tell(run);
  }

  /** What arrived, chained as the persist lane has done it. Undefined when it does not go on where the log was read last. */
  #following(arrived: readonly OwnDeltas[]): Growth | undefined {
    if (this.#head === undefined) return undefined;
    const { own } = this.#parts.signer;
    let { seq, hash } = this.#head;
    const { generation } = this.#head;
    const records: RunRecord[] = [];
    for (const { firstSeq, bodies, generation: found } of arrived) {
      if (bodies.length === 0 || found !== generation || firstSeq > seq + 1) return undefined;
      // The rest was in the log already when it was read.
      for (const body of bodies.slice(seq + 1 - firstSeq)) {
        seq += 1;
        records.push({ source: own, seq, prev: hash, body, signature: undefined });
        hash = deltaHash(hash, body);
      }
    }
    return { records: withinGossip(records), head: { seq, hash, generation } };
  }

  #read(): Promise<Growth> {
    const { log, signer } = this.#parts;
    return log.read((reader, generation) => {
      reader.log.environment.refresh();
      const records = withinGossip(reader.recordsOf(signer.own, this.#toldSeq));
      const { seq, hash } = reader.log.source(signer.own);
      return { records, head: { seq, hash, generation } };
    });
  }
}

/** As many of the first as gossip should carry at once, and at least one. */
function withinGossip(records: Iterable<RunRecord>): readonly RunRecord[] {
  const found: RunRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (found.length >= maxGossipDeltas || bytes >= maxGossipBytes) break;
    found.push(record);
    bytes += record.body.length;
  }
  return found;
}
