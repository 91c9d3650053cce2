/**
 * What to do below a floor. A giver that has dropped the beginning of a source says so, and sends what it has. Another member may still
 * have it all; so the floor is taken only when every member that is connected has been asked and none could help, and only with proof: a
 * signed delta that goes on behind it.
 */
import type { NodeId } from '../base/ids.ts';
import type { Floor } from './log-window.ts';
import type { Replica } from './replica.ts';

export interface FloorsParts {
  readonly replica: Replica;
  readonly connected: () => readonly NodeId[];
  /** Resolves once the log goes on behind it. */
  readonly skip: (floor: { source: NodeId; seq: number; hash: Uint8Array }) => Promise<void>;
}

export interface FloorRound {
  offer(floor: Floor): void;
  /** @throws when what comes next would only be held: others are to be asked first. */
  settle(): Promise<void>;
  /** True after `settle` has thrown for that reason. */
  readonly isWaiting: boolean;
  end(): void;
}

export class Floors {
  readonly #parts: FloorsParts;
  /** Who has been asked since the source got stuck. */
  readonly #asked = new Map<NodeId, Set<NodeId>>();

  constructor(parts: FloorsParts) {
    this.#parts = parts;
  }

  begin(node: NodeId): FloorRound {
    const offers = new Map<NodeId, Floor>();
    let isWaiting = false;
    const markAsked = () => {
      for (const asked of this.#asked.values()) asked.add(node);
    };
    return {
      offer: (floor) => {
        const known = offers.get(floor.source);
        if (known === undefined || floor.head.seq < known.head.seq) offers.set(floor.source, floor);
      },
      settle: async () => {
        for (const floor of offers.values()) {
          if (await this.#resolve(node, floor)) offers.delete(floor.source);
        }
        if (offers.size === 0) return;
        isWaiting = true;
        throw new Error('others are to be asked first');
      },
      get isWaiting() {
        return isWaiting;
      },
      end: markAsked,
    };
  }

  /** True when nothing more needs to be done about it. */
  async #resolve(node: NodeId, { source, head }: Floor): Promise<boolean> {
    const { replica, connected, skip } = this.#parts;
    if (replica.seqOf(source) >= head.seq) {
      this.#asked.delete(source);
      return true;
    }
    const asked = this.#asked.get(source) ?? new Set<NodeId>();
    this.#asked.set(source, asked);
    asked.add(node);
    if (connected().some((other) => !asked.has(other))) return false;
    // Without proof it is a claim like any other, and what it speaks of stays away.
    if (!replica.goesOnBehind(source, head)) return true;
    await skip({ source, ...head });
    this.#asked.delete(source);
    replica.skipped(source, head);
    await replica.settled();
    return true;
  }
}
