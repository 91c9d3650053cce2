import type { Clock } from '../base/clock.ts';
import type { AgentId } from '../base/ids.ts';

export interface Sighting {
  readonly agent: AgentId;
  readonly name: string | undefined;
  /** Epoch ms. */
  readonly lastMs: number;
}

/** Those seen last; an agent that comes back is seen anew. */
const maxAgents = 1000;

/** When each agent gave its last sign of life to this node. In memory, and forgotten with the daemon. */
export class Sightings {
  readonly #clock: Clock;
  /** In order of their last sign of life. */
  readonly #byAgent = new Map<AgentId, Sighting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param name undefined: the one it gave before stays. */
  note(agent: AgentId, name?: string): void {
    const before = this.#byAgent.get(agent);
    this.#byAgent.delete(agent);
    this.#byAgent.set(agent, { agent, name: name ?? before?.name, lastMs: this.#clock.wallMs() });
    if (this.#byAgent.size <= maxAgents) return;
    for (const oldest of this.#byAgent.keys()) {
      this.#byAgent.delete(oldest);
      return;
    }
  }

  get(agent: AgentId): Sighting | undefined {
    return this.#byAgent.get(agent);
  }

  /** Those of the last so many ms, the newest first. */
  lately(ms: number): readonly Sighting[] {
    const oldestMs = this.#clock.wallMs() - ms;
    return [...this.#byAgent.values()].filter(({ lastMs }) => lastMs >= oldestMs).toReversed();
  }
}
