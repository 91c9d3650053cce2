import assert from 'node:assert/strict';

interface TicketWaiter {
  readonly ticket: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface SpaceWaiter {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Settled waiters at the head of the list that are kept until half the list is settled: keeps removal O(1). */
const compactAbove = 1024;

/**
 * The promises that wait on one queue: for a ticket to be released, or for room. Plain bookkeeping without
 * threads; the producer says when to look.
 */
export class QueueWaiters {
  /** By ticket, then by order of arrival; everything before `#head` is settled. */
  #tickets: TicketWaiter[] = [];
  #head = 0;
  /** By order of arrival. */
  #spaces: SpaceWaiter[] = [];

  get isEmpty(): boolean {
    return this.#head === this.#tickets.length && this.#spaces.length === 0;
  }

  addTicket(ticket: number): Promise<void> {
    return new Promise((resolve, reject) => {
      // From the end, because callers nearly always wait for the frame that they have just pushed.
      let at = this.#tickets.length;
      while (at > this.#head && (this.#tickets[at - 1]?.ticket ?? 0) > ticket) at--;
      this.#tickets.splice(at, 0, { ticket, resolve, reject });
    });
  }

  addSpace(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#spaces.push({ bytes, resolve, reject });
    });
  }

  /** Resolves, in ticket order, who waits for `released` or less; then, in order of arrival, whom `freeBytes` suffices. */
  settle(released: number, freeBytes: number): void {
    let waiter = this.#tickets[this.#head];
    while (waiter !== undefined && waiter.ticket <= released) {
      this.#head++;
      waiter.resolve();
      waiter = this.#tickets[this.#head];
    }
    this.#compact();
    if (this.#spaces.length > 0) this.#settleSpaces(freeBytes);
  }

  /** Resolves everybody who waits for room: used when a look at the queue gives them another answer. */
  settleAllSpaces(): void {
    this.#settleSpaces(Number.POSITIVE_INFINITY);
  }

  failAll(error: Error): void {
    const failed = [...this.#tickets.slice(this.#head), ...this.#spaces];
    this.#tickets = [];
    this.#head = 0;
    this.#spaces = [];
    for (const waiter of failed) waiter.reject(error);
    assert.ok(this.isEmpty);
  }

  #settleSpaces(freeBytes: number): void {
    const waiting = this.#spaces;
    this.#spaces = waiting.filter((waiter) => waiter.bytes > freeBytes);
    for (const waiter of waiting) if (waiter.bytes <= freeBytes) waiter.resolve();
  }

  #compact(): void {
    if (this.#head === this.#tickets.length) {
      this.#tickets = [];
      this.#head = 0;
    } else if (this.#head >= compactAbove && this.#head * 2 >= this.#tickets.length) {
      this.#tickets.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
