/** One catch-up after the other, and each peer once: two at a time would fetch the same deltas twice. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeId } from '../base/ids.ts';

/** Between two with one peer: what a gap brings about should not run in a circle at full speed. */
const pauseMs = 20;
const pauseAfterFailureMs = 500;

export class Puller {
  readonly #pull: (node: NodeId) => Promise<void>;
  readonly #wanted = new Set<NodeId>();
  #isRunning = false;
  #isClosed = false;

  constructor(pull: (node: NodeId) => Promise<void>) {
    this.#pull = pull;
  }

  want(node: NodeId): void {
    this.#wanted.add(node);
    if (!this.#isRunning) void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#wanted.clear();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (;;) {
      const [node] = this.#wanted;
      if (node === undefined || this.#isClosed) break;
      this.#wanted.delete(node);
      try {
        await this.#pull(node);
        await delay(pauseMs);
      } catch {
        // The next announcement, or the next minute, begins it again.
        await delay(pauseAfterFailureMs);
      }
    }
    this.#isRunning = false;
  }
}
