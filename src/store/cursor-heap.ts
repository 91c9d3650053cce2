/** Cursors of several runs as one: a binary heap by their keys (Williams, 1964), for merging and for queries over many runs. */
import { compareKeys, type KeyView } from './run-block.ts';

interface Cursor extends KeyView {
  next(): boolean;
}

export class CursorHeap<C extends Cursor> {
  readonly #heap: C[] = [];

  /** Takes cursors that were not begun. */
  constructor(cursors: readonly C[]) {
    for (const cursor of cursors) if (cursor.next()) this.#heap.push(cursor);
    for (let at = this.#heap.length >> 1; at >= 0; at--) this.#sink(at);
  }

  /** The one with the least key, on which it stands; undefined at the end of all. */
  get least(): C | undefined {
    return this.#heap[0];
  }

  /** Moves the least on by a key. */
  advance(): void {
    const heap = this.#heap;
    if (heap[0]?.next() === false) {
      const last = heap.pop() as C;
      if (heap.length === 0) return;
      heap[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const cursor = heap[from];
    if (cursor === undefined) return;
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      const [first, second] = [heap[left], heap[left + 1]];
      if (first === undefined) return;
      const isSecond = second !== undefined && isBelow(second, first);
      const child = isSecond ? second : first;
      if (!isBelow(child, cursor)) return;
      heap[at] = child;
      at = isSecond ? left + 1 : left;
      heap[at] = cursor;
    }
  }
}

function isBelow(a: KeyView, b: KeyView): boolean {
  return compareKeys(a.key, a.length, b.key, b.length) < 0;
}
