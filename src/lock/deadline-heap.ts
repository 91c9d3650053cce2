import assert from 'node:assert/strict';

/** Something with a deadline. `dueMs` and `heapIndex` belong to the heap that it is in. */
export interface HeapItem {
  /** When to look at the item again, on the monotonic clock; its real deadline may be later, never earlier. */
  dueMs: number;
  /** Decides between items that are due at one instant, so that a history can be repeated. */
  readonly order: number;
  /** Its place in the heap, -1 outside. With it an item that ends early leaves at once, so nothing piles up. */
  heapIndex: number;
}

/**
 * A binary min-heap by `dueMs`, then `order` (Williams 1964). Moving a deadline later does not touch the heap: whoever finds
 * the item on top computes the real deadline and calls `reschedule`.
 */
export class DeadlineHeap<T extends HeapItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  top(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    if (item.heapIndex !== -1) assert.fail('the item is in a heap already');
    this.#items.push(item);
    this.#siftUp(item, this.#items.length - 1);
  }

  remove(item: T): void {
    const at = item.heapIndex;
    if (this.#items[at] !== item) assert.fail('the item is not in this heap');
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#settle(last, at);
  }

  reschedule(item: T, dueMs: number): void {
    assert(this.#items[item.heapIndex] === item, 'the item is not in this heap');
    item.dueMs = dueMs;
    this.#settle(item, item.heapIndex);
  }

  #settle(item: T, at: number): void {
    this.#siftUp(item, at);
    if (item.heapIndex === at) this.#siftDown(item, at);
  }

  #siftUp(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#items[parentAt];
      if (parent === undefined || !isSooner(item, parent)) break;
      this.#place(parent, at);
      at = parentAt;
    }
    this.#place(item, at);
  }

  #siftDown(item: T, from: number): void {
    let at = from;
    for (;;) {
      const leftAt = 2 * at + 1;
      const left = this.#items[leftAt];
      if (left === undefined) break;
      const right = this.#items[leftAt + 1];
      const takeRight = right !== undefined && isSooner(right, left);
      const child = takeRight ? right : left;
      if (!isSooner(child, item)) break;
      this.#place(child, at);
      at = takeRight ? leftAt + 1 : leftAt;
    }
    this.#place(item, at);
  }

  #place(item: T, at: number): void {
    this.#items[at] = item;
    item.heapIndex = at;
  }
}

function isSooner(a: HeapItem, b: HeapItem): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
