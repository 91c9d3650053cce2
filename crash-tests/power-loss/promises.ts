/** What had been told to somebody by a moment, and so must be there when the power fails at it. */
import { createHash } from 'node:crypto';
import type { Moment } from './disk-model.ts';
import type { LivedOperation, Promised, Recording } from './record.ts';

/** Old records before compaction was asked for, while it is under way, and after it was answered. */
export type Compaction = 'not begun' | 'under way' | 'done';

export interface Expectation {
  /** Deltas answered as flushed: id → digest of what is in it. */
  readonly deltas: ReadonlyMap<string, string>;
  /** Those that compaction drops, all or none. */
  readonly aged: ReadonlyMap<string, string>;
  /** Hybrid times of audit events that an answer showed. */
  readonly events: ReadonlySet<number>;
  readonly agedEvents: ReadonlySet<number>;
  /** The highest fence that was given. */
  readonly fence: number;
  readonly compaction: Compaction;
  /** Somebody was answered, so the stores had been begun: from then on the files of log and trail are whole. */
  readonly begun: boolean;
}

/** Short, since a campaign remembers some hundred thousand of them. */
export function contentDigest(path: unknown, content: unknown): string {
  return createHash('sha256').update(`${path}\0${content}`).digest('base64url').slice(0, 16);
}

/** An answer may come in pieces: what a piece cuts in two does not match. */
const idPattern = /"id":"([^"\\]+)"/g;
const fencePattern = /"fence":(\d+)[,}]/g;
const cursorPattern = /"cursor":(\d+)[,}]/g;
const compacted = '"reclaimedBytes":';

/** Told in the order of the moments. From the moment on at which an answer goes out, somebody may count on it. */
export class Promises {
  readonly #promised: ReadonlyMap<string, Promised>;
  readonly #recording: Pick<Recording, 'agedBefore' | 'compactedFrom'>;
  readonly #deltas = new Map<string, string>();
  readonly #aged = new Map<string, string>();
  readonly #events = new Set<number>();
  readonly #agedEvents = new Set<number>();
  #fence = 0;
  #compaction: Compaction = 'not begun';
  #begun = false;

  constructor(recording: Pick<Recording, 'promised' | 'agedBefore' | 'compactedFrom'>) {
    this.#recording = recording;
    this.#promised = new Map(recording.promised.map((one) => [`${one.life} ${one.id}`, one]));
  }

  advance({ operation, edge }: Moment<LivedOperation>): void {
    const at = edge === 'begin' ? operation.begin : operation.end;
    if (this.#compaction === 'not begun' && at >= this.#recording.compactedFrom)
      this.#compaction = 'under way';
    if (operation.kind !== 'answer' || edge !== 'begin') return;
    this.#begun = true;
    const { text, life } = operation;
    for (const [, id] of text.matchAll(idPattern)) {
      const one = this.#promised.get(`${life} ${id}`);
      if (one === undefined) continue;
      (one.aged ? this.#aged : this.#deltas).set(one.id, contentDigest(one.path, one.content));
    }
    for (const [, fence] of text.matchAll(fencePattern)) this.#fence = Math.max(this.#fence, Number(fence));
    for (const [, cursor] of text.matchAll(cursorPattern)) {
      const time = Number(cursor);
      (time < this.#recording.agedBefore ? this.#agedEvents : this.#events).add(time);
    }
    if (text.includes(compacted)) this.#compaction = 'done';
  }

  expectation(): Expectation {
    return {
      deltas: new Map(this.#deltas),
      aged: new Map(this.#aged),
      events: new Set(this.#events),
      agedEvents: new Set(this.#agedEvents),
      fence: this.#fence,
      compaction: this.#compaction,
      begun: this.#begun,
    };
  }
}
