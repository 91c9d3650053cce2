import type { Position } from '../base/ids.ts';

/** Told that everything above `before` up to `head` is committed now. Must not throw. */
export type CommitListener = (before: number, head: Position) => void;

/** Who wants to know how far a store has committed. */
export class CommitListeners {
  readonly #listeners = new Set<CommitListener>();
  #head: number;

  constructor(head: number) {
    this.#head = head;
  }

  add(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(head: Position): void {
    const before = this.#head;
    this.#head = head;
    for (const listener of this.#listeners) listener(before, head);
  }
}
