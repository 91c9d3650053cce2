/** What happens to a simulated cluster, drawn from a seed before it begins: so that a failing run can be cut down action by action. */
import { type SeededRandom, seededRandom } from '../../test/support/seed.ts';

export type Action =
  | {
      readonly kind: 'claim';
      readonly node: number;
      readonly agent: number;
      readonly targets: readonly number[];
      readonly shared: boolean;
      readonly ttlMs: number;
      readonly waitMs: number;
      readonly priority: number;
    }
  /** `nth` counts back among the locks that there are. `asOther`: by an agent that does not hold it, which must do nothing. */
  | { readonly kind: 'release'; readonly nth: number; readonly asOther: boolean }
  | { readonly kind: 'renew'; readonly nth: number; readonly ttlMs: number }
  | { readonly kind: 'touch'; readonly nth: number }
  | { readonly kind: 'force'; readonly nth: number; readonly node: number }
  | { readonly kind: 'cancel'; readonly node: number }
  /** Another member says that a lock is over, which is not its to say. */
  | { readonly kind: 'meddle'; readonly nth: number; readonly node: number }
  /** Nodes of the mask cannot be reached by the others, nor reach them. */
  | { readonly kind: 'partition'; readonly mask: number; readonly forMs: number }
  | { readonly kind: 'one-way'; readonly from: number; readonly to: number; readonly forMs: number }
  | {
      readonly kind: 'weather';
      readonly loss: number;
      readonly twice: number;
      readonly delayMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'crash'; readonly node: number; readonly forMs: number; readonly losesDisk: boolean }
  | { readonly kind: 'pause'; readonly node: number; readonly forMs: number }
  | { readonly kind: 'suspend'; readonly node: number; readonly forMs: number }
  | { readonly kind: 'set-wall'; readonly node: number; readonly byMs: number }
  | { readonly kind: 'slow'; readonly node: number; readonly delayMs: number; readonly forMs: number }
  | { readonly kind: 'slow-disk'; readonly node: number; readonly delayMs: number; readonly forMs: number }
  | { readonly kind: 'join'; readonly by: number; readonly count: number }
  | { readonly kind: 'leave'; readonly node: number }
  | { readonly kind: 'evict'; readonly node: number; readonly by: number };

export interface TimedAction {
  readonly atMs: number;
  readonly action: Action;
}

export interface Script {
  readonly seed: number;
  readonly nodes: number;
  /** Rate of each node's monotonic clock against true time; joiners take the next. */
  readonly rates: readonly number[];
  /** Trouble is over at this time. */
  readonly calmMs: number;
  readonly actions: readonly TimedAction[];
}

export type FaultKind = Exclude<
  Action['kind'],
  'claim' | 'release' | 'renew' | 'touch' | 'force' | 'cancel' | 'meddle'
>;

const faultKinds: readonly FaultKind[] = [
  'partition',
  'one-way',
  'weather',
  'crash',
  'pause',
  'suspend',
  'set-wall',
  'slow',
  'slow-disk',
  'join',
  'leave',
  'evict',
];

/** Targets that claims choose from; simulation.ts has them. */
const targetCount = 8;
const agentsPerNode = 2;
/** The longest ttl; the cluster needs so long to forget what a dead node held. */
export const maxTtlMs = 8000;

export interface Draws {
  readonly nodes?: number | undefined;
  /** These kinds of faults, all of them, and claims that meet. */
  readonly faults?: readonly FaultKind[] | undefined;
}

export function drawScript(seed: number, { nodes, faults: chosen }: Draws = {}): Script {
  const random = seededRandom(seed);
  const count = nodes ?? random.pick(chosen === undefined ? [1, 2, 2, 3, 3, 3, 4, 5, 5, 7] : [2, 3, 3, 4, 5]);
  const calmMs = random.int(8000, 25_000);
  // Swarm testing (Groce et al. 2012): leaving kinds of faults out reaches states that all of them together never do.
  const faults = chosen ?? faultKinds.filter(() => random.chance(0.4));
  const draw = new Draw(random, count, faults, chosen !== undefined || random.chance(0.5));
  const actions: TimedAction[] = [];
  const [claimGapMs, faultGapMs] = [random.int(80, 600), random.int(400, 3000)];
  for (let at = random.int(0, claimGapMs); at < calmMs; at += random.int(1, 2 * claimGapMs))
    for (const action of draw.work()) actions.push({ atMs: at, action });
  for (
    let at = random.int(200, 2 * faultGapMs);
    at < calmMs && faults.length > 0;
    at += random.int(1, 2 * faultGapMs)
  )
    actions.push({ atMs: at, action: draw.fault() });
  actions.sort((a, b) => a.atMs - b.atMs);
  const isExtreme = random.chance(0.6);
  const rates = Array.from({ length: 24 }, () =>
    isExtreme ? random.pick([0.99, 1.01]) : 0.99 + 0.02 * random.next(),
  );
  return { seed, nodes: count, rates, calmMs, actions };
}

