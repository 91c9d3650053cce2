import type { CollabError } from '../base/errors.ts';

/** Who waits for a lane. A race against one long-lived promise would keep a reaction for every delta ever awaited. */
export class LaneWaiters {
  readonly #waiting = new Set<(error: CollabError) => void>();

  /** What `wait` resolves to, unless everybody is disappointed before. */
  during<T>(wait: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      const settle = (settled: () => void) => {
        this.#waiting.delete(reject);
        settled();
      };
      wait().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  disappoint(error: CollabError): void {
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}
