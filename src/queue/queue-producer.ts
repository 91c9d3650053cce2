/// <reference lib="es2024.sharedmemory" />
import assert from 'node:assert/strict';
import {
  createQueueBuffer,
  frameBytes,
  headerBytes,
  lapOf,
  mapQueue,
  type QueueViews,
  slot,
} from './queue-layout.ts';
import { QueueWaiters } from './queue-waiters.ts';

/** A ticket, the position just past the frame that was accepted; or why none was. Neither is an error. */
export type PushResult = number | 'full' | 'closed';

export interface QueueOptions {
  /**
   * The position of the first frame, a multiple of 8.
   * @default 0; tests start just below 2^31 and 2^32, where cursors overflow.
   */
  readonly startCursor?: number;
}

/**
 * The main thread's end of a shared queue: lossless, bounded, one producer and one consumer.
 *
 * Nothing here blocks. A push either copies its frame and publishes it, or answers `full` or `closed` and changes
 * nothing. The promises ride on `Atomics.waitAsync`, which does not keep the process alive: whoever awaits one
 * must have something that does, such as the worker at the other end.
 */
export class QueueProducer {
  /** What the consumer attaches to; goes to the worker by structured clone, which shares it. */
  readonly buffer: SharedArrayBuffer;
  /** Bytes of the ring, headers and padding included. */
  readonly capacity: number;
  /** The largest payload that can ever be pushed. */
  readonly maxPayloadBytes: number;
  readonly #views: QueueViews;
  readonly #mask: number;
  readonly #waiters = new QueueWaiters();
  /** Ticket of the newest frame. Only this object moves it; the shared word follows. */
  #written: number;
  /** A ticket that is known to be released. Read anew only when the queue looks full: see `#hasRoom`. */
  #knownReleased: number;
  #closed = false;
  #watching = false;
  #failure: Error | undefined;

  constructor(buffer: SharedArrayBuffer, startTicket: number) {
    this.buffer = buffer;
    this.#views = mapQueue(buffer);
    this.capacity = this.#views.capacity;
    this.maxPayloadBytes = this.capacity - headerBytes;
    this.#mask = this.capacity - 1;
    this.#written = startTicket;
    this.#knownReleased = startTicket;
  }

