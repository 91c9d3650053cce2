import { exitCodes, exitNow } from '../base/exit.ts';

/** Turns the first Ctrl-C into an abort, once somebody has something to abort. */
export class Interruption {
  readonly #controller = new AbortController();
  #listening = false;

  /** The second Ctrl-C ends the process at once: whatever is taken back must not be able to hang. */
  listen(): AbortSignal {
    if (!this.#listening) {
      this.#listening = true;
      process.on('SIGINT', () => {
        if (this.#controller.signal.aborted) exitNow(exitCodes.interrupted);
        this.#controller.abort(new Error('interrupted'));
      });
    }
    return this.#controller.signal;
  }

  get happened(): boolean {
    return this.#controller.signal.aborted;
  }
}
