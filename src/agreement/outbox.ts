import type { NodeId } from '../base/ids.ts';
import type { DurableState } from './durable-state.ts';
import type { Message } from './message.ts';
import type { Effects, Output } from './outcome.ts';

interface Send {
  readonly to: NodeId;
  readonly message: Message;
}

/**
 * Effects on their way out. While a write is under way, all messages after it wait for it: then nothing that a restart could
 * forget was ever said. Writes are rare (a new view, a vote, a block of rounds), so the one rule costs nothing and leaves
 * no case to reason about. Outputs do not wait, so that a stuck disk leaves no claim without an answer; who grants looks
 * at `isHeld` first.
 */
export class Outbox {
  #writes: { ticket: number; state: DurableState }[] = [];
  #sends: Send[] = [];
  #outputs: Output[] = [];
  #held: { readonly ticket: number; readonly send: Send }[] = [];
  #asked = 0;
  #done = 0;

  /** Whether something is to be written before anything may be said. */
  get isHeld(): boolean {
    return this.#asked > this.#done;
  }

  write(state: DurableState): void {
    this.#asked += 1;
    this.#writes.push({ ticket: this.#asked, state });
  }

  written(ticket: number): void {
    this.#done = Math.max(this.#done, ticket);
    if (this.#held.length === 0) return;
    for (const { ticket: after, send } of this.#held) if (after <= this.#done) this.#sends.push(send);
    this.#held = this.#held.filter((one) => one.ticket > this.#done);
  }

  send(to: NodeId, message: Message): void {
    const send = { to, message };
    if (this.isHeld) this.#held.push({ ticket: this.#asked, send });
    else this.#sends.push(send);
  }

  output(output: Output): void {
    this.#outputs.push(output);
  }

  take(): Effects {
    const effects = { writes: this.#writes, sends: this.#sends, outputs: this.#outputs };
    if (effects.writes.length > 0) this.#writes = [];
    if (effects.sends.length > 0) this.#sends = [];
    if (effects.outputs.length > 0) this.#outputs = [];
    return effects;
  }
}
