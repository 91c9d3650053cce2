/** One catch-up after the other, and each peer once: two at a time would fetch the same deltas twice. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeId } from '../base/ids.ts';

/** Between two with one peer: what a gap brings about should not run in a circle at full speed. */
const pauseMs = 20;
/** The next announcement, or the next minute, begins it again. */
const pauseAfterFailureMs = 500;
/** A peer from which nothing comes for this long goes on beside the others instead of holding them back. */
const defaultPatienceMs = 2000;

/** `onProgress` is to be called whenever something came. */
export type Pull = (node: NodeId, onProgress: () => void) => Promise<void>;

export class Puller {
  readonly #pull: Pull;
  readonly #patienceMs: number;
  readonly #wanted = new Set<NodeId>();
  readonly #underWay = new Set<NodeId>();
  #isRunning = false;
  #isClosed = false;

  constructor(pull: Pull, patienceMs: number = defaultPatienceMs) {
    this.#pull = pull;
    this.#patienceMs = patienceMs;
  }

  want(node: NodeId): void {
    if (this.#isClosed) return;
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
      const node = [...this.#wanted].find((wanted) => !this.#underWay.has(wanted));
      if (node === undefined) break;
      this.#wanted.delete(node);
      await this.#turn(node);
    }
    this.#isRunning = false;
  }

  /** Resolves when it has ended, or when nothing has come for too long. */
  #turn(node: NodeId): Promise<void> {
    this.#underWay.add(node);
    return new Promise((resolve) => {
      const patience = setTimeout(resolve, this.#patienceMs);
      void this.#pull(node, () => patience.refresh())
        .then(
          () => pauseMs,
          () => pauseAfterFailureMs,
        )
        .then(async (thenMs) => {
          clearTimeout(patience);
          resolve();
          await delay(thenMs);
          this.#underWay.delete(node);
          if (this.#wanted.has(node)) this.want(node);
        });
    });
  }
}
