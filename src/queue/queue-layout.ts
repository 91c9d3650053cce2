import assert from 'node:assert/strict';

/**
 * The memory of one shared queue: where everything stands, and the arithmetic of its cursors. Producer and
 * consumer agree through this file only.
 *
 * ```
 * byte 0    magic, layout version, capacity      written once, checked by whoever attaches
 *      64   written   producer's cursor          frames up to here may be read
 *     128   lap       producer's position >> 31  lets a new consumer extend a cursor to a ticket
 *     192   closed    0 | 1, by the producer     nothing is pushed any more
 *     256   released  consumer's cursor          frames up to here are committed, their room is free
 *     320   sleeping  0 | 1, by both             the consumer waits, or is about to, on this word
 *     384   beat      consumer's loop counter    a producer that sees it stand still knows of a stuck worker
 *     448   paused    0 | 1, by the producer     the consumer lets go of everything and ends, frames or not
 *     512   data ring of `capacity` bytes
 * ```
 *
 * Each word that changes has a cache line of its own, so that a push does not take away the line that the
 * consumer polls. No word holds a sentinel: every value of a cursor is a position.
 *
 * A frame is u32 length, u32 kind, payload, and padding to 8 bytes. Frames start at multiples of 8, so a header
 * never crosses the end of the ring; a payload may, and is then copied in two pieces.
 *
 * A cursor is a byte count modulo 2^32. The capacity is at most 2^30, so `written - released` modulo 2^32 is the
 * exact number of pending bytes: 0 is empty, `capacity` is full, and no slot need stay unused to tell them apart.
 * Callers see tickets: the same count without the modulo, exact up to 2^53 bytes (52 days at 2 GB/s).
 */
export const slot = {
  magic: 0,
  version: 1,
  capacity: 2,
  written: 16,
  lap: 32,
  closed: 48,
  released: 64,
  sleeping: 80,
  beat: 96,
  paused: 112,
} as const;

/** `ACQ1` in ASCII: the buffer is one of ours and not some other shared memory. */
const layoutMagic = 0x41435131;
/** Rises with every change of the table above: a worker built from other sources is refused. */
const layoutVersion = 2;
export const controlBytes = 512;
export const headerBytes = 8;
/** Room for one frame of 8 bytes; so small only in tests, where it makes every push cross the end. */
export const minCapacityBytes = 16;
/** Cursors wrap at 2^32: a capacity of at most a quarter of that keeps every difference unambiguous. */
export const maxCapacityBytes = 2 ** 30;

/** Views on one queue's memory. `words` and `data` show the same ring, by 4 bytes and by 1. */
export interface QueueViews {
  readonly capacity: number;
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly words: Uint32Array<SharedArrayBuffer>;
  readonly data: Uint8Array<SharedArrayBuffer>;
}

/** A new, empty queue whose next frame starts at `startTicket`, a multiple of 8. */
export function createQueueBuffer(capacity: number, startTicket: number): SharedArrayBuffer {
  assertCapacity(capacity);
  assert.ok(Number.isSafeInteger(startTicket) && startTicket >= 0, 'start ticket is no position');
  assert.ok(startTicket % 8 === 0, 'start ticket is not a multiple of 8');
  const buffer = new SharedArrayBuffer(controlBytes + capacity);
  const control = new Int32Array(buffer, 0, controlBytes / 4);
  control[slot.magic] = layoutMagic;
  control[slot.version] = layoutVersion;
  control[slot.capacity] = capacity;
  control[slot.lap] = lapOf(startTicket);
  control[slot.written] = startTicket | 0;
  control[slot.released] = startTicket | 0;
  return buffer;
}

/** Views on a queue that exists. Asserts that it is one, of this layout, and whole. */
export function mapQueue(buffer: SharedArrayBuffer): QueueViews {
  assert.ok(buffer instanceof SharedArrayBuffer, 'a queue is a SharedArrayBuffer');
  assert.ok(buffer.byteLength > controlBytes, 'buffer is too short for a queue');
  const control = new Int32Array(buffer, 0, controlBytes / 4);
  assert.equal(control[slot.magic], layoutMagic, 'buffer is no queue: wrong magic');
  assert.equal(control[slot.version], layoutVersion, 'queue has another layout version');
  const capacity = control[slot.capacity] ?? 0;
  assertCapacity(capacity);
  assert.equal(buffer.byteLength, controlBytes + capacity, 'queue is not as long as its capacity says');
  return {
    capacity,
    control,
    words: new Uint32Array(buffer, controlBytes, capacity / 4),
    data: new Uint8Array(buffer, controlBytes, capacity),
  };
}

/** What a payload occupies in the ring: its header, itself and its padding. */
export function frameBytes(payloadBytes: number): number {
  return (headerBytes + payloadBytes + 7) & ~7;
}

/** How many times 2^31 bytes have been written before `ticket`. */
export function lapOf(ticket: number): number {
  return Math.floor(ticket / 2 ** 31);
}

/**
 * The ticket behind a consumer's cursor. `lap` belongs to the producer, which may be ahead by the capacity, and so
 * by one lap at most; the top bit of the cursor is the parity of its own lap and tells which of the two it is.
 */
export function extendCursor(cursor: number, lap: number): number {
  const ownLap = (lap & 1) === cursor >>> 31 ? lap : lap - 1;
  return ownLap * 2 ** 31 + (cursor & 0x7fffffff);
}

function assertCapacity(capacity: number): void {
  assert.ok(Number.isInteger(capacity), 'capacity is no integer');
  assert.ok(capacity >= minCapacityBytes && capacity <= maxCapacityBytes, 'capacity is out of range');
  assert.ok((capacity & (capacity - 1)) === 0, 'capacity is not a power of two');
}
