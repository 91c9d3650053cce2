import assert from 'node:assert/strict';
import { isMainThread } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { extendCursor, frameBytes, headerBytes, mapQueue, type QueueViews, slot } from './queue-layout.ts';

/** One item of the queue, in ordinary memory. */
export interface Frame {
  /** The producer's tag. */
  readonly kind: number;
  /** A view on the batch's memory: keeping one payload keeps its whole batch. */
  readonly payload: Uint8Array<ArrayBuffer>;
  /** The position just past the frame; the same number that `tryPush` returned. */
  readonly ticket: number;
}

export interface Batch {
  /** In the order in which they were pushed. Empty when there was nothing to take. */
  readonly frames: readonly Frame[];
  /** Ticket of the last frame, or the position reached before when the batch is empty. Pass it to `release`. */
  readonly ticket: number;
}

export type WaitResult = 'frames' | 'closed' | 'paused' | 'timeout';

/**
 * The worker's end of a shared queue. The loop of a lane is: wait, take, apply in one transaction, commit,
 * release. Since a release follows the commit, the released position *is* the committed position, and a consumer
 * that takes over from a dead one begins with the frames that were not committed; applying must be idempotent.
 *
 * One consumer at a time: attach a successor only after the thread of its predecessor has ended.
 */
export class QueueConsumer {
  readonly capacity: number;
  readonly #views: QueueViews;
  readonly #mask: number;
  #taken: number;
  #released: number;

  constructor(buffer: SharedArrayBuffer) {
    this.#views = mapQueue(buffer);
    this.capacity = this.#views.capacity;
    this.#mask = this.capacity - 1;
    const { control } = this.#views;
    // Nobody moves `released` now, so the producer's lap is this cursor's or the next: see `extendCursor`.
    this.#released = extendCursor(Atomics.load(control, slot.released), Atomics.load(control, slot.lap));
    this.#taken = this.#released;
    this.#availableBytes();
    // The predecessor may have been terminated between its last store of `released` and the notify.
    Atomics.notify(control, slot.released);
  }

  /** Ticket of the last frame taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Ticket of the last frame released. */
  get released(): number {
    return this.#released;
  }

