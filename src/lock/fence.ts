import assert from 'node:assert/strict';

/**
 * Fences reserved at a time. Each start skips the rest of its block, so 2^53 numbers are good for 5 · 10^8 starts; a
 * block lasts for 16 million grants, days before the next reservation would be missed on a disk that is full.
 */
export const fenceBlock = 2 ** 24;

export interface FenceBlock {
  /** The first fence of this process: at least 1, and above every fence that an earlier process could have given. */
  readonly startFloor: number;
  /** Fences below this are reserved on disk, so that a restart starts at or above it. */
  readonly reservedUntil: number;
}

export interface FenceSourceOptions {
  /** Called when fewer than `lowMark` fences remain, once per block. Must not throw; may call `extend` at once. */
  readonly onLow?: () => void;
  /** @default 1000: at 500 000 grants a second that is 2 ms, enough for an fsync on a healthy disk. */
  readonly lowMark?: number;
}

/**
 * Fencing tokens (Kleppmann, "How to do distributed locking", 2016): strictly rising across restarts, because only
 * numbers from a block that is already reserved on disk are given out. Reserving a block costs a disk write;
 * giving out a fence costs none.
 */
export class FenceSource {
  readonly startFloor: number;
  readonly #onLow: () => void;
  readonly #lowMark: number;
  #next: number;
  #reservedUntil: number;
  #toldLow = false;

  constructor(block: FenceBlock, options: FenceSourceOptions = {}) {
    assert(Number.isSafeInteger(block.startFloor) && block.startFloor >= 1, 'fences start at 1 or above');
    assert(Number.isSafeInteger(block.reservedUntil) && block.reservedUntil >= block.startFloor);
    this.startFloor = block.startFloor;
    this.#next = block.startFloor;
    this.#reservedUntil = block.reservedUntil;
    this.#onLow = options.onLow ?? (() => {});
    this.#lowMark = options.lowMark ?? 1000;
  }

  /** Fences that can still be given out. */
  get remaining(): number {
    return this.#reservedUntil - this.#next;
  }

  /** The fence given out last; one below the first when there was none yet. */
  get newest(): number {
    return this.#next - 1;
  }

  /** Only while `remaining` is above 0. */
  next(): number {
    // `assert.fail` behind a test, here and on the rest of a grant's path: `assert` costs 20 ns even when it holds.
    if (this.#next >= this.#reservedUntil) {
      assert.fail('a fence beyond the reserved block would not survive a restart');
    }
    const fence = this.#next;
    this.#next += 1;
    if (!this.#toldLow && this.remaining < this.#lowMark) {
      this.#toldLow = true;
      this.#onLow();
    }
    return fence;
  }

  /** Goes on at `fence`, with all below `reservedUntil` on disk: others have given out the fences in between. */
  skipTo(fence: number, reservedUntil: number): void {
    assert(Number.isSafeInteger(fence) && fence <= reservedUntil);
    this.extend(reservedUntil);
    this.#next = Math.max(this.#next, fence);
  }

  /** Raises the end of the block, after `reservedUntil` is on disk. A lower end than before changes nothing. */
  extend(reservedUntil: number): void {
    assert(Number.isSafeInteger(reservedUntil));
    if (reservedUntil <= this.#reservedUntil) return;
    this.#reservedUntil = reservedUntil;
    this.#toldLow = false;
  }
}
