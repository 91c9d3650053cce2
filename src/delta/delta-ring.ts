/**
 * The delta ring: the newest deltas, hot on the main thread, in log order. It answers what the log cannot answer yet: what is
 * accepted and not committed. It evicts only what is committed: until then the
 * ring and the shared queue are the only places that have a delta, so the ring outgrows its capacity rather than forget.
 */
import assert from 'node:assert/strict';
import type { Position } from '../base/ids.ts';
import type { LogRecord } from './log-record.ts';

/**
 * As much of a delta as is kept: who reads it decodes its body. Objects that live for a second or so are what the garbage collector pays
 * most for, and a payload is many.
 */
export type RingRecord = Pick<LogRecord, 'position' | 'source' | 'seq' | 'body'>;

export class DeltaRing {
  readonly capacity: number;
  /** Slot of position p is p modulo the length; positions follow each other without a gap, so no slot is used twice. */
  #slots: (RingRecord | undefined)[];
  #oldest = 1;
  #next = 1;
  #committed = 0;

  /** @param capacity deltas kept when everything is committed; at least 1. */
  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity >= 1);
    this.capacity = capacity;
    this.#slots = new Array<RingRecord | undefined>(capacity).fill(undefined);
  }

  /** Starts over, empty, behind a log that ends at `head`. */
  begin(head: Position | 0): void {
    this.#slots.fill(undefined);
    this.#oldest = head + 1;
    this.#next = head + 1;
    this.#committed = head;
  }

  /**
   * Puts in what the log holds in front of the oldest, as far as there is room.
   * @returns false when there is none, or when `record` is not the one in front: the ring has no gap.
   */
  prepend(record: RingRecord): boolean {
    if (this.size >= this.capacity || record.position !== this.#oldest - 1) return false;
    this.#slots[record.position % this.#slots.length] = record;
    this.#oldest = record.position;
    return true;
  }

  /** @param record must stand at the position behind the newest. */
  push(record: RingRecord): void {
    assert(record.position === this.#next, 'a delta is pushed out of order');
    this.#evict(this.#slots.length - 1);
    if (this.size === this.#slots.length) this.#grow();
    this.#slots[record.position % this.#slots.length] = record;
    this.#next += 1;
  }

  /** Everything up to `position` is committed and may be evicted from now on. */
  commit(position: Position | 0): void {
    assert(position < this.#next, 'more is committed than was pushed');
    if (position <= this.#committed) return;
    this.#committed = position;
    this.#evict(this.capacity);
  }

  get size(): number {
    return this.#next - this.#oldest;
  }

  /** The oldest position that the ring still has; one past the newest when it is empty. */
  get oldest(): Position {
    return this.#oldest as Position;
  }

  get newest(): Position | 0 {
    return (this.#next - 1) as Position | 0;
  }

  get committed(): Position | 0 {
    return this.#committed as Position | 0;
  }

  at(position: number): RingRecord | undefined {
    if (position < this.#oldest || position >= this.#next) return undefined;
    return this.#slots[position % this.#slots.length];
  }

  /** What stands behind `position`, oldest first; begins at the oldest that the ring has. */
  *after(position: number): Generator<RingRecord> {
    for (let at = Math.max(position + 1, this.#oldest); at < this.#next; at += 1) {
      const record = this.at(at);
      if (record !== undefined) yield record;
    }
  }

  /** Drops the oldest committed deltas until at most `keep` are left. */
  #evict(keep: number): void {
    while (this.size > keep && this.#oldest <= this.#committed) {
      this.#slots[this.#oldest % this.#slots.length] = undefined;
      this.#oldest += 1;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<RingRecord | undefined>(old.length * 2).fill(undefined);
    for (let at = this.#oldest; at < this.#next; at += 1)
      this.#slots[at % this.#slots.length] = old[at % old.length];
  }
}
