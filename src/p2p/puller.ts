/** One catch-up after the other, and each peer once: two at a time would fetch the same deltas twice. */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeId } from '../base/ids.ts';

/** Between two with one peer: what a gap brings about should not run in a circle at full speed. */
const pauseMs = 20;
/** The next announcement, or the next minute, begins it again. */
const pauseAfterFailureMs = 500;
/** A peer from which too little comes in this time goes on beside the others instead of holding them back. */
const defaultPatienceMs = 2000;
/** So much in that time is enough: what a bad line brings. A peer that keeps to single bytes is not waited for. */
export const enoughBytes = 32 * 1024;

/** `onProgress` is to be called with the bytes whenever something came. */
export type Pull = (node: NodeId, onProgress: (bytes: number) => void) => Promise<void>;

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

  /** Resolves when it has ended, or when too little came for too long. */
  #turn(node: NodeId): Promise<void> {
    this.#underWay.add(node);
    return new Promise((resolve) => {
      let brought = 0;
      const patience = setInterval(() => {
        if (brought < enoughBytes) {
          clearInterval(patience);
          resolve();
        }
        brought = 0;
      }, this.#patienceMs);
      void this.#pull(node, (bytes) => {
        brought += bytes;
      })
        .then(
          () => pauseMs,
          () => pauseAfterFailureMs,
        )
        .then(async (thenMs) => {
          clearInterval(patience);
          resolve();
          await delay(thenMs);
          this.#underWay.delete(node);
          if (this.#wanted.has(node)) this.want(node);
        });
    });
  }
}
