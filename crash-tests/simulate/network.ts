import type { SeededRandom } from '../../test/support/seed.ts';

/** Loses, repeats, delays and so reorders messages between nodes that are given by number. */
export class Network {
  readonly #random: SeededRandom;
  readonly #cuts: { readonly isCut: (from: number, to: number) => boolean; readonly untilMs: number }[] = [];
  #loss = 0;
  #twice = 0;
  #delayMs = 0;
  #weatherUntilMs = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  cut(isCut: (from: number, to: number) => boolean, untilMs: number): void {
    this.#cuts.push({ isCut, untilMs });
  }

  weather(loss: number, twice: number, delayMs: number, untilMs: number): void {
    this.#loss = loss;
    this.#twice = twice;
    this.#delayMs = delayMs;
    this.#weatherUntilMs = untilMs;
  }

  heal(): void {
    this.#cuts.length = 0;
    this.#weatherUntilMs = 0;
  }

  isCut(from: number, to: number, trueMs: number): boolean {
    if (this.#cuts.length === 0) return false;
    return this.#cuts.some((cut) => trueMs < cut.untilMs && cut.isCut(from, to));
  }

  /** Delays of a message, one for each time that it arrives. */
  delays(trueMs: number): readonly number[] {
    const random = this.#random;
    const isBad = trueMs < this.#weatherUntilMs;
    if (!isBad) return [0.2 + 2 * random.next()];
    if (random.chance(this.#loss)) return [];
    const delays = [0.2 + this.#delayMs * random.next()];
    if (random.chance(this.#twice)) delays.push(0.2 + 4 * this.#delayMs * random.next());
    return delays;
  }
}