  /**
   * Copies one frame into the queue. `kind` is the caller's tag, a u32.
   * Asserts that the payload is at most `maxPayloadBytes` long: a larger one could never be accepted.
   */
  tryPush(payload: Uint8Array, kind = 0): PushResult {
    const length = payload.length;
    if (this.#closed) return 'closed';
    if (!this.#hasRoom(length)) return 'full';
    this.#writeHeader(length, kind);
    this.#copyIn(this.#written + headerBytes, payload);
    return this.#publish(length);
  }

  /** `tryPush` of one frame whose payload is the concatenation of `parts`, without concatenating them first. */
  tryPushParts(parts: readonly Uint8Array[], kind = 0): PushResult {
    let length = 0;
    for (const part of parts) length += part.length;
    if (this.#closed) return 'closed';
    if (!this.#hasRoom(length)) return 'full';
    this.#writeHeader(length, kind);
    let at = this.#written + headerBytes;
    for (const part of parts) {
      this.#copyIn(at, part);
      at += part.length;
    }
    assert.ok(at === this.#written + headerBytes + length, 'a part changed its length while it was copied');
    return this.#publish(length);
  }

  /** Ticket of the newest frame that was accepted. */
  get written(): number {
    return this.#written;
  }

  /** Ticket up to which the consumer has released: everything before it is committed. */
  get released(): number {
    return this.#written - this.pendingBytes;
  }

  /** Bytes accepted and not yet released, headers and padding included. */
  get pendingBytes(): number {
    const pending = (this.#written - Atomics.load(this.#views.control, slot.released)) >>> 0;
    assert.ok(pending <= this.capacity, 'released cursor lies outside what was written');
    return pending;
  }

  /** Counts the consumer's loops modulo 2^32. Standing still while frames are pending, it shows a stuck worker. */
  get beat(): number {
    return Atomics.load(this.#views.control, slot.beat) >>> 0;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the frame that ends at `ticket` is committed. */
  isReleased(ticket: number): boolean {
    if (ticket <= this.#knownReleased) return true;
    this.#knownReleased = this.released;
    return ticket <= this.#knownReleased;
  }

  /**
   * Resolves when the frame that ends at `ticket` is released, after all that wait for smaller tickets.
   * Waits for as long as it takes; rejects only by `failWaiters`.
   */
  whenReleased(ticket: number): Promise<void> {
    assert.ok(ticket <= this.#written, 'ticket is not of this queue');
    this.#settle();
    if (ticket <= this.#knownReleased) return Promise.resolve();
    return this.#watched(() => this.#waiters.addTicket(ticket));
  }

  /**
   * Resolves when a payload of `bytes` would fit, or the queue is closed. It reserves nothing: push again, and
   * wait again if somebody was faster. Small frames can overtake a large one that waits; who needs order among
   * waiting frames keeps a list and waits for its head.
   */
  whenSpace(bytes: number): Promise<void> {
    if (this.#closed || this.#hasRoom(bytes)) return Promise.resolve();
    return this.#watched(() => this.#waiters.addSpace(frameBytes(bytes)));
  }

  /**
   * The consumer is dead for good. Resolves who waits for what it did release, rejects all others with `error`,
   * and so every later wait that could not resolve at once: no promise of a dead queue hangs. Pushes are still
   * accepted until `close`, because a full account of what is unreleased is the owner's business.
   */
  failWaiters(error: Error): void {
    this.#failure ??= error;
    this.#settle();
    this.#waiters.failAll(error);
    this.#endWatch();
  }

  /** The consumer ends as soon as it has released what it took, without taking more. Pushes go on until the queue is full. */
  pause(): void {
    Atomics.store(this.#views.control, slot.paused, 1);
    this.#wakeConsumer();
  }

  /** For the next consumer. To be called once the one that was paused has ended. */
  resume(): void {
    Atomics.store(this.#views.control, slot.paused, 0);
  }

  /** Nothing is accepted any more. The consumer gets every frame that was, then `closed`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    Atomics.store(this.#views.control, slot.closed, 1);
    this.#wakeConsumer();
    // Who waits for room must look again to learn that there will be none.
    this.#waiters.settleAllSpaces();
    this.#endWatch();
  }

  /**
   * The consumer's cursor is loaded only when the last known one leaves no room: otherwise each push would fetch
   * the cache line that the consumer writes. The known cursor can only be too small, so room is never overstated.
   */
  #hasRoom(payloadBytes: number): boolean {
    assert.ok(payloadBytes >= 0 && payloadBytes <= this.maxPayloadBytes, 'frame is larger than the queue');
    const end = this.#written + frameBytes(payloadBytes);
    if (end - this.#knownReleased <= this.capacity) return true;
    this.#knownReleased = this.released;
    return end - this.#knownReleased <= this.capacity;
  }

  #writeHeader(length: number, kind: number): void {
    assert.ok(kind >>> 0 === kind, 'kind is no u32');
    const word = (this.#written & this.#mask) >>> 2;
    this.#views.words[word] = length;
    this.#views.words[word + 1] = kind;
  }

  /** Copies to position `at`; what crosses the end of the ring continues at its start. */
  #copyIn(at: number, bytes: Uint8Array): void {
    const offset = at & this.#mask;
    const room = this.capacity - offset;
    if (bytes.length <= room) {
      this.#views.data.set(bytes, offset);
    } else {
      this.#views.data.set(bytes.subarray(0, room), offset);
      this.#views.data.set(bytes.subarray(room), 0);
    }
  }

  /**
   * Makes the frame visible. The header and payload are plain writes; the atomic store of `written` after them
   * is what publishes them, so a throw before this point leaves nothing behind.
   */
  #publish(length: number): number {
    const { control } = this.#views;
    const before = this.#written;
    this.#written += frameBytes(length);
    // Before `written`: whoever reads the cursor of a frame may rely on the lap not being behind it.
    if (lapOf(before) !== lapOf(this.#written)) Atomics.store(control, slot.lap, lapOf(this.#written));
    Atomics.store(control, slot.written, this.#written | 0);
    this.#wakeConsumer();
    return this.#written;
  }

  /**
   * Notifies only a consumer that said it sleeps: a notify costs more than the copy of a frame. Must come after
   * the store that the consumer is to see. The proof that no wake-up is lost stands at
   * `QueueConsumer.waitForFrames`, the other half of this handshake.
   */
  #wakeConsumer(): void {
    const { control } = this.#views;
    if (Atomics.load(control, slot.sleeping) === 0) return;
    Atomics.store(control, slot.sleeping, 0);
    Atomics.notify(control, slot.sleeping);
  }

  #settle(): void {
    this.#knownReleased = this.released;
    if (this.#waiters.isEmpty) return;
    this.#waiters.settle(this.#knownReleased, this.capacity - (this.#written - this.#knownReleased));
  }

  #watched(add: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const promise = add();
    if (!this.#watching) void this.#watch();
    return promise;
  }

  /** Lets the loop below see that its last waiter is gone, so that it does not hold the memory of a dead queue. */
  #endWatch(): void {
    Atomics.notify(this.#views.control, slot.released);
  }

  /**
   * One loop per queue, running only while somebody waits. No wake-up is lost because `waitAsync` compares the
   * word with `seen`, loaded before the waiters were looked at: a release in between makes it return at once.
   *
   * The one catch: a worker that is terminated between its store of `released` and its notify leaves this loop
   * asleep. A successor notifies when it attaches, and without one the owner calls `failWaiters`. That is why
   * the wait needs no time-out, which would cost a timer per wait that Node keeps until it fires.
   */
  async #watch(): Promise<void> {
    this.#watching = true;
    const { control } = this.#views;
    try {
      while (!this.#waiters.isEmpty) {
        const seen = Atomics.load(control, slot.released);
        this.#settle();
        if (this.#waiters.isEmpty) break;
        const wait = Atomics.waitAsync(control, slot.released, seen);
        if (wait.async) await wait.value;
      }
    } catch (error) {
      // Only a control block that makes no sense ends here; those who wait must hear of it.
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#waiters.failAll(this.#failure);
    } finally {
      this.#watching = false;
    }
  }
}

/** A new queue of `capacity` bytes, a power of two from 16 to 2^30. The consumer attaches to its `buffer`. */
export function createQueue(capacity: number, options: QueueOptions = {}): QueueProducer {
  const startTicket = options.startCursor ?? 0;
  return new QueueProducer(createQueueBuffer(capacity, startTicket), startTicket);
}