  /** True once the producer has closed the queue, whatever frames are left: long work between two frames should stop. */
  get isClosed(): boolean {
    return Atomics.load(this.#views.control, slot.closed) === 1;
  }

  /** True while the producer wants this consumer to let go of what it holds: its frames stay for the next one. */
  get isPaused(): boolean {
    return Atomics.load(this.#views.control, slot.paused) === 1;
  }

  /**
   * Copies the next frames out of shared memory, in order, continuing behind the last one taken; releases
   * nothing. At most `maxFrames`, and at most `maxBytes` of the ring (headers and padding included), but one
   * frame in any case: a frame larger than `maxBytes` must not stop the lane.
   */
  take(maxFrames: number, maxBytes: number): Batch {
    assert.ok(maxFrames >= 1 && maxBytes >= 1, 'a batch has room for one frame at least');
    this.beat();
    const span = this.#measure(this.#availableBytes(), maxFrames, maxBytes);
    if (span === 0) return { frames: [], ticket: this.#taken };
    const frames = cutFrames(this.#copyOut(span), this.#taken);
    this.#taken += span;
    return { frames, ticket: this.#taken };
  }

  /**
   * The frames up to `ticket` are committed: their room is free and they are never seen again. `ticket` is that of
   * a frame or batch that was taken; without it, everything taken is released. To be called after the commit.
   */
  release(ticket: number = this.#taken): void {
    assert.ok(ticket >= this.#released && ticket <= this.#taken, 'released frames were not taken');
    assert.ok(ticket % 8 === 0, 'ticket is no frame boundary');
    if (ticket === this.#released) return;
    this.#released = ticket;
    // The frames were copied by `take`; this store is what lets the producer overwrite them.
    Atomics.store(this.#views.control, slot.released, ticket | 0);
    Atomics.notify(this.#views.control, slot.released);
  }

  /** Shows the producer that this thread lives. `take` and `waitForFrames` do it; a long transaction may as well. */
  beat(): void {
    Atomics.add(this.#views.control, slot.beat, 1);
  }

  /**
   * Blocks this thread until there are frames behind the last one taken, or the queue is closed and there are none,
   * or it is paused, or `timeoutMs` is over. Not for the main thread, unless `timeoutMs` is 0. The wait is bounded so that a
   * worker beats, and does its periodic work, on an idle queue as well.
   *
   * Why no wake-up is lost: all accesses to the control words are sequentially consistent, so in their one total
   * order this thread stores `sleeping = 1` and then looks at the queue, while the producer changes the queue and
   * then loads `sleeping`. If the producer loads 0, its change precedes our store, and our look sees it. If it
   * loads 1, it stores 0 and only then notifies: either we are waiting already and are woken, or our wait finds
   * 0 instead of 1 and returns at once.
   *
   * The one catch: a producer that was held up between its load and its store may clear the word of a later sleep.
   * That wakes us once for nothing, so we look again rather than believe the wake-up.
   */
  waitForFrames(timeoutMs: number): WaitResult {
    assert.ok(timeoutMs >= 0 && Number.isFinite(timeoutMs), 'every wait is bounded');
    assert.ok(timeoutMs === 0 || !isMainThread, 'the main thread never blocks');
    this.beat();
    let state = this.#look();
    if (state !== 'timeout' || timeoutMs === 0) return state;
    const { control } = this.#views;
    const deadlineMs = systemClock.monotonicMs() + timeoutMs;
    let leftMs = timeoutMs;
    while (leftMs > 0) {
      Atomics.store(control, slot.sleeping, 1);
      state = this.#look();
      if (state !== 'timeout') break;
      Atomics.wait(control, slot.sleeping, 1, leftMs);
      state = this.#look();
      if (state !== 'timeout') break;
      leftMs = deadlineMs - systemClock.monotonicMs();
    }
    Atomics.store(control, slot.sleeping, 0);
    return state;
  }

  /** `closed` is loaded before `written`: the other way round, a push and a close in between would hide a frame. */
  #look(): WaitResult {
    const closed = Atomics.load(this.#views.control, slot.closed) === 1;
    if (this.isPaused) return 'paused';
    if (this.#availableBytes() > 0) return 'frames';
    return closed ? 'closed' : 'timeout';
  }

  /** Bytes of published frames behind the last one taken. */
  #availableBytes(): number {
    const bytes = (Atomics.load(this.#views.control, slot.written) - (this.#taken | 0)) >>> 0;
    assert.ok(bytes <= this.capacity - (this.#taken - this.#released), 'written cursor makes no sense');
    assert.ok(bytes % 8 === 0, 'written cursor is no frame boundary');
    return bytes;
  }

  /** The length in bytes of the next batch. Asserts on a length that cannot be, before anything is taken. */
  #measure(available: number, maxFrames: number, maxBytes: number): number {
    let span = 0;
    for (let count = 0; count < maxFrames && span < available; count++) {
      const length = this.#views.words[((this.#taken + span) & this.#mask) >>> 2] ?? 0;
      assert.ok(length <= this.capacity - headerBytes, 'frame is longer than the queue: memory is corrupted');
      const next = span + frameBytes(length);
      assert.ok(next <= available, 'frame reaches past what was written: memory is corrupted');
      if (count > 0 && next > maxBytes) break;
      span = next;
    }
    return span;
  }

  /**
   * The next `span` bytes in ordinary memory, in one or two copies. Ordinary because lmdb-js crashes the process
   * when it is handed a view on a SharedArrayBuffer, and because a released frame may be overwritten at once.
   */
  #copyOut(span: number): ArrayBuffer {
    const { data } = this.#views;
    // Every byte is overwritten below, so the memory need not be zeroed.
    const copy = Buffer.allocUnsafeSlow(span);
    const offset = this.#taken & this.#mask;
    const room = Math.min(span, this.capacity - offset);
    copy.set(data.subarray(offset, offset + room), 0);
    if (room < span) copy.set(data.subarray(0, span - room), room);
    return copy.buffer;
  }
}

/** The consumer's end of a queue that exists; starts at the first frame that was never released. */
export function attachConsumer(buffer: SharedArrayBuffer): QueueConsumer {
  return new QueueConsumer(buffer);
}

/** Cuts whole frames, the first of which starts at `start`. Pairs with the assertions on the shared lengths. */
function cutFrames(bytes: ArrayBuffer, start: number): Frame[] {
  const words = new Uint32Array(bytes);
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const length = words[at >>> 2] ?? 0;
    const kind = words[(at >>> 2) + 1] ?? 0;
    const payload = new Uint8Array(bytes, at + headerBytes, length);
    at += frameBytes(length);
    frames.push({ kind, payload, ticket: start + at });
  }
  assert.ok(at === bytes.byteLength, 'frames changed while they were copied');
  return frames;
}
