/** Follows the persist lane: turns released tickets into committed positions, in order, without a promise per delta. */
import type { Position } from '../base/ids.ts';
import type { QueueProducer } from '../queue/queue-producer.ts';

export class CommitWatch {
  readonly #queue: QueueProducer;
  readonly #onCommitted: (position: Position) => void;
  /** Parallel arrays of what is queued and not committed; `#head` is the first that counts. */
  #tickets: number[] = [];
  #positions: Position[] = [];
  #head = 0;
  #watching = false;

  constructor(queue: QueueProducer, onCommitted: (position: Position) => void) {
    this.#queue = queue;
    this.#onCommitted = onCommitted;
  }

  add(position: Position, ticket: number): void {
    this.#tickets.push(ticket);
    this.#positions.push(position);
    if (this.#watching) return;
    this.#watching = true;
    void this.#watch();
  }

  /** Looks now rather than when the wake-up arrives: whoever awaited a commit finds it taken into account. */
  settle(): void {
    const released = this.#queue.released;
    const before = this.#head;
    while (this.#head < this.#tickets.length && (this.#tickets[this.#head] ?? 0) <= released) this.#head += 1;
    if (this.#head === before) return;
    const position = this.#positions[this.#head - 1];
    this.#forget();
    if (position !== undefined) this.#onCommitted(position);
  }

  async #watch(): Promise<void> {
    try {
      for (;;) {
        this.settle();
        const next = this.#tickets[this.#head];
        if (next === undefined) return;
        const released = await this.#queue.whenReleased(next).then(
          () => true,
          () => false,
        );
        // The lane has failed for good; its owner knows and says so. What is not committed stays in the ring.
        if (!released) return;
      }
    } finally {
      this.#watching = false;
    }
  }

  #forget(): void {
    if (this.#head < this.#tickets.length / 2) return;
    this.#tickets = this.#tickets.slice(this.#head);
    this.#positions = this.#positions.slice(this.#head);
    this.#head = 0;
  }
}
