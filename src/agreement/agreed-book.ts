import type { AgentId, LockId } from '../base/ids.ts';
import type { Claim } from '../lock/claim.ts';
import { endedRefusal } from '../lock/denial.ts';
import type { EndCause, EndedLock, Lock } from '../lock/lock.ts';
import type { Refusal } from '../lock/outcome.ts';
import type { Overlap } from '../lock/scope.ts';
import { compiledOverlap, compileTarget, type Target } from '../lock/target.ts';
import type { HeldLock } from './held-lock.ts';

/** How a lease ends, as whoever ends it says. */
interface Ending {
  readonly cause: EndCause;
  readonly by?: string;
  readonly reason?: string;
}

/** The leases of this node's agents, and the newest that have ended. */
export class AgreedBook {
  readonly #held = new Map<LockId, HeldLock>();
  readonly #ofAgent = new Map<AgentId, Set<HeldLock>>();
  readonly #endings = new Map<LockId, Ending>();
  /** Oldest first. */
  readonly #ended = new Map<LockId, EndedLock>();
  readonly #endedKept: number;
  readonly #moved = new Set<HeldLock>();

  constructor(endedKept: number) {
    this.#endedKept = endedKept;
  }

  get size(): number {
    return this.#held.size;
  }

  get(id: LockId): HeldLock | undefined {
    return this.#held.get(id);
  }

  all(): readonly HeldLock[] {
    return [...this.#held.values()];
  }

  of(agent: AgentId): Iterable<HeldLock> {
    return [...(this.#ofAgent.get(agent) ?? [])];
  }

  hasAny(agent: AgentId): boolean {
    return this.#ofAgent.has(agent);
  }

  endOf(id: LockId): Refusal | undefined {
    const ended = this.#ended.get(id);
    return ended === undefined ? undefined : endedRefusal(ended);
  }

  add(held: HeldLock): void {
    this.#held.set(held.id, held);
    const { agent } = held.claim;
    const own = this.#ofAgent.get(agent);
    if (own === undefined) this.#ofAgent.set(agent, new Set([held]));
    else own.add(held);
  }

  /** Its lines are not those of its claim any more. */
  moved(held: HeldLock): void {
    this.#moved.add(held);
  }

  /** The lease is about to be released, for this reason and not because its holder asked. */
  endsBy(id: LockId, ending: Ending): void {
    this.#endings.set(id, ending);
  }

  end(held: HeldLock, lock: Lock, atMs: number, ending: Ending, whyLost: () => string): EndedLock {
    const { cause, by, reason } = this.#endings.get(held.id) ?? ending;
    this.#endings.delete(held.id);
    const text = reason ?? (cause === 'lost' ? whyLost() : undefined);
    const ended: EndedLock = {
      lock,
      cause,
      atMs,
      ...(by === undefined ? {} : { by }),
      ...(text === undefined ? {} : { reason: text }),
    };
    this.#held.delete(held.id);
    this.#moved.delete(held);
    const own = this.#ofAgent.get(held.claim.agent);
    own?.delete(held);
    if (own?.size === 0) this.#ofAgent.delete(held.claim.agent);
    this.#ended.set(held.id, ended);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > this.#endedKept && oldest !== undefined) this.#ended.delete(oldest);
    return ended;
  }

  /** A lease of another agent whose lines have moved into the claim's way. */
  movedRival(
    claim: Claim,
  ): { readonly held: HeldLock; readonly target: Target; readonly overlap: Overlap } | undefined {
    const wanted = claim.targets.map(compileTarget);
    for (const held of this.#moved) {
      if (held.claim.agent === claim.agent) continue;
      if (claim.mode === 'shared' && held.claim.mode === 'shared') continue;
      for (const mine of wanted) {
        for (const theirs of held.compiled) {
          const overlap = compiledOverlap(mine, theirs);
          if (overlap !== undefined) return { held, target: theirs.target, overlap };
        }
      }
    }
    return undefined;
  }
}