class Draw {
  readonly #random: SeededRandom;
  readonly #nodes: number;
  readonly #faults: readonly FaultKind[];
  readonly #isHot: boolean;
  readonly #waits: number;

  constructor(random: SeededRandom, nodes: number, faults: readonly FaultKind[], isHot: boolean) {
    this.#random = random;
    this.#nodes = nodes;
    this.#faults = faults;
    this.#isHot = isHot;
    this.#waits = random.pick([0, 0.3, 0.8]);
  }

  #node(): number {
    // Joiners have numbers beyond the first nodes; one that is not there does nothing.
    return this.#random.int(0, this.#nodes - 1 + (this.#faults.includes('join') ? 1 : 0));
  }

  /** One, or claims of several nodes at once. */
  work(): readonly Action[] {
    const racers = this.#random.chance(0.15) ? this.#random.int(2, 3) : 0;
    return racers === 0 ? [this.#one()] : Array.from({ length: racers }, () => this.#claim());
  }

  #one(): Action {
    const random = this.#random;
    const roll = random.next();
    const nth = random.int(0, 3);
    if (roll < 0.6) return this.#claim();
    if (roll < 0.78) return { kind: 'release', nth, asOther: random.chance(0.15) };
    if (roll < 0.86) return { kind: 'renew', nth, ttlMs: random.int(500, maxTtlMs) };
    if (roll < 0.92) return { kind: 'touch', nth };
    if (roll < 0.95) return { kind: 'force', nth, node: this.#node() };
    if (roll < 0.97) return { kind: 'cancel', node: this.#node() };
    return { kind: 'meddle', nth, node: this.#node() };
  }

  #claim(): Action {
    const random = this.#random;
    const top = this.#isHot ? 2 : targetCount - 1;
    const targets = [...new Set([random.int(0, top), random.chance(0.2) ? random.int(0, top) : 0])];
    return {
      kind: 'claim',
      node: this.#node(),
      agent: random.int(0, agentsPerNode - 1),
      targets: random.chance(0.3) ? targets : targets.slice(0, 1),
      shared: random.chance(0.2),
      ttlMs: random.chance(0.3) ? random.int(300, 2000) : random.int(2000, maxTtlMs),
      waitMs: random.chance(this.#waits) ? random.int(100, 8000) : 0,
      priority: random.chance(0.1) ? random.int(-1, 1) : 0,
    };
  }

  fault(): Action {
    const random = this.#random;
    const forMs = random.chance(0.7) ? random.int(50, 3000) : random.int(3000, 12_000);
    const node = this.#node();
    const kind = random.pick(this.#faults);
    switch (kind) {
      case 'partition':
        return { kind, mask: random.int(1, 2 ** this.#nodes - 1), forMs };
      case 'one-way':
        return { kind, from: node, to: this.#node(), forMs };
      case 'weather': {
        const [loss, twice] = [random.next() * 0.5, random.next() * 0.3];
        return { kind, loss, twice, delayMs: random.pick([5, 50, 400]), forMs };
      }
      case 'crash':
        return { kind, node, forMs, losesDisk: random.chance(0.1) };
      case 'set-wall':
        return { kind, node, byMs: random.pick([-1, 1]) * random.pick([1500, 5000, 60_000, 3_600_000]) };
      case 'slow':
      case 'slow-disk':
        return { kind, node, delayMs: random.int(5, 900), forMs };
      case 'join':
        return { kind, by: node, count: random.pick([1, 1, 2, 3]) };
      case 'leave':
        return { kind, node };
      case 'evict':
        return { kind, node, by: this.#node() };
      default:
        return { kind, node, forMs };
    }
  }
}
