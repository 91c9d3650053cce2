/** This node's deltas: drafts them, saves them, and tells subscribers of each one once it is committed. */
import { systemClock } from '../base/clock.ts';
import { CollabError } from '../base/errors.ts';
import type { HybridClock } from '../base/hybrid-clock.ts';
import type { NodeId, Position } from '../base/ids.ts';
import { maxPayloadDepth } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { type Delta, type DeltaDraft, deltaId, parseDeltaId, type StoredDelta } from '../delta/delta.ts';
import { DeltaAuthor } from '../delta/delta-author.ts';
import type { DeltaStore, Durability } from '../store/delta-store.ts';

/** Deltas read in one go for a follower. */
const tellStep = 200;

export class DeltaService {
  readonly store: DeltaStore;
  readonly #author: DeltaAuthor;
  readonly #logger: Logger;
  readonly #refusal: () => CollabError | undefined;
  readonly #onDurable: (durability: Durability, seconds: number) => void;

  constructor(components: {
    readonly store: DeltaStore;
    readonly clock: HybridClock;
    readonly node: NodeId;
    readonly logger: Logger;
    /** Why nothing new should be taken now, if so. @default nothing speaks against it */
    readonly refusal?: () => CollabError | undefined;
    /** Hears how long each delta took until it was as durable as was asked for. */
    readonly onDurable?: (durability: Durability, seconds: number) => void;
  }) {
    this.store = components.store;
    this.#author = new DeltaAuthor({ source: components.node, clock: components.clock });
    this.#logger = components.logger;
    this.#refusal = components.refusal ?? (() => undefined);
    this.#onDurable = components.onDurable ?? (() => {});
  }

  /** @throws as `DeltaStore.save`; what was refused has taken no seq. */
  async append(draft: DeltaDraft, durability: Durability): Promise<Delta & { readonly position: Position }> {
    assertDepth(draft.payload);
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const delta = this.#author.draft(draft, this.store.vector());
    const beganMs = systemClock.monotonicMs();
    const [position] = (await this.store.save({ delta }, durability)).positions;
    this.#onDurable(durability, (systemClock.monotonicMs() - beganMs) / 1000);
    if (position === undefined)
      throw new CollabError('INTERNAL', `the delta ${delta.id} was in the log already`);
    return { ...delta, position };
  }

  /**
   * The delta of an id as people type it: the source may be shortened to its end.
   * @throws NOT_FOUND; INVALID_ARGUMENT when the text is no id or fits several sources.
   */
  async find(text: string): Promise<StoredDelta> {
    const parsed = parseDeltaId(text);
    if (parsed === undefined) {
      throw new CollabError('INVALID_ARGUMENT', `"${text.slice(0, 80)}" is not the id of a delta`, {
        next: 'Take an id from `agent-collab log` or `agent-collab context list`; it looks like 12D3Koo…:42.',
      });
    }
    const sources = this.sourcesEndingWith(parsed.source);
    if (sources.length > 1) {
      throw new CollabError('INVALID_ARGUMENT', `"${text}" fits ${sources.length} nodes`, {
        next: 'Write more of the id.',
      });
    }
    const [source] = sources;
    const found = source === undefined ? undefined : await this.store.get(deltaId(source, parsed.seq));
    if (found === undefined) {
      throw new CollabError('NOT_FOUND', `no delta has the id ${text}`, {
        next: 'List what is there: agent-collab log.',
      });
    }
    return found;
  }

  sourcesEndingWith(text: string): readonly NodeId[] {
    return (Object.keys(this.store.vector()) as NodeId[]).filter((source) => source.endsWith(text));
  }

  /** Calls `listener` for each delta that is committed from now on, in order, until the returned function is called. */
  subscribe(listener: (delta: StoredDelta) => void): () => void {
    let telling = Promise.resolve();
    return this.store.onCommitted((before, head) => {
      telling = telling
        .then(() => this.#tell(before, head, listener))
        .catch((error: unknown) => {
          this.#logger.warn('deltas were not told to a follower', { before, head, error: String(error) });
        });
    });
  }

  async #tell(before: number, head: number, listener: (delta: StoredDelta) => void): Promise<void> {
    for (let from = before; from < head; from += tellStep) {
      const to = Math.min(head, from + tellStep);
      const step = await this.store.getLatest({ limit: to - from }, (to + 1) as Position);
      for (const delta of step.toReversed()) if (delta.position > from) listener(delta);
    }
  }
}

/** @throws INVALID_ARGUMENT when the payload is nested so deeply that decoding it could exhaust a stack. */
function assertDepth(payload: unknown): void {
  let level: unknown[] = [payload];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxPayloadDepth) {
      throw new CollabError('INVALID_ARGUMENT', `the payload is nested over ${maxPayloadDepth} levels deep`);
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}
