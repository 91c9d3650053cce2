/** Counts what kinds of states were opened and how they were found, for people. */
import type { Variant } from './crash-states.ts';
import type { DrawnState } from './draw-states.ts';
import type { NotOpened, Opened } from './judge.ts';

export class Tally {
  readonly #variants: readonly Variant[];
  readonly #ofVariant = new Map<string, number>();
  readonly #damage = new Map<string, number>();
  #states = 0;
  #pending = 0;
  #mostPending = 0;
  #tornStates = 0;
  #tornBlocks = 0;
  #sound = 0;
  #rebuilt = 0;
  #repaired = 0;
  #behind = 0;
  #byDaemon = 0;
  #refused = 0;

  constructor(variants: readonly Variant[]) {
    this.#variants = variants;
  }

  add({ draw, state, commitsLost }: DrawnState, opened: Opened | NotOpened, byDaemon: boolean): void {
    this.#states += 1;
    count(this.#ofVariant, draw.variant);
    this.#pending += state.pending;
    this.#mostPending = Math.max(this.#mostPending, state.pending);
    this.#tornBlocks += state.torn;
    if (state.torn > 0) this.#tornStates += 1;
    if (commitsLost > 0) this.#behind += 1;
    if (byDaemon) this.#byDaemon += 1;
    const { look } = opened;
    if ('failed' in opened) this.#refused += 1;
    else if (look.sound) this.#sound += 1;
    else if (look.damage.every((what) => what.startsWith('index'))) this.#rebuilt += 1;
    else this.#repaired += 1;
    // Numbers differ from state to state; the sentence tells the kind.
    for (const what of look.damage) count(this.#damage, what.replaceAll(/\d+/g, 'n'));
  }

  lines(): readonly string[] {
    if (this.#states === 0) return [];
    const byVariant = this.#variants.map((variant) => `${variant} ${this.#ofVariant.get(variant) ?? 0}`);
    return [
      `${this.#states} distinct states, ${this.#byDaemon} of them opened by the daemon itself: ${byVariant.join(', ')}`,
      `  pending: ${Math.round(this.#pending / this.#states)} on average, ${this.#mostPending} at most; ` +
        `${this.#tornBlocks} torn blocks in ${this.#tornStates} states; ` +
        `${this.#behind} states had lost commits that nobody had been told of`,
      `  sound at once: ${this.#sound}, only the index begun anew: ${this.#rebuilt}, ` +
        `log or trail repaired: ${this.#repaired}, not opened: ${this.#refused}`,
      ...[...this.#damage].sort(([, a], [, b]) => b - a).map(([what, times]) => `    ${times} × ${what}`),
    ];
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
