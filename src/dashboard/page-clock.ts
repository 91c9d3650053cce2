/** How often what counts down is looked at: its text shows seconds. */
const tickMs = 1000;

/**
 * The clock of the daemon: set by each snapshot and carried on by the browser, so that a browser whose clock is wrong
 * counts right. It can be held, for a picture that stands still.
 */
export class PageClock {
  readonly #listeners = new Set<() => void>();
  #offsetMs = 0;
  #heldAtMs: number | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  get nowMs(): number {
    return this.#heldAtMs ?? elapsedMs() + this.#offsetMs;
  }

  /** @param at the daemon's time, just now. */
  set(at: string): void {
    this.#offsetMs = Date.parse(at) - elapsedMs();
    this.#tell();
  }

  hold(): void {
    this.#heldAtMs = this.nowMs;
  }

  resume(): void {
    this.#heldAtMs = null;
    this.#tell();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => this.#tell(), tickMs);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Since the page was opened. It never jumps. */
export function elapsedMs(): number {
  return performance.now();
}
