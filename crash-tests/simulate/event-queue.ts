import { DeadlineHeap, type HeapItem } from '../../src/lock/deadline-heap.ts';

class Event<T> implements HeapItem {
  dueMs: number;
  readonly order: number;
  readonly what: T;
  heapIndex = -1;

  constructor(dueMs: number, order: number, what: T) {
    this.dueMs = dueMs;
    this.order = order;
    this.what = what;
  }
}

/** What is to happen, by true time; of one instant in the order in which it was planned. */
export class EventQueue<T> {
  readonly #heap = new DeadlineHeap<Event<T>>();
  #orders = 0;

  add(dueMs: number, what: T): void {
    this.#orders += 1;
    this.#heap.push(new Event(dueMs, this.#orders, what));
  }

  take(): { readonly atMs: number; readonly what: T } | undefined {
    const event = this.#heap.top();
    if (event === undefined) return undefined;
    this.#heap.remove(event);
    return { atMs: event.dueMs, what: event.what };
  }
}
